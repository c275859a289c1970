/* SPDX-License-Identifier: MIT */
/* Without an IDT the first exception is a triple fault: the guest crashed, its registers are told.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

uint32_t guest_main(void)
{
	const struct guest_table_pointer nothing = {0, 0};
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x0b"));

	if (report_has_trivet("triple_fault_ends_the_guest")) {
		report_pass("about_to_triple_fault");
		guest_print_flush();
		probe.in.r15 = 0x7269766574ull;
		guest_lidt(&nothing);
		guest_probe_run(&probe);
		report_true("triple_fault_ends_the_guest", false);
	}
	return report_result();
}
