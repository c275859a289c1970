/* SPDX-License-Identifier: MIT */
/* HLT with interrupts off, and nobody who could wake it: the guest is halted for good. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

uint32_t guest_main(void)
{
	if (report_has_trivet("hlt_ends_the_guest")) {
		report_pass("about_to_halt");
		guest_print_flush();
		guest_cli();
		guest_hlt();
		report_true("hlt_ends_the_guest", false);
	}
	return report_result();
}
