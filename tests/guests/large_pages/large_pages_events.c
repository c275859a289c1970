/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/runtime/guest_smp.h"
#include "guest/runtime/guest_trap.h"
#include "tests/guests/large_pages/large_pages.h"
#include "tests/guests/shared/probe_rules.h"

/* Handlers, and other code at which an event arrives, in memory that nothing was executed from. */

enum { VECTOR_SELF = 0x71, VECTOR_SHADOW = 0x72, NMI_COUNT = 2 };

extern const uint64_t guest_trap_stubs[];
extern const uint64_t guest_irq_stubs[];

static volatile unsigned nmi_depth;
static volatile unsigned nmi_depth_max;
static volatile unsigned nmi_count;

/* Puts the entry of a vector's handler into fresh memory; the old entry does the rest. */
static void move_handler(unsigned vector)
{
	const uint64_t at = fresh_take() + vector * CODE_PAGE_BYTES;
	const uint64_t *old = vector < VECTOR_EXCEPTION_COUNT
				      ? &guest_trap_stubs[vector]
				      : &guest_irq_stubs[vector - VECTOR_EXCEPTION_COUNT];

	code_put_jump(at, old);
	guest_segments_set_gate(vector, at, 0);
}

static void check_exceptions(void)
{
	static const struct {
		const char *rule;
		const char *code;
		unsigned vector;
		uint64_t error_code;
	} faults[] = {
		/* ud2; mov ss, ax with a selector of nothing; mov rax, [rbx] with nothing there */
		{"ud_handler_in_fresh_memory", "\x0f\x0b", VECTOR_UD, 0},
		{"gp_handler_in_fresh_memory", "\x8e\xd0", VECTOR_GP, 0x1f8},
		{"pf_handler_in_fresh_memory", "\x8b\x03", VECTOR_PF, 0},
	};

	for (unsigned i = 0; i < ARRAY_COUNT(faults); i++) {
		struct guest_probe probe = guest_probe_make(PROBE_KERNEL, faults[i].code, 2);

		probe.in.rax = 0x1f8;
		probe.in.rbx = 0x7f0000000000ull;
		move_handler(faults[i].vector);
		guest_probe_run(&probe);
		report_fault(faults[i].rule, &probe, faults[i].vector, faults[i].error_code);
	}
}

static void check_interrupt(void)
{
	const atomic_uint *count = &guest_cpu_self()->interrupts[VECTOR_SELF];

	move_handler(VECTOR_SELF);
	guest_lapic_send(0, LAPIC_ICR_SELF | LAPIC_ICR_ASSERT | VECTOR_SELF);
	guest_sti();
	(void)guest_wait_for(count, 1);
	guest_cli();
	report_equal("interrupt_handler_in_fresh_memory", atomic_load(count), 1);
	report_true("the_interrupt_is_over", !guest_lapic_has_bit(LAPIC_ISR, VECTOR_SELF));
}

/* The first sends a second, which has to wait for its IRET. */
static bool count_nmi(struct guest_trap_frame *frame)
{
	if (frame->vector != VECTOR_NMI) {
		return false;
	}
	nmi_depth++;
	nmi_count++;
	nmi_depth_max = nmi_depth > nmi_depth_max ? nmi_depth : nmi_depth_max;
	if (nmi_count < NMI_COUNT) {
		guest_lapic_send(guest_lapic_id(), LAPIC_ICR_NMI | LAPIC_ICR_ASSERT);
		guest_spin_ticks(1000);
	}
	nmi_depth--;
	return true;
}

static void check_nmi(void)
{
	const uint64_t start = guest_rdtsc();

	guest_trap_set_hook(count_nmi);
	move_handler(VECTOR_NMI);
	guest_segments_set_vector_ist(VECTOR_NMI, GUEST_IST_NMI);
	guest_lapic_send(guest_lapic_id(), LAPIC_ICR_NMI | LAPIC_ICR_ASSERT);
	while (nmi_count < NMI_COUNT && guest_rdtsc() - start < guest_limit_ticks()) {
		guest_pause();
	}
	report_equal("nmi_handler_in_fresh_memory", nmi_count, NMI_COUNT);
	report_equal("an_nmi_blocks_the_next_from_its_first_instruction_on", nmi_depth_max, 1);
}

/* nop; nop; ret, each a step of its own, and none lost at the first fetch. */
static void check_single_steps(void)
{
	const uint64_t at = fresh_take();
	const int64_t offset = (int64_t)(at - guest_probe_code_address());
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xff\xd0"));

	memcpy((void *)(uintptr_t)at, "\x90\x90\xc3", 3);
	probe.in.rax = at;
	probe.rflags_in |= RFLAGS_TF;
	guest_probe_run(&probe);
	report_done("single_steps_into_fresh_memory_end", &probe);
	report_true("each_is_reported", probe.step_count >= 4);
	report_equal("the_call", (uint64_t)probe.steps[0].rip_offset, (uint64_t)offset);
	report_equal("the_first", (uint64_t)probe.steps[1].rip_offset, (uint64_t)offset + 1);
	report_equal("the_second", (uint64_t)probe.steps[2].rip_offset, (uint64_t)offset + 2);
	report_equal("the_return", (uint64_t)probe.steps[3].rip_offset, 2);
}

static uint64_t shadow_handler;
static volatile uint64_t shadow_rip;

/*
 * push rax; mov rax, [rsp + 8]; mov [shadow_rip], rax; pop rax; iretq: where the interrupt came.
 */
static void put_shadow_handler(uint64_t at)
{
	uint8_t code[] = "\x50\x48\x8b\x44\x24\x08\x48\x89\x04\x25....\x58\x48\xcf";
	const uint32_t address = (uint32_t)(uintptr_t)&shadow_rip;

	memcpy(&code[10], &address, sizeof(address));
	memcpy((void *)(uintptr_t)at, code, sizeof(code) - 1);
}

/* STI is the last byte before an edge: the instruction behind it is executed before an interrupt
 * comes, though its fetch is the first from its page. */
static void check_sti(void)
{
	const uint64_t at = fresh_take();
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xff\xd0"));

	shadow_handler = at - 2 * CODE_PAGE_BYTES;
	put_shadow_handler(shadow_handler);
	/* sti; nop; cli; ret */
	memcpy((void *)(uintptr_t)(at - 1), "\xfb\x90\xfa\xc3", 4);
	guest_segments_set_gate(VECTOR_SHADOW, shadow_handler, 0);
	guest_lapic_send(0, LAPIC_ICR_SELF | LAPIC_ICR_ASSERT | VECTOR_SHADOW);
	probe.in.rax = at - 1;
	guest_probe_run(&probe);
	guest_lapic_end_interrupt();
	report_done("sti_before_fresh_memory_ends", &probe);
	report_equal("the_instruction_behind_sti_is_executed_first", shadow_rip, at + 1);
}

void check_events(void)
{
	check_exceptions();
	check_interrupt();
	check_nmi();
	check_single_steps();
	/* The one before: STI's page. */
	(void)fresh_take();
	check_sti();
}
