/* SPDX-License-Identifier: MIT */
/* An instruction other than MOV on an address without memory ends this guest, with its bytes told.
 */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/probe_rules.h"

uint32_t guest_main(void)
{
	/* lock xadd [rdi], eax */
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xf0\x0f\xc1\x07"));

	if (report_has_trivet("other_instruction_ends_the_guest")) {
		report_pass("about_to_use_memory_that_is_not_there");
		probe.in.rdi = UNMAPPED_PHYSICAL;
		guest_probe_run(&probe);
		report_equal("other_instruction_ends_the_guest", probe.vector, 0);
	}
	return report_result();
}
