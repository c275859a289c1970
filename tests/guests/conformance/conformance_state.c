/* SPDX-License-Identifier: MIT */
/* What a call leaves alone: all registers but RAX, the flags, x87, SSE and AVX. */
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"
#include "tests/guests/shared/vector_state.h"
#include "tests/guests/shared/vmcall_rules.h"

enum { CALLS = 3, SEED = 29 };

static void check_registers(const char *name, uint64_t number, uint64_t flags)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, CODE_VMCALL);

	probe.in.rax = number;
	probe.rflags_in |= flags;
	guest_probe_run(&probe);
	case_begin("state", "registers", name);
	case_probe(&probe);
	case_value("rflags_changed", (probe.rflags_in ^ probe.rflags_out) & ~RFLAGS_RF);
	case_text("rsp", probe.rsp_out == guest_probe_stack_top() ? "same" : "changed");
	case_end(case_others_are_same(&probe) && probe.rsp_out == guest_probe_stack_top() &&
		 ((probe.rflags_in ^ probe.rflags_out) & ~RFLAGS_RF) == 0);
}

/* The same pattern in every register. */
static void check_patterns(const char *name, uint64_t pattern)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, CODE_VMCALL);
	uint64_t *registers = (uint64_t *)&probe.in;

	for (size_t i = 1; i < sizeof(probe.in) / sizeof(uint64_t); i++) {
		registers[i] = pattern;
	}
	probe.in.rax = UNKNOWN_CALL;
	guest_probe_run(&probe);
	case_begin("state", "registers", name);
	case_result(&probe, (uint64_t)-TRIVET_ENOSYS);
}

static void check_vectors(void)
{
	static struct vector_state in;
	static struct vector_state out;
	const bool has_avx = vector_state_enable();

	vector_state_fill(&in, SEED);
	memset(&out, 0, sizeof(out));
	vector_state_run(&in, &out, VECTOR_OPERATION_VMCALL, CALLS);
	case_begin("state", NULL, "x87_sse_avx");
	case_value("avx", has_avx);
	case_text("vectors", vector_state_is_equal(&in, &out) ? "same" : "changed");
	case_end(vector_state_is_equal(&in, &out));
}

void conformance_state(void)
{
	check_registers("flags_clear", KVM_CALL_VAPIC_POLL_IRQ, 0);
	check_registers("flags_status", KVM_CALL_VAPIC_POLL_IRQ, RFLAGS_STATUS);
	check_registers("flags_df_ac", UNKNOWN_CALL, RFLAGS_STATUS | RFLAGS_DF | RFLAGS_AC);
	check_registers("flags_if", KVM_CALL_VAPIC_POLL_IRQ, RFLAGS_IF);
	check_registers("flags_iopl", UNKNOWN_CALL, RFLAGS_IOPL3);
	check_patterns("all_ones", ~0ull);
	check_patterns("all_zeros", 0);
	check_vectors();
}
