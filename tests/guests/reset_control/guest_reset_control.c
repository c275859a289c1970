/* SPDX-License-Identifier: MIT */
/* Bit 2 of port 0xCF9 resets the machine: the guest ends. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

uint32_t guest_main(void)
{
	if (report_has_trivet("reset_control_ends_the_guest")) {
		report_pass("about_to_end");
		guest_print_flush();
		guest_out8(0xcf9, 0x06);
		report_true("reset_control_ends_the_guest", false);
	}
	return report_result();
}
