/* SPDX-License-Identifier: MIT */
#ifndef CPU_SPINLOCK_H
#define CPU_SPINLOCK_H

#include "cpu/debug_checks.h"
#include "lib/status.h"
#include "lib/types.h"

/*
 * The order of all locks: a processor that holds one takes only locks that stand below it here.
 * What each guards is said where it is.
 */
enum lock_rank {
	LOCK_RANK_VM_MEMORY,
	LOCK_RANK_VM_PLATFORM,
	LOCK_RANK_POSTING,
	LOCK_RANK_RUN_QUEUE,
	LOCK_RANK_INPUT,
	LOCK_RANK_GUESTS,
	LOCK_RANK_CLEARING,
	LOCK_RANK_PAGING,
	LOCK_RANK_PAGES,
	LOCK_RANK_LINE,
	LOCK_RANK_CONSOLE,
	LOCK_RANK_COUNT,
};

/*
 * A ticket lock: whoever came first gets it first. No interrupt handler and no NMI takes one, so
 * interrupts stay as they are.
 */
struct spinlock {
	uint32_t next_ticket;
	uint32_t served_ticket;
	enum lock_rank rank;
};

#define SPINLOCK_INIT(lock_rank)                                                                   \
	{                                                                                          \
		.rank = (lock_rank)                                                                \
	}

/* For those below. */
void spinlock_wait(const struct spinlock *lock, uint32_t ticket);
void spinlock_check_order(const struct spinlock *lock);
void spinlock_note_taken(const struct spinlock *lock);
void spinlock_note_given(const struct spinlock *lock);

/* Takes the lock. A build with DEBUG=1 panics if this processor holds one of its rank or below.
 * Context: any but NMI and #MC; this_cpu() works; not held by this processor. */
static inline void spin_lock(struct spinlock *lock)
{
	uint32_t ticket;

	if (DEBUG_HAS_CHECKS) {
		spinlock_check_order(lock);
	}
	ticket = __atomic_fetch_add(&lock->next_ticket, 1, __ATOMIC_RELAXED);
	if (__builtin_expect(
		    __atomic_load_n(&lock->served_ticket, __ATOMIC_ACQUIRE) != ticket, 0)) {
		spinlock_wait(lock, ticket);
	}
	if (DEBUG_HAS_CHECKS) {
		spinlock_note_taken(lock);
	}
}

/* Takes the lock if nobody has it or waits for it. Returns whether it did. Context: any. */
must_use bool spin_try_lock(struct spinlock *lock);

/* Context: held by this processor. */
static inline void spin_unlock(struct spinlock *lock)
{
	if (DEBUG_HAS_CHECKS) {
		spinlock_note_given(lock);
	}
	__atomic_store_n(&lock->served_ticket, lock->served_ticket + 1, __ATOMIC_RELEASE);
}

/* Returns the rank's name in messages. */
const char *spinlock_rank_name(enum lock_rank rank);

#endif
