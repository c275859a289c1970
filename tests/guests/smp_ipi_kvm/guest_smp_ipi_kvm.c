/* SPDX-License-Identifier: MIT */
/*
 * KVM's calls between processors, as Linux's Documentation/virt/kvm/x86/hypercalls.rst has them;
 * what they do for the halted is in kvm_halted.c.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "guest/runtime/guest_trap.h"
#include "guest/trivet_guest.h"
#include "tests/guests/smp_ipi_kvm/kvm_halted.h"

#include <stddef.h>

enum { VECTOR = 0x61, SETTLE_TICKS = 300000, ABSENT_ID = 0x70, BITMAP_BITS = 64 };

static unsigned before[GUEST_CPU_MAX];

static void remember(unsigned vector)
{
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		before[i] = atomic_load(&guest_cpu_at(i)->interrupts[vector]);
	}
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

static uint64_t wait_for_pattern(unsigned vector, uint64_t want)
{
	const uint64_t start = guest_rdtsc();

	guest_sti();
	while (pattern_since(vector) != want && guest_rdtsc() - start < guest_limit_ticks()) {
		guest_pause();
	}
	guest_spin_ticks(SETTLE_TICKS);
	guest_cli();
	return pattern_since(vector);
}

/* Sends to the processors of the mask, bits by index, by a bitmap that begins at ID 0. */
static void check_many(const char *rule, unsigned mask, uint32_t mode)
{
	const unsigned vector = mode == LAPIC_ICR_NMI ? (unsigned)VECTOR_NMI : (unsigned)VECTOR;
	uint64_t low = 0;
	uint64_t want = 0;
	int64_t count = 0;

	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		if ((mask >> i & 1) != 0) {
			low |= 1ull << guest_cpu_at(i)->apic_id % BITMAP_BITS;
			want |= 1ull << i * 4;
			count++;
		}
	}
	remember(vector);
	report_equal("it_returns_how_many_it_reached",
		(uint64_t)trivet_kvm_send_ipi(low, 0, 0, mode | vector), (uint64_t)count);
	report_equal(rule, wait_for_pattern(vector, want), want);
}

static void check_refused(const char *rule, uint32_t icr)
{
	remember(VECTOR);
	report_equal(rule, (uint64_t)trivet_kvm_send_ipi(~0ull, ~0ull, 0, icr | VECTOR),
		(uint64_t)-TRIVET_EINVAL);
	report_equal("nobody_gets_it", wait_for_pattern(VECTOR, 0), 0);
}

static void check_send_ipi(void)
{
	const unsigned last = guest_cpu_count() - 1;
	const unsigned all = (1u << guest_cpu_count()) - 1;
	const uint32_t last_id = guest_cpu_at(last)->apic_id;

	for (unsigned i = 0; i <= last; i++) {
		check_many("one_bit_is_one_processor", 1u << i, 0);
	}
	check_many("many_bits_are_many", all, 0);
	check_many("all_but_self", all & ~1u, 0);
	check_many("no_bits_are_nobody", 0, 0);
	check_many("nmi_to_all_but_self", all & ~1u, LAPIC_ICR_NMI);
	remember(VECTOR);
	report_equal("absent_ids_are_not_reached",
		(uint64_t)trivet_kvm_send_ipi(~0ull, ~0ull, ABSENT_ID, VECTOR), 0);
	report_equal("nobody_gets_it", wait_for_pattern(VECTOR, 0), 0);
	report_equal("absent_ids_do_not_count",
		(uint64_t)trivet_kvm_send_ipi(~0ull, ~0ull, last_id, VECTOR), 1);
	report_equal(
		"that_one_gets_it", wait_for_pattern(VECTOR, 1ull << last * 4), 1ull << last * 4);
	remember(VECTOR);
	report_equal("the_high_word_begins_at_64",
		(uint64_t)trivet_kvm_send_ipi(0, 1, last_id - BITMAP_BITS, VECTOR), 1);
	report_equal(
		"that_one_gets_it", wait_for_pattern(VECTOR, 1ull << last * 4), 1ull << last * 4);
	check_refused("a_logical_destination_is_einval", LAPIC_ICR_LOGICAL);
	check_refused("self_is_einval", LAPIC_ICR_SELF);
	check_refused("all_is_einval", LAPIC_ICR_ALL);
	check_refused("all_but_self_is_einval", LAPIC_ICR_ALL_BUT_SELF);
}

static void check_yield(void)
{
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		report_equal("a_yield_returns_0",
			(uint64_t)trivet_kvm_sched_yield(guest_cpu_at(i)->apic_id), 0);
	}
	report_equal("a_yield_to_nobody_returns_0", (uint64_t)trivet_kvm_sched_yield(ABSENT_ID), 0);
}

static void enter_x2apic(void *unused)
{
	(void)unused;
	guest_lapic_enter_x2apic();
}

static void check_all(const char *scope, uint32_t features)
{
	report_set_scope(scope);
	if ((features & KVM_FEATURE_PV_SEND_IPI) != 0) {
		check_send_ipi();
	} else {
		report_skip("send_ipi", "it is not offered");
	}
	kvm_halted_check_kick(features);
	report_set_scope(NULL);
}

uint32_t guest_main(void)
{
	const uint32_t features = trivet_kvm_features();

	if (features == 0) {
		report_skip("kvm_calls", "no KVM interface");
		return report_result();
	}
	if (guest_smp_init() < 2) {
		report_skip("other_processors", "there is one processor");
	}
	report_true("all_start", guest_smp_start_all());
	check_all("xapic", features);
	if ((features & KVM_FEATURE_PV_SCHED_YIELD) != 0) {
		check_yield();
	} else {
		report_skip("sched_yield", "it is not offered");
	}
	kvm_halted_check_steal_time(features);
	kvm_halted_check_flush(features);
	if (guest_lapic_has_x2apic() && guest_smp_run_all(enter_x2apic, NULL)) {
		check_all("x2apic", features);
	}
	return report_result();
}
