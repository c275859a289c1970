/* SPDX-License-Identifier: MIT */
/* The other processor: it makes operations as the first does, which stops and starts it meanwhile.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "guest/trivet_guest.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

#include <stdatomic.h>
#include <stddef.h>

/* Not the page of the low segment, where processor 0 has its 16-bit code. */
enum { STARTUP_VECTOR = 0x90, STARTUP_VECTORS = 8, PAUSE_BITS = 14 };

static atomic_ulong operations;
/* In all of this life; set before the other one starts. */
static uint64_t limit;
static bool is_listed;
static bool is_there;

static void work(void *seed)
{
	hostile_begin();
	choose_seed((uintptr_t)seed + atomic_load(&operations));
	while (atomic_load(&operations) < limit) {
		(void)hostile_step();
		atomic_fetch_add(&operations, 1);
	}
}

static void start(void)
{
	struct guest_cpu *other = guest_cpu_at(1);
	const unsigned starts = atomic_load(&other->start_count);

	guest_lapic_send(other->apic_id, LAPIC_ICR_INIT | LAPIC_ICR_ASSERT);
	guest_smp_send_startup(other, STARTUP_VECTOR);
	is_there = guest_wait_for(&other->start_count, starts + 1);
	if (is_there) {
		guest_smp_run(other, work, (void *)(uintptr_t)choose_bits(32));
	}
}

void hostile_other_find(void)
{
	guest_smp_poll_for_work();
	is_listed = guest_smp_init() >= HOSTILE_CPUS;
}

void hostile_other_start(uint64_t operations_max)
{
	limit = operations_max;
	if (is_listed) {
		for (unsigned i = 0; i < STARTUP_VECTORS; i++) {
			(void)guest_smp_place(STARTUP_VECTOR + i);
		}
		start();
	}
}

bool hostile_other_is_there(void)
{
	return is_there;
}

uint64_t hostile_other_operations(void)
{
	return atomic_load(&operations);
}

/* In one batch, so that both are posted before the other processor can take the first. */
static void strike_by_call(uint32_t id)
{
	static struct trivet_batch_entry batch[2] __attribute__((aligned(64)));

	batch[0] = (struct trivet_batch_entry){.rax = KVM_CALL_SEND_IPI,
		.rbx = 1,
		.rdx = id,
		.rsi = LAPIC_ICR_INIT | LAPIC_ICR_ASSERT};
	batch[1] = batch[0];
	batch[1].rsi = LAPIC_ICR_STARTUP | LAPIC_ICR_ASSERT | STARTUP_VECTOR;
	(void)trivet_call2(TRIVET_CALL_BATCH, (uintptr_t)batch, 1 + choose_bits(1));
}

static void strike_by_apic(uint32_t id)
{
	guest_lapic_send(id, LAPIC_ICR_INIT | LAPIC_ICR_ASSERT);
	if (choose_bits(1) != 0) {
		guest_lapic_send(
			id, LAPIC_ICR_STARTUP | LAPIC_ICR_ASSERT |
				    (STARTUP_VECTOR + (uint32_t)choose_below(STARTUP_VECTORS)));
	}
}

bool hostile_other_strike(void)
{
	const struct guest_cpu *other = guest_cpu_at(1);

	if (!is_there || (guest_rdmsr(MSR_APIC_BASE) & APIC_BASE_ENABLE) == 0) {
		return false;
	}
	for (uint64_t i = choose_bits(2); i > 0; i--) {
		if (hostile_is_trivet() && choose_bits(1) != 0) {
			strike_by_call(other->apic_id);
		} else {
			strike_by_apic(other->apic_id);
		}
		guest_spin_ticks(choose_bits(PAUSE_BITS));
	}
	start();
	return is_there;
}
