/* SPDX-License-Identifier: MIT */
/* A jump to an address without memory cannot go on: it ends this guest, with a report. */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/probe_rules.h"

uint32_t guest_main(void)
{
	/* jmp rdi */
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xff\xe7"));

	if (report_has_trivet("fetch_without_memory_ends_the_guest")) {
		report_pass("about_to_jump_to_where_no_memory_is");
		probe.in.rdi = UNMAPPED_PHYSICAL;
		guest_probe_run(&probe);
		report_equal("fetch_without_memory_ends_the_guest", probe.vector, 0);
	}
	return report_result();
}
