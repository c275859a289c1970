/* SPDX-License-Identifier: MIT */
/* Command 0xFE of the 8042 resets the machine: the guest ends. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

uint32_t guest_main(void)
{
	if (report_has_trivet("keyboard_reset_ends_the_guest")) {
		report_pass("about_to_end");
		guest_print_flush();
		guest_out8(0x64, 0xfe);
		report_true("keyboard_reset_ends_the_guest", false);
	}
	return report_result();
}
