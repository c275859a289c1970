/* SPDX-License-Identifier: MIT */
/*
 * Locks and locked instructions under contention. "rounds=N" on the command line is how often each
 * processor takes each lock.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_lock.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "guest/trivet_guest.h"

#include <stddef.h>

enum { ROUNDS = 2000, SPINS_BEFORE_HALT = 50, NOBODY = 0xff };

#define CPUID_1_ECX_CMPXCHG16B (1u << 13)

static unsigned rounds;
static struct guest_lock lock;
/* Whose ticket it is, for the one that passes the lock on. */
static atomic_uint holder_of_ticket[GUEST_CPU_MAX];
static volatile uint64_t plain_counter;
static volatile uint64_t plain_mirror;
static atomic_uint broken_count;
static atomic_uint xadd_counter;
static atomic_uint exchange_counter;
static uint64_t pair[2] __attribute__((aligned(16)));

/* What only one at a time may do: the two counters are always equal. */
static void work_inside(void)
{
	if (plain_counter != plain_mirror) {
		atomic_fetch_add(&broken_count, 1);
	}
	plain_counter++;
	plain_mirror++;
}

static void spin_work(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < rounds; i++) {
		guest_lock_take(&lock);
		work_inside();
		guest_lock_drop(&lock);
	}
}

/*
 * As Linux's spin locks under KVM: who waits long halts, who passes the lock on kicks. The kick
 * that comes before the HLT is what makes this right. IF is clear.
 */
static void take_or_halt(void)
{
	const unsigned ticket = atomic_fetch_add(&lock.next, 1);
	unsigned spins = 0;

	atomic_store(&holder_of_ticket[ticket % GUEST_CPU_MAX], guest_cpu_self()->index);
	while (atomic_load(&lock.serving) != ticket) {
		if (++spins > SPINS_BEFORE_HALT) {
			guest_hlt();
		} else {
			guest_pause();
		}
	}
}

static void drop_and_kick(void)
{
	const unsigned next = atomic_load(&lock.serving) + 1;
	unsigned holder;

	atomic_store(&holder_of_ticket[(next - 1) % GUEST_CPU_MAX], NOBODY);
	atomic_store(&lock.serving, next);
	/* Who takes the ticket from now on finds the lock free; one that has it may not have said
	 * who it is yet, and will see the lock's word before it halts. */
	if ((int)(atomic_load(&lock.next) - next) > 0) {
		holder = atomic_load(&holder_of_ticket[next % GUEST_CPU_MAX]);
		if (holder != NOBODY) {
			(void)trivet_kvm_kick_cpu(guest_cpu_at(holder)->apic_id);
		}
	}
}

static void halt_work(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < rounds; i++) {
		take_or_halt();
		work_inside();
		drop_and_kick();
	}
}

static void increment_pair(void)
{
	uint64_t low = pair[0];
	uint64_t high = pair[1];

	while (!guest_cmpxchg16b(pair, &low, &high, low + 1, high - 1)) {
		guest_pause();
	}
}

static void atomic_work(void *argument)
{
	const bool has_16b = *(const bool *)argument;

	for (unsigned i = 0; i < rounds; i++) {
		unsigned seen = atomic_load(&exchange_counter);

		atomic_fetch_add(&xadd_counter, 1);
		while (!atomic_compare_exchange_strong(&exchange_counter, &seen, seen + 1)) {
			guest_pause();
		}
		if (has_16b) {
			increment_pair();
		}
	}
}

static void check_lock(const char *scope, guest_work work)
{
	report_set_scope(scope);
	plain_counter = 0;
	plain_mirror = 0;
	report_true("all_end", guest_smp_run_all(work, NULL));
	report_equal("nothing_is_lost", plain_counter, (uint64_t)rounds * guest_cpu_count());
	report_equal("one_at_a_time_is_inside", atomic_load(&broken_count), 0);
	report_set_scope(NULL);
}

static void check_atomics(void)
{
	const unsigned total = rounds * guest_cpu_count();
	bool has_16b = (guest_cpuid(1, 0).ecx & CPUID_1_ECX_CMPXCHG16B) != 0;

	report_true("all_end", guest_smp_run_all(atomic_work, &has_16b));
	report_equal("xadd_loses_nothing", atomic_load(&xadd_counter), total);
	report_equal("cmpxchg_loses_nothing", atomic_load(&exchange_counter), total);
	if (has_16b) {
		report_equal("cmpxchg16b_loses_nothing", pair[0], total);
		report_equal("nor_in_its_high_half", pair[1], 0 - (uint64_t)total);
	} else {
		report_skip("cmpxchg16b", "this CPU has none");
	}
}

uint32_t guest_main(void)
{
	rounds = (unsigned)guest_option("rounds", ROUNDS);
	if (guest_smp_init() < 2) {
		report_skip("contention", "there is one processor");
	}
	report_true("all_start", guest_smp_start_all());
	check_lock("spin", spin_work);
	check_atomics();
	if ((trivet_kvm_features() & KVM_FEATURE_PV_UNHALT) != 0) {
		for (unsigned i = 0; i < GUEST_CPU_MAX; i++) {
			atomic_store(&holder_of_ticket[i], NOBODY);
		}
		check_lock("halt", halt_work);
	} else {
		report_skip("halt", "kicks are not offered");
	}
	return report_result();
}
