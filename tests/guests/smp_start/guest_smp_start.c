/* SPDX-License-Identifier: MIT */
/*
 * Application processors: which there are, how they start, and the state in which INIT and a
 * start-up IPI leave them: SDM Vol. 3A "Processor State After Reset", Table "IA-32 and Intel 64
 * Processor States Following Power-up, Reset, or INIT", and "Local APIC State After It Receives an
 * INIT-Deassert IPI".
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "tests/guests/smp_start/smp_start_rules.h"

#include <stddef.h>

enum { VECTORS = 3, RESTARTS = 20, SETTLE_TICKS = 1000000 };
static const unsigned vectors[VECTORS] = {0x01, 0x10, 0x9f};

static atomic_uint spin_count;
static atomic_uint is_released;

static void spin_until_released(void *unused)
{
	(void)unused;
	while (atomic_load(&is_released) == 0) {
		atomic_fetch_add(&spin_count, 1);
	}
}

static bool is_spinning(void)
{
	return guest_wait_for(&spin_count, atomic_load(&spin_count) + 2);
}

static void check_first_start(void)
{
	for (unsigned i = 1; i < guest_cpu_count(); i++) {
		struct guest_ap_state *state = guest_smp_place(vectors[1]);

		if (report_true(
			    "a_processor_starts", guest_smp_start(guest_cpu_at(i), vectors[1]))) {
			smp_start_check_state(state, guest_cpu_at(i), vectors[1]);
		}
	}
}

static void check_vectors(struct guest_cpu *cpu)
{
	for (unsigned i = 0; i < VECTORS; i++) {
		struct guest_ap_state *state = guest_smp_place(vectors[i]);

		report_true("it_starts_at_any_vector", guest_smp_start(cpu, vectors[i]));
		report_equal("its_cs_is_that_of_the_vector", state->cs, vectors[i] << 8);
		report_equal("its_ip_is_0", state->ip, 0);
	}
}

static void check_running_ignores_startup(struct guest_cpu *cpu)
{
	const unsigned starts = atomic_load(&cpu->start_count);

	(void)guest_smp_place(vectors[1]);
	atomic_store(&is_released, 0);
	guest_smp_run(cpu, spin_until_released, NULL);
	report_true("it_works", is_spinning());
	guest_smp_send_startup(cpu, vectors[1]);
	guest_spin_ticks(SETTLE_TICKS);
	report_true("a_startup_leaves_a_running_one_alone", is_spinning());
	guest_lapic_send(cpu->apic_id, LAPIC_ICR_INIT | LAPIC_ICR_LEVEL);
	guest_spin_ticks(SETTLE_TICKS);
	report_true("an_init_deassert_leaves_it_alone", is_spinning());
	atomic_store(&is_released, 1);
	report_true("it_ends_its_work", guest_smp_wait(cpu));
	guest_smp_send_startup(cpu, vectors[1]);
	guest_spin_ticks(SETTLE_TICKS);
	report_equal("a_startup_leaves_a_halted_one_alone", atomic_load(&cpu->start_count), starts);
}

static void check_init_parks(struct guest_cpu *cpu)
{
	const unsigned starts = atomic_load(&cpu->start_count);
	unsigned count;

	atomic_store(&is_released, 0);
	guest_smp_run(cpu, spin_until_released, NULL);
	report_true("it_works_again", is_spinning());
	guest_smp_send_init(cpu);
	guest_spin_ticks(SETTLE_TICKS);
	count = atomic_load(&spin_count);
	guest_spin_ticks(SETTLE_TICKS);
	report_equal("init_stops_it", atomic_load(&spin_count), count);
	guest_lapic_send(cpu->apic_id, GUEST_VECTOR_WAKE | LAPIC_ICR_ASSERT);
	guest_spin_ticks(SETTLE_TICKS);
	report_equal("no_interrupt_wakes_it", atomic_load(&cpu->start_count), starts);
	guest_smp_send_init(cpu);
	guest_spin_ticks(SETTLE_TICKS);
	report_equal("a_second_init_does_not_either", atomic_load(&cpu->start_count), starts);
	guest_smp_send_startup(cpu, vectors[1]);
	report_true("a_startup_does", guest_wait_for(&cpu->start_count, starts + 1));
	atomic_store(&is_released, 1);
}

/* Only the first start-up IPI behind an INIT counts, even if the second has another vector. */
static void check_second_startup(struct guest_cpu *cpu)
{
	struct guest_ap_state *first = guest_smp_place(vectors[1]);
	struct guest_ap_state *second = guest_smp_place(vectors[2]);
	const unsigned starts = atomic_load(&cpu->start_count);

	guest_smp_send_init(cpu);
	guest_smp_send_startup(cpu, vectors[1]);
	report_true("the_first_startup_counts", guest_wait_for(&cpu->start_count, starts + 1));
	guest_smp_send_startup(cpu, vectors[2]);
	guest_spin_ticks(SETTLE_TICKS);
	report_equal("the_second_does_not", atomic_load(&cpu->start_count), starts + 1);
	report_equal("it_began_at_the_first", first->cs, vectors[1] << 8);
	report_equal("it_was_not_at_the_second", second->cs, 0);
}

