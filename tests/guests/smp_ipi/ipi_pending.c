/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3A "Interrupt Acceptance for Fixed Interrupts" and "Interrupt, Task, and Processor
 * Priority". */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_smp.h"
#include "tests/guests/smp_ipi/ipi_rules.h"

#include <stddef.h>

enum { LOW = 0x41, MIDDLE = 0x51, HIGH = 0x61, STORM_FIRST = 0x90, LOG_MAX = 8 };
enum { SETTLE_TICKS = 300000, CLASS_SHIFT = 4, POST_PORT = 0x80 };

/* Written by the target, read when it has ended its work. */
static struct {
	unsigned vectors[LOG_MAX];
	bool were_in_service[LOG_MAX];
	unsigned count;
} order;

static struct {
	bool is_requested;
	unsigned count_while_closed;
	unsigned count_when_open;
	unsigned count_under_tpr;
} seen;

static atomic_uint is_closed;
static atomic_uint is_sent;
static atomic_uint all_sent[GUEST_CPU_MAX];
static atomic_uint storm_done;

static void write_down(unsigned vector)
{
	if (order.count < LOG_MAX) {
		order.vectors[order.count] = vector;
		order.were_in_service[order.count] = guest_lapic_has_bit(LAPIC_ISR, vector);
	}
	order.count++;
	guest_lapic_end_interrupt();
}

static void open_for_a_moment(void)
{
	__asm__ volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
}

/* Work begins with IF clear. */
static void wait_closed(void *unused)
{
	(void)unused;
	order.count = 0;
	atomic_store(&is_closed, 1);
	(void)guest_wait_for(&is_sent, 1);
	guest_spin_ticks(SETTLE_TICKS);
	/* An emulator may leave a processor in its guest that has interrupts disabled, whatever
	 * pends for the hypervisor (docs/bochs.md): an access to a port takes it out. */
	(void)guest_in8(POST_PORT);
	seen.is_requested = guest_lapic_has_bit(LAPIC_IRR, LOW);
	seen.count_while_closed = order.count;
	guest_write_cr8(MIDDLE >> CLASS_SHIFT);
	open_for_a_moment();
	seen.count_under_tpr = order.count;
	guest_write_cr8(0);
	open_for_a_moment();
	seen.count_when_open = order.count;
}

void ipi_check_pending(void)
{
	struct guest_cpu *target = guest_cpu_at(guest_cpu_count() - 1);

	atomic_store(&is_closed, 0);
	atomic_store(&is_sent, 0);
	guest_smp_set_handler(LOW, write_down);
	guest_smp_set_handler(MIDDLE, write_down);
	guest_smp_set_handler(HIGH, write_down);
	guest_smp_run(target, wait_closed, NULL);
	report_true("an_ipi_wakes_a_halted_processor", guest_wait_for(&is_closed, 1));
	guest_lapic_send(target->apic_id, LOW | LAPIC_ICR_ASSERT);
	guest_lapic_send(target->apic_id, HIGH | LAPIC_ICR_ASSERT);
	guest_lapic_send(target->apic_id, MIDDLE | LAPIC_ICR_ASSERT);
	guest_lapic_send(target->apic_id, LOW | LAPIC_ICR_ASSERT);
	atomic_store(&is_sent, 1);
	report_true("it_ends_its_work", guest_smp_wait(target));
	report_equal("nothing_comes_while_if_is_0", seen.count_while_closed, 0);
	report_true("what_waits_is_in_irr", seen.is_requested);
	report_equal("its_tpr_lets_the_higher_class_in", seen.count_under_tpr, 1);
	report_equal("each_comes_once", seen.count_when_open, 3);
	report_equal("the_highest_comes_first", order.vectors[0], HIGH);
	report_equal("then_the_next", order.vectors[1], MIDDLE);
	report_equal("then_the_lowest", order.vectors[2], LOW);
	report_true("each_is_in_service",
		order.were_in_service[0] && order.were_in_service[1] && order.were_in_service[2]);
	guest_smp_set_handler(LOW, NULL);
	guest_smp_set_handler(MIDDLE, NULL);
	guest_smp_set_handler(HIGH, NULL);
}

/* Two of the same vector at once are one: the next is sent when the last has come. */
static void storm(void *argument)
{
	const unsigned rounds = *(const unsigned *)argument;
	const unsigned index = guest_cpu_self()->index;
	struct guest_cpu *next = guest_cpu_at((index + 1) % guest_cpu_count());
	const atomic_uint *word = &next->interrupts[STORM_FIRST + index];
	const unsigned first = atomic_load(word);

	guest_sti();
	for (unsigned i = 1; i <= rounds; i++) {
		guest_lapic_send(next->apic_id, (STORM_FIRST + index) | LAPIC_ICR_ASSERT);
		atomic_store(&all_sent[index], i);
		if (!guest_wait_for(word, first + i)) {
			break;
		}
	}
	/* The neighbour still sends. */
	atomic_fetch_add(&storm_done, 1);
	(void)guest_wait_for(&storm_done, guest_cpu_count());
	guest_cli();
}

void ipi_check_storm(unsigned rounds)
{
	const unsigned count = guest_cpu_count();
	unsigned before[GUEST_CPU_MAX];

	atomic_store(&storm_done, 0);
	for (unsigned i = 0; i < count; i++) {
		before[i] =
			atomic_load(&guest_cpu_at((i + 1) % count)->interrupts[STORM_FIRST + i]);
	}
	report_true("the_storm_ends", guest_smp_run_all(storm, &rounds));
	for (unsigned i = 0; i < count; i++) {
		const struct guest_cpu *next = guest_cpu_at((i + 1) % count);

		report_equal("all_were_sent", atomic_load(&all_sent[i]), rounds);
		report_equal("all_that_were_sent_came",
			atomic_load(&next->interrupts[STORM_FIRST + i]) - before[i], rounds);
	}
}
