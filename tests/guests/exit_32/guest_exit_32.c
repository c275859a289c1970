/* SPDX-License-Identifier: MIT */
/* A 32-bit write whose low byte is 0: the status is not 0. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

uint32_t guest_main(void)
{
	if (report_has_trivet("debug_exit_32_ends_the_guest")) {
		report_pass("about_to_end");
		guest_print_flush();
		guest_out32(0xf4, 0x12345600);
		report_true("debug_exit_32_ends_the_guest", false);
	}
	return report_result();
}