static void check_restarts(struct guest_cpu *cpu)
{
	unsigned good = 0;

	for (unsigned i = 0; i < RESTARTS; i++) {
		struct guest_ap_state *state = guest_smp_place(vectors[i % VECTORS]);

		good += guest_smp_start(cpu, vectors[i % VECTORS]) &&
			state->cs == vectors[i % VECTORS] << 8;
	}
	report_equal("it_starts_again_and_again", good, RESTARTS);
}

static void check_all_at_once(void)
{
	bool all_came = true;
	unsigned starts[GUEST_CPU_MAX] = {0};

	(void)guest_smp_place(vectors[1]);
	for (unsigned i = 1; i < guest_cpu_count(); i++) {
		starts[i] = atomic_load(&guest_cpu_at(i)->start_count);
	}
	guest_lapic_send(0, LAPIC_ICR_INIT | LAPIC_ICR_ASSERT | LAPIC_ICR_ALL_BUT_SELF);
	guest_spin_ticks(SETTLE_TICKS);
	guest_lapic_send(
		0, LAPIC_ICR_STARTUP | LAPIC_ICR_ASSERT | LAPIC_ICR_ALL_BUT_SELF | vectors[1]);
	for (unsigned i = 1; i < guest_cpu_count(); i++) {
		all_came &= guest_wait_for(&guest_cpu_at(i)->start_count, starts[i] + 1);
	}
	report_true("all_start_by_one_broadcast", all_came);
}

uint32_t guest_main(void)
{
	/* Before the rest: a probe outside long mode loses GS's base. */
	const bool has_limits = smp_start_has_limits();
	const unsigned count = guest_smp_init();

	smp_start_check_topology();
	report_true("the_first_processor_is_the_bsp",
		(guest_rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP) != 0);
	if (count < 2) {
		report_skip("application_processors", "there is one processor");
		return report_result();
	}
	check_first_start();
	smp_start_check_identities();
	for (unsigned i = 1; i < count; i++) {
		check_vectors(guest_cpu_at(i));
	}
	check_running_ignores_startup(guest_cpu_at(1));
	check_init_parks(guest_cpu_at(1));
	check_second_startup(guest_cpu_at(count - 1));
	check_restarts(guest_cpu_at(1));
	check_restarts(guest_cpu_at(count - 1));
	smp_start_check_init(guest_cpu_at(1), has_limits);
	check_all_at_once();
	if (guest_lapic_has_x2apic()) {
		smp_start_check_x2apic(guest_cpu_at(1));
	} else {
		report_skip("x2apic", "this CPU has none");
	}
	return report_result();
}
