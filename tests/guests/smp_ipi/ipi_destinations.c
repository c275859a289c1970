/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3A "Determining IPI Destination". */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_smp.h"
#include "guest/runtime/guest_trap.h"
#include "tests/guests/smp_ipi/ipi_rules.h"

#include <stddef.h>

enum {
	VECTOR = 0x61,
	SETTLE_TICKS = 300000,
	FLAT_MEMBERS = 8,
	CLUSTER_MEMBERS = 4,
	CLUSTER_SHIFT = 4,
	LOGICAL_ID_SHIFT = 24,
	ABSENT_ID = 0x77,
	X2APIC_CLUSTER_SHIFT = 16,
	X2APIC_MEMBERS = 16,
};

#define DFR_FLAT         0xffffffffu
#define DFR_CLUSTER      0x0fffffffu
#define ABSENT_X2APIC_ID 0x12345u
#define ABSENT_CLUSTER   0x0fff0001u

static unsigned before[GUEST_CPU_MAX];

/* The processors, as bits by index. */
static unsigned everybody(void)
{
	return (1u << guest_cpu_count()) - 1;
}

static void remember(unsigned vector)
{
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		before[i] = atomic_load(&guest_cpu_at(i)->interrupts[vector]);
	}
}

/* How many came, in all. */
static unsigned count_since(unsigned vector)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		sum += atomic_load(&guest_cpu_at(i)->interrupts[vector]) - before[i];
	}
	return sum;
}

/* The processors that got it, 4 bits for the count of each. */
static uint64_t pattern_since(unsigned vector)
{
	uint64_t pattern = 0;

	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		const unsigned count =
			atomic_load(&guest_cpu_at(i)->interrupts[vector]) - before[i];

		pattern |= (uint64_t)(count & 0xf) << i * 4;
	}
	return pattern;
}

static void wait_for_count(unsigned vector, unsigned count)
{
	const uint64_t start = guest_rdtsc();

	while (count_since(vector) < count && guest_rdtsc() - start < guest_limit_ticks()) {
		guest_pause();
	}
	guest_spin_ticks(SETTLE_TICKS);
}

/* Sends it; exactly the processors of the mask get it, once each. */
static void check(const char *rule, uint32_t destination, uint32_t icr, unsigned mask)
{
	const unsigned vector =
		(icr & LAPIC_ICR_INIT) == LAPIC_ICR_NMI ? (unsigned)VECTOR_NMI : (icr & 0xff);
	unsigned receivers = 0;
	uint64_t want = 0;

	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		receivers += mask >> i & 1;
		want |= (uint64_t)(mask >> i & 1) << i * 4;
	}
	remember(vector);
	guest_sti();
	guest_lapic_send(destination, icr | LAPIC_ICR_ASSERT);
	wait_for_count(vector, receivers);
	guest_cli();
	report_equal(rule, pattern_since(vector), want);
}

/* One of them gets it, whoever that is. */
static void check_lowest(const char *rule, uint32_t destination, uint32_t icr, unsigned mask)
{
	uint64_t pattern;
	unsigned one = 0;

	remember(VECTOR);
	guest_sti();
	guest_lapic_send(destination, icr | LAPIC_ICR_LOWEST_PRIORITY | LAPIC_ICR_ASSERT | VECTOR);
	wait_for_count(VECTOR, 1);
	guest_cli();
	pattern = pattern_since(VECTOR);
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		one += (mask >> i & 1) != 0 && pattern == 1ull << i * 4;
	}
	report_equal(rule, one, 1);
}

static void check_physical(void)
{
	const bool is_x2apic = guest_lapic_is_x2apic();
	const unsigned last = guest_cpu_count() - 1;

	for (unsigned i = 0; i <= last; i++) {
		check("a_physical_id_is_one", guest_cpu_at(i)->apic_id, VECTOR, 1u << i);
	}
	check("an_absent_id_is_nobody", is_x2apic ? ABSENT_X2APIC_ID : ABSENT_ID, VECTOR, 0);
	check("the_highest_id_is_everybody", is_x2apic ? LAPIC_EVERYBODY_X2APIC : LAPIC_EVERYBODY,
		VECTOR, everybody());
	if (is_x2apic) {
		check("ff_is_no_broadcast", LAPIC_EVERYBODY, VECTOR, 0);
	}
	check("nmi_to_one", guest_cpu_at(last)->apic_id, LAPIC_ICR_NMI, 1u << last);
	check("nmi_to_all_but_self", 0, LAPIC_ICR_NMI | LAPIC_ICR_ALL_BUT_SELF, everybody() & ~1u);
	check("nmi_to_nobody", is_x2apic ? ABSENT_X2APIC_ID : ABSENT_ID, LAPIC_ICR_NMI, 0);
}

static void check_shorthands(void)
{
	check("self_is_self", ABSENT_ID, LAPIC_ICR_SELF | VECTOR, 1);
	check("all_is_all", ABSENT_ID, LAPIC_ICR_ALL | VECTOR, everybody());
	check("all_but_self_is_that", guest_cpu_at(0)->apic_id, LAPIC_ICR_ALL_BUT_SELF | VECTOR,
		everybody() & ~1u);
	if (guest_lapic_is_x2apic()) {
		remember(VECTOR);
		guest_sti();
		guest_wrmsr(guest_lapic_msr(LAPIC_SELF_IPI), VECTOR);
		wait_for_count(VECTOR, 1);
		guest_cli();
		report_equal("the_self_ipi_register_is_self", pattern_since(VECTOR), 1);
	}
}

