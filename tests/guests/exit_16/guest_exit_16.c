/* SPDX-License-Identifier: MIT */
/* A 16-bit write to the debug-exit port: the low byte is the exit status. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

uint32_t guest_main(void)
{
	if (report_has_trivet("debug_exit_16_ends_the_guest")) {
		report_pass("about_to_end");
		guest_print_flush();
		guest_out16(0xf4, 0x1207);
		report_true("debug_exit_16_ends_the_guest", false);
	}
	return report_result();
}
