/* SPDX-License-Identifier: MIT */
/*
 * Debugging across instructions that the hypervisor completes: exactly one single-step #DB behind
 * each, RFLAGS.RF cleared, so that a breakpoint on the next instruction strikes.
 * SDM Vol. 3B "Single-Step Exception Condition" and "Instruction-Breakpoint Exception Condition".
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/emulated.h"

#define NOP            "\x90"
#define DR7_FIXED      0x400ull
#define DR7_L0         1ull
#define DR6_EVENT_BITS (DR6_B0 | DR6_BD | DR6_BS)

static void check_step(const struct emulated *instruction)
{
	struct guest_probe probe = emulated_probe(instruction, "", NOP);
	const int64_t size = instruction->code_size_bytes;

	probe.rflags_in |= RFLAGS_TF;
	guest_probe_run(&probe);
	report_done("goes_on_with_tf", &probe);
	report_equal("one_db_each", probe.step_count, 2);
	report_equal(
		"first_db_right_behind_it", (uint64_t)probe.steps[0].rip_offset, (uint64_t)size);
	report_equal("first_db_has_bs", probe.steps[0].dr6 & DR6_EVENT_BITS, DR6_BS);
	report_equal("second_db_behind_the_nop", (uint64_t)probe.steps[1].rip_offset,
		(uint64_t)size + 1);
	report_equal("tf_is_kept", probe.rflags_out & RFLAGS_TF, RFLAGS_TF);
}

static void check_breakpoint(const struct emulated *instruction)
{
	struct guest_probe probe = emulated_probe(instruction, "", NOP);
	const uint64_t next = guest_probe_code_address() + instruction->code_size_bytes;

	guest_write_dr6(0);
	guest_write_dr0(next);
	guest_write_dr7(DR7_FIXED | DR7_L0);
	probe.rflags_in |= RFLAGS_RF;
	guest_probe_run(&probe);
	guest_write_dr7(DR7_FIXED);
	report_done("goes_on_with_rf", &probe);
	report_equal("rf_is_cleared_so_the_next_breakpoint_strikes", probe.step_count, 1);
	report_equal("breakpoint_strikes_at_the_next_instruction",
		(uint64_t)probe.steps[0].rip_offset, instruction->code_size_bytes);
	report_equal("breakpoint_has_b0_only", probe.steps[0].dr6 & DR6_EVENT_BITS, DR6_B0);
}

static void check_without_tf(const struct emulated *instruction)
{
	struct guest_probe probe = emulated_probe(instruction, "", NOP);

	guest_probe_run(&probe);
	report_done("goes_on_without_tf", &probe);
	report_equal("no_db_without_tf", probe.step_count, 0);
}

static void check(const struct emulated *instruction)
{
	check_without_tf(instruction);
	check_step(instruction);
	check_breakpoint(instruction);
}

/* A fault that the hypervisor raises must not bring a single-step trap of its own. */
static void check_fault(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x32"));

	probe.in.rcx = 0xffffffff;
	probe.rflags_in |= RFLAGS_TF;
	guest_probe_run(&probe);
	report_fault("gp_of_rdmsr_with_tf", &probe, VECTOR_GP, 0);
	report_equal("no_db_before_the_gp", probe.step_count, 0);
	probe.rflags_in |= RFLAGS_RF;
	guest_probe_run(&probe);
	report_equal("gp_saves_rf_set", probe.rflags_out & RFLAGS_RF, RFLAGS_RF);
}

uint32_t guest_main(void)
{
	emulated_for_each(check);
	check_fault();
	return report_result();
}
