/* SPDX-License-Identifier: MIT */
/* MONITOR and MWAIT are hidden by CPUID and raise #UD; PAUSE goes on; RDPMC has no counters. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/probe_rules.h"

#define CPUID_1_ECX_MONITOR (1u << 3)
enum { PAUSE_COUNT = 10000 };

uint32_t guest_main(void)
{
	static const struct fault_rule hidden[] = {
		{"monitor_hidden_raises_ud", PROBE_CODE("\x0f\x01\xc8"), 0, 0, 0, VECTOR_UD, 0},
		{"mwait_hidden_raises_ud", PROBE_CODE("\x0f\x01\xc9"), 0, 0, 0, VECTOR_UD, 0},
	};
	static const struct fault_rule shown[] = {
		{"pause_goes_on", PROBE_CODE("\xf3\x90"), 0, 0, 0, VECTOR_PROBE_END, 0},
		{"rdpmc_of_no_counter_raises_gp", PROBE_CODE("\x0f\x33"), 0, 0x12345, 0, VECTOR_GP,
			0},
	};

	if ((guest_cpuid(1, 0).ecx & CPUID_1_ECX_MONITOR) == 0) {
		probe_rules_check(PROBE_KERNEL, hidden, ARRAY_COUNT(hidden));
	} else {
		report_skip("monitor_hidden_raises_ud", "shown");
	}
	probe_rules_check(PROBE_KERNEL, shown, ARRAY_COUNT(shown));
	for (unsigned i = 0; i < PAUSE_COUNT; i++) {
		guest_pause();
	}
	report_pass("pauses_go_on");
	return report_result();
}
