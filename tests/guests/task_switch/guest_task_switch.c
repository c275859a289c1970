/* SPDX-License-Identifier: MIT */
/*
 * A hardware task switch exits always: SDM Vol. 3C "Instructions That Cause VM Exits
 * Unconditionally". Trivet does none; it ends the guest and says so.
 */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "tests/guests/shared/probe_rules.h"

enum { TSS32_WORDS = 26, TSS_EIP = 8, TSS_EFLAGS = 9, TSS_ESP = 14, TSS_ES = 18, TSS_CS = 19 };
enum { TSS_SS = 20, TSS_DS = 21 };

uint32_t guest_main(void)
{
	static uint32_t task[TSS32_WORDS] __attribute__((aligned(128)));
	/* jmp 0x60:0, the selector of the task */
	struct guest_probe probe =
		guest_probe_make(PROBE_PROTECTED32, PROBE_CODE("\xea\0\0\0\0\x60\0"));

	if (!report_has_trivet("task_switch_ends_the_guest")) {
		return report_result();
	}
	/* If it is done all the same, the new task comes back by the probe's INT 0x80. */
	task[TSS_EIP] = (uint32_t)guest_probe_code_address() + 7;
	task[TSS_EFLAGS] = RFLAGS_FIXED;
	task[TSS_ESP] = (uint32_t)guest_probe_stack_top();
	task[TSS_ES] = task[TSS_SS] = task[TSS_DS] = SELECTOR_KERNEL_DATA;
	task[TSS_CS] = SELECTOR_KERNEL_CODE32;
	guest_segments_set(
		SELECTOR_TASK, guest_segments_tss32((uint32_t)(uintptr_t)task, sizeof(task)));
	report_pass("about_to_switch_tasks");
	guest_probe_run(&probe);
	report_equal("task_switch_ends_the_guest", probe.vector, 0);
	return report_result();
}