/* An INIT with level deassert: no processor stops, as one that stopped would not get the next. */
static void check_deassert(void)
{
	guest_lapic_send(0, LAPIC_ICR_INIT | LAPIC_ICR_LEVEL | LAPIC_ICR_ALL);
	check("an_init_deassert_stops_nobody", 0, LAPIC_ICR_ALL | VECTOR, everybody());
}

static void be_flat(void *unused)
{
	const unsigned index = guest_cpu_self()->index;

	(void)unused;
	guest_lapic_write(LAPIC_DFR, DFR_FLAT);
	guest_lapic_write(LAPIC_LDR, index < FLAT_MEMBERS ? 1u << (index + LOGICAL_ID_SHIFT) : 0);
}

static uint32_t cluster_id(unsigned index)
{
	return index / CLUSTER_MEMBERS << CLUSTER_SHIFT | 1u << index % CLUSTER_MEMBERS;
}

static void be_clustered(void *unused)
{
	(void)unused;
	guest_lapic_write(LAPIC_DFR, DFR_CLUSTER);
	guest_lapic_write(LAPIC_LDR, cluster_id(guest_cpu_self()->index) << LOGICAL_ID_SHIFT);
}

static void check_flat(void)
{
	const unsigned all = everybody() & ((1u << FLAT_MEMBERS) - 1);

	(void)guest_smp_run_all(be_flat, NULL);
	for (unsigned i = 0; i < guest_cpu_count() && i < FLAT_MEMBERS; i++) {
		check("a_flat_bit_is_one", 1u << i, LAPIC_ICR_LOGICAL | VECTOR, 1u << i);
	}
	check("flat_bits_are_many", all & ~1u, LAPIC_ICR_LOGICAL | VECTOR, all & ~1u);
	check("all_flat_bits_are_all", all, LAPIC_ICR_LOGICAL | VECTOR, all);
	check("flat_nmi", all & ~1u, LAPIC_ICR_LOGICAL | LAPIC_ICR_NMI, all & ~1u);
	check_lowest("lowest_priority_is_one", all, LAPIC_ICR_LOGICAL, all);
	if (all != 1) {
		check_lowest("lowest_priority_of_others_is_one", all & ~1u, LAPIC_ICR_LOGICAL,
			all & ~1u);
	}
}

static void check_cluster(void)
{
	const unsigned first = everybody() & ((1u << CLUSTER_MEMBERS) - 1);

	(void)guest_smp_run_all(be_clustered, NULL);
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		check("a_cluster_bit_is_one", cluster_id(i), LAPIC_ICR_LOGICAL | VECTOR, 1u << i);
	}
	check("cluster_bits_are_many", first, LAPIC_ICR_LOGICAL | VECTOR, first);
	check("an_absent_cluster_is_nobody", 0xe1, LAPIC_ICR_LOGICAL | VECTOR, 0);
	check("logical_ff_is_everybody", LAPIC_EVERYBODY, LAPIC_ICR_LOGICAL | VECTOR, everybody());
	check_lowest("lowest_priority_in_a_cluster_is_one", first, LAPIC_ICR_LOGICAL, first);
	(void)guest_smp_run_all(be_flat, NULL);
}

/* SDM Vol. 3A "Deriving Logical x2APIC ID from the Local x2APIC ID". */
static uint32_t x2apic_logical_id(unsigned index)
{
	const uint32_t id = guest_cpu_at(index)->apic_id;

	return id / X2APIC_MEMBERS << X2APIC_CLUSTER_SHIFT | 1u << id % X2APIC_MEMBERS;
}

static void check_x2apic_logical(void)
{
	uint32_t destination = 0;
	unsigned mask = 0;

	report_equal(
		"the_logical_id_is_derived", guest_lapic_read(LAPIC_LDR), x2apic_logical_id(0));
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		const uint32_t id = x2apic_logical_id(i);

		check("a_logical_id_is_one", id, LAPIC_ICR_LOGICAL | VECTOR, 1u << i);
		if (id >> X2APIC_CLUSTER_SHIFT == 0) {
			destination |= id;
			mask |= 1u << i;
		}
	}
	check("a_cluster_is_many", destination, LAPIC_ICR_LOGICAL | VECTOR, mask);
	check("an_absent_cluster_is_nobody", ABSENT_CLUSTER, LAPIC_ICR_LOGICAL | VECTOR, 0);
	check("logical_broadcast_is_everybody", LAPIC_EVERYBODY_X2APIC, LAPIC_ICR_LOGICAL | VECTOR,
		everybody());
	check_lowest("lowest_priority_is_one", destination, LAPIC_ICR_LOGICAL, mask);
}

void ipi_check_destinations(void)
{
	check_physical();
	check_shorthands();
	check_deassert();
	if (guest_lapic_is_x2apic()) {
		check_x2apic_logical();
	} else {
		check_flat();
		check_cluster();
	}
}
