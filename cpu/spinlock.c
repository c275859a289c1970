/* SPDX-License-Identifier: MIT */
#include "cpu/spinlock.h"

#include "cpu/debug_checks.h"
#include "cpu/insn.h"
#include "cpu/panic.h"
#include "cpu/percpu.h"

static const char *const names[LOCK_RANK_COUNT] = {
	[LOCK_RANK_VM_MEMORY] = "vm memory",
	[LOCK_RANK_VM_PLATFORM] = "vm platform",
	[LOCK_RANK_POSTING] = "posting",
	[LOCK_RANK_RUN_QUEUE] = "run queue",
	[LOCK_RANK_INPUT] = "input",
	[LOCK_RANK_GUESTS] = "guests",
	[LOCK_RANK_CLEARING] = "clearing",
	[LOCK_RANK_PAGING] = "paging",
	[LOCK_RANK_PAGES] = "pages",
	[LOCK_RANK_LINE] = "guests' line",
	[LOCK_RANK_CONSOLE] = "console",
};

_Static_assert(LOCK_RANK_COUNT <= 32, "a processor's held_locks has a bit for each rank");

const char *spinlock_rank_name(enum lock_rank rank)
{
	return (unsigned)rank < LOCK_RANK_COUNT ? names[rank] : "unknown";
}

void spinlock_check_order(const struct spinlock *lock)
{
	const uint32_t too_high = this_cpu()->held_locks >> lock->rank;

	if (too_high != 0) {
		const uint64_t highest = insn_bsr(too_high) + lock->rank;

		panic("lock order: %s is taken while %s is held", spinlock_rank_name(lock->rank),
			spinlock_rank_name((enum lock_rank)highest));
	}
}

void spinlock_note_taken(const struct spinlock *lock)
{
	this_cpu()->held_locks |= 1u << lock->rank;
}

void spinlock_note_given(const struct spinlock *lock)
{
	this_cpu()->held_locks &= ~(1u << lock->rank);
}

void spinlock_wait(const struct spinlock *lock, uint32_t ticket)
{
	while (__atomic_load_n(&lock->served_ticket, __ATOMIC_ACQUIRE) != ticket) {
		insn_pause();
	}
}

bool spin_try_lock(struct spinlock *lock)
{
	uint32_t ticket = __atomic_load_n(&lock->served_ticket, __ATOMIC_ACQUIRE);

	if (!__atomic_compare_exchange_n(&lock->next_ticket, &ticket, ticket + 1, false,
		    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		return false;
	}
	if (DEBUG_HAS_CHECKS) {
		spinlock_note_taken(lock);
	}
	return true;
}
