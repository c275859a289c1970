/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_LOCK_H
#define GUEST_RUNTIME_GUEST_LOCK_H

#include "guest/runtime/guest_insn.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A ticket lock: first come, first served. All zeros is free. */
struct guest_lock {
	atomic_uint next;
	atomic_uint serving;
};

static inline void guest_lock_take(struct guest_lock *lock)
{
	const unsigned ticket = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);

	while (atomic_load_explicit(&lock->serving, memory_order_acquire) != ticket) {
		guest_pause();
	}
}

static inline void guest_lock_drop(struct guest_lock *lock)
{
	atomic_fetch_add_explicit(&lock->serving, 1, memory_order_release);
}

/* Processors that meet, again and again; all zeros at first. */
struct guest_barrier {
	atomic_uint arrived; /* Over all rounds. */
};

/* Waits until `count` processors have called it; the same count on each. */
static inline void guest_barrier_meet(struct guest_barrier *barrier, unsigned count)
{
	const unsigned mine = atomic_fetch_add(&barrier->arrived, 1);
	const unsigned goal = mine - mine % count + count;

	while ((int)(atomic_load(&barrier->arrived) - goal) < 0) {
		guest_pause();
	}
}

#endif
