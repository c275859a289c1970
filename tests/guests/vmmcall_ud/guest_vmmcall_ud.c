/* SPDX-License-Identifier: MIT */
/* Run with vmmcall=ud: VMMCALL is what it is on the bare processor. */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"

uint32_t guest_main(void)
{
	static const enum guest_probe_mode modes[] = {
		PROBE_KERNEL, PROBE_USER, PROBE_COMPATIBILITY, PROBE_PROTECTED32, PROBE_REAL};

	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct guest_probe probe = guest_probe_make(modes[i], PROBE_CODE("\x0f\x01\xd9"));

		guest_probe_run(&probe);
		report_set_scope(guest_probe_mode_name(modes[i]));
		report_fault("vmmcall_is_ud", &probe, VECTOR_UD, 0);
	}
	return report_result();
}
