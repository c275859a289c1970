/* SPDX-License-Identifier: MIT */
/* The x87, SSE and AVX registers survive exits, thousands of them. */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/vector_state.h"

enum { ROUNDS = 20, EXITS_A_ROUND = 250 };

static struct vector_state before;
static struct vector_state after;

static void check(const char *rule, enum vector_operation operation)
{
	unsigned equal = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		vector_state_fill(&before, i);
		memset(&after, 0, sizeof(after));
		vector_state_run(&before, &after, operation, EXITS_A_ROUND);
		equal += vector_state_is_equal(&before, &after);
	}
	report_equal(rule, equal, ROUNDS);
}

uint32_t guest_main(void)
{
	if (!vector_state_enable()) {
		report_skip("avx_registers_survive", "no AVX: SSE only");
	}
	check("registers_survive_cpuid_exits", VECTOR_OPERATION_CPUID);
	check("registers_survive_port_exits", VECTOR_OPERATION_IN);
	if (report_has_trivet("registers_survive_vmcall_exits")) {
		check("registers_survive_vmcall_exits", VECTOR_OPERATION_VMCALL);
	}
	return report_result();
}
