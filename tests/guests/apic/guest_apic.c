/* SPDX-License-Identifier: MIT */
/*
 * The local APIC as a guest sees it, in xAPIC and in x2APIC mode: priorities, EOI, TPR and CR8,
 * timer, level-triggered interrupts. It is to be the same however much of it the CPU does by
 * itself.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/apic/apic_device.h"
#include "tests/guests/apic/apic_rules.h"

enum { CR8_OF_HIGH = APIC_VECTOR_HIGH >> 4, CLASS_MASK = 0xf0 };

static void check_pending(void)
{
	apic_forget();
	apic_send_self(APIC_VECTOR_LOW);
	apic_spin(SHORT_TICKS);
	report_equal("nothing_comes_while_if_is_0", apic_count(), 0);
	report_true("what_waits_is_in_irr", apic_has_bit(APIC_IRR, APIC_VECTOR_LOW));
	apic_open();
	report_equal("it_comes_when_if_is_1", apic_count(), 1);
	report_true("it_is_no_more_in_irr", !apic_has_bit(APIC_IRR, APIC_VECTOR_LOW));
	report_true("it_is_in_isr", apic_has_bit(APIC_ISR, APIC_VECTOR_LOW));
	report_equal("ppr_is_its_class", apic_get(APIC_PPR), APIC_VECTOR_LOW & CLASS_MASK);
	apic_end_interrupt();
	report_true("eoi_takes_it_out_of_isr", !apic_has_bit(APIC_ISR, APIC_VECTOR_LOW));
	report_equal("ppr_is_0_again", apic_get(APIC_PPR), 0);
}

static void check_priorities(void)
{
	apic_forget();
	apic_send_self(APIC_VECTOR_LOW);
	apic_send_self(APIC_VECTOR_HIGH);
	apic_open();
	report_equal("the_higher_comes_first", apic_came(0), APIC_VECTOR_HIGH);
	report_equal("the_lower_waits_for_its_end", apic_count(), 1);
	guest_sti();
	apic_end_interrupt();
	report_equal("the_lower_comes_at_once_behind_eoi", apic_count(), 2);
	apic_send_self(APIC_VECTOR_HIGH);
	report_equal("a_higher_interrupts_a_lower", apic_count(), 3);
	report_equal("both_are_in_service",
		(uint64_t)apic_has_bit(APIC_ISR, APIC_VECTOR_LOW) +
			apic_has_bit(APIC_ISR, APIC_VECTOR_HIGH),
		2);
	apic_end_interrupt();
	apic_end_interrupt();
	guest_cli();
	report_equal("no_more_come", apic_count(), 3);
}

static void check_tpr_by_cr8(void)
{
	apic_forget();
	guest_write_cr8(CR8_OF_HIGH);
	report_equal("cr8_is_the_tpr_class", apic_get(APIC_TPR), CR8_OF_HIGH << 4);
	guest_sti();
	apic_send_self(APIC_VECTOR_HIGH);
	apic_spin(SHORT_TICKS);
	report_equal("cr8_holds_its_class_back", apic_count(), 0);
	guest_write_cr8(CR8_OF_HIGH - 1);
	report_equal("lowering_cr8_lets_it_in_at_once", apic_count(), 1);
	guest_cli();
	apic_end_interrupt();
	guest_write_cr8(0);
}

static void check_tpr_by_register(void)
{
	apic_forget();
	apic_put(APIC_TPR, APIC_VECTOR_HIGH);
	report_equal("the_tpr_class_is_cr8", guest_read_cr8(), CR8_OF_HIGH);
	report_equal("ppr_is_the_tpr", apic_get(APIC_PPR), APIC_VECTOR_HIGH);
	guest_sti();
	apic_send_self(APIC_VECTOR_LOW);
	apic_send_self(APIC_VECTOR_HIGH);
	apic_spin(SHORT_TICKS);
	report_equal("the_tpr_holds_back", apic_count(), 0);
	apic_put(APIC_TPR, APIC_VECTOR_LOW);
	report_equal("a_lower_tpr_lets_the_higher_in", apic_count(), 1);
	report_equal("and_that_alone", apic_came(0), APIC_VECTOR_HIGH);
	apic_end_interrupt();
	apic_put(APIC_TPR, 0);
	report_equal("tpr_0_lets_all_in", apic_count(), 2);
	guest_cli();
	apic_end_interrupt();
}

static void wait_for_count(uint64_t count)
{
	const uint64_t start = guest_rdtsc();

	while (apic_count() < count && guest_rdtsc() - start < LIMIT_TICKS) {
	}
}

static void check_timer(void)
{
	uint32_t first;

	apic_forget();
	apic_start_timer(TIMER_COUNT);
	first = apic_get(APIC_CURRENT_COUNT);
	apic_spin(SHORT_TICKS);
	report_true("the_count_goes_down", first > apic_get(APIC_CURRENT_COUNT));
	report_equal("the_initial_count_stays", apic_get(APIC_INITIAL_COUNT), TIMER_COUNT);
	guest_sti();
	wait_for_count(1);
	guest_cli();
	report_equal("the_timer_strikes_a_spinning_guest_once", apic_count(), 1);
	apic_end_interrupt();
	apic_start_timer(TIMER_COUNT);
	__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
	report_equal("the_timer_wakes_a_halted_guest", apic_count(), 2);
	apic_end_interrupt();
	apic_stop_timer();
}

/*
 * The machine's own timer strikes while an interrupt of the guest's waits for IF. Between CLI and
 * that moment the guest makes no exit, if the CPU sends the interrupt by itself.
 */
static void check_masked(void)
{
	const uint64_t start = guest_rdtsc();

	apic_forget();
	apic_start_timer(TIMER_COUNT);
	apic_open();
	apic_send_self(APIC_VECTOR_LOW);
	do {
		apic_spin(WAIT_TICKS);
	} while (apic_get(APIC_CURRENT_COUNT) != 0 && guest_rdtsc() - start < LIMIT_TICKS);
	report_equal("a_timer_due_leaves_if_alone", apic_masked_count(), 0);
	report_equal("a_timer_due_waits_for_if", apic_count(), 0);
	apic_open();
	apic_end_interrupt();
	apic_open();
	apic_end_interrupt();
	report_equal("both_come_when_if_is_1", apic_count(), 2);
	apic_stop_timer();
}

static void check_all(const char *scope)
{
	report_set_scope(scope);
	check_pending();
	check_priorities();
	check_tpr_by_cr8();
	check_tpr_by_register();
	check_timer();
	apic_check_timer_modes();
	check_masked();
	apic_check_level();
	apic_check_registers();
}

uint32_t guest_main(void)
{
	apic_start();
	check_all("xapic");
	if (apic_has_x2apic()) {
		apic_enter_x2apic();
		check_all("x2apic");
		apic_check_msrs();
	} else {
		report_skip("x2apic", "this CPU has none");
	}
	return report_result();
}
