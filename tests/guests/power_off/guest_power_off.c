/* SPDX-License-Identifier: MIT */
/* SLP_EN in the PM1a control register: the guest is powered off. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

uint32_t guest_main(void)
{
	if (report_has_trivet("pm1a_control_powers_off")) {
		report_pass("about_to_end");
		guest_print_flush();
		guest_out16(0x604, 0x2000);
		report_true("pm1a_control_powers_off", false);
	}
	return report_result();
}
