/* SPDX-License-Identifier: MIT */
/* Does a little work, says the same as ever, and resets the machine by port 0xCF9. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

enum { RESET_CONTROL_PORT = 0xcf9, RESET_HARD = 0x06, WORDS = 4096, RESET_WAIT = 100000000 };

static volatile uint32_t words[WORDS];

uint32_t guest_main(void)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < WORDS; i++) {
		sum += words[i];
		words[i] = i;
	}
	report_equal("memory_of_the_image_is_fresh", sum, 0);
	for (uint32_t i = 0; i < WORDS; i++) {
		sum += words[i];
	}
	report_equal("the_sum_is_right", sum, WORDS * (WORDS - 1) / 2);
	guest_printf("reboot_loop resets\n");
	guest_print_flush();
	guest_out8(RESET_CONTROL_PORT, RESET_HARD);
	for (unsigned i = 0; i < RESET_WAIT; i++) {
		guest_pause();
	}
	report_true("the_reset_comes", false);
	return report_result();
}
