/* SPDX-License-Identifier: MIT */
/*
 * An exit in the shadow of STI or MOV SS ends the shadow. Without an interrupt controller the STI
 * shadow shows only where an entry with both it and RFLAGS.TF would fail; the MOV-SS shadow holds
 * back debug exceptions, so single steps show it.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "tests/guests/shared/emulated.h"
#include "tests/guests/shared/probe_rules.h"

#define STI        "\xfb"
#define CLI        "\xfa"
#define MOV_SS_R8D "\x41\x8e\xd0"
#define NOP        "\x90"
#define NOP_STI    "\x90\xfb"

static void expect_steps(
	const char *rule, const struct guest_probe *probe, const int64_t *offsets, unsigned count)
{
	report_done(rule, probe);
	report_equal(rule, probe->step_count, count);
	for (unsigned i = 0; i < count; i++) {
		report_equal(rule, (uint64_t)probe->steps[i].rip_offset, (uint64_t)offsets[i]);
	}
}

static void check_sti(const struct emulated *instruction)
{
	const int64_t size = instruction->code_size_bytes;
	struct guest_probe probe = emulated_probe(instruction, STI, CLI);
	const int64_t offsets[] = {1, 1 + size, 2 + size};

	guest_probe_run(&probe);
	report_done("behind_sti_goes_on", &probe);
	probe.rflags_in |= RFLAGS_TF;
	guest_probe_run(&probe);
	expect_steps("behind_sti_with_tf", &probe, offsets, ARRAY_COUNT(offsets));
}

static void check_mov_ss(const struct emulated *instruction)
{
	const int64_t size = instruction->code_size_bytes;
	struct guest_probe probe = emulated_probe(instruction, MOV_SS_R8D, NOP);
	/* No trap between MOV SS and the instruction. */
	const int64_t offsets[] = {3 + size, 4 + size};

	probe.in.r8 = SELECTOR_KERNEL_DATA;
	guest_probe_run(&probe);
	report_done("behind_mov_ss_goes_on", &probe);
	probe.rflags_in |= RFLAGS_TF;
	guest_probe_run(&probe);
	expect_steps("behind_mov_ss_with_tf", &probe, offsets, ARRAY_COUNT(offsets));
	probe.rflags_in |= RFLAGS_IF;
	guest_probe_run(&probe);
	expect_steps("behind_mov_ss_with_tf_and_if", &probe, offsets, ARRAY_COUNT(offsets));
}

static void check(const struct emulated *instruction)
{
	check_sti(instruction);
	check_mov_ss(instruction);
}

/* Faults raised in a shadow are delivered at once. */
static void check_faults(void)
{
	/* sti; rdmsr */
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xfb\x0f\x32"));

	probe.in.rcx = 0xffffffff;
	guest_probe_run(&probe);
	report_equal("gp_behind_sti", probe.vector, VECTOR_GP);
	report_equal("gp_behind_sti_is_at_the_rdmsr", (uint64_t)probe.rip_offset, 1);
	/* mov ss, edx; rdmsr */
	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x8e\xd2\x0f\x32"));
	probe.in.rcx = 0xffffffff;
	probe.in.rdx = SELECTOR_KERNEL_DATA;
	guest_probe_run(&probe);
	report_equal("gp_behind_mov_ss", probe.vector, VECTOR_GP);
	report_equal("gp_behind_mov_ss_is_at_the_rdmsr", (uint64_t)probe.rip_offset, 2);
	probe.rflags_in |= RFLAGS_TF | RFLAGS_IF;
	guest_probe_run(&probe);
	report_equal("gp_behind_mov_ss_with_tf", probe.vector, VECTOR_GP);
	report_equal("gp_behind_mov_ss_with_tf_is_at_the_rdmsr", (uint64_t)probe.rip_offset, 2);
	report_equal("mov_ss_with_tf_brings_no_db", probe.step_count, 0);
}

uint32_t guest_main(void)
{
	emulated_for_each(check);
	if (report_has_trivet("faults_in_a_shadow")) {
		check_faults();
	}
	return report_result();
}
