/* SPDX-License-Identifier: MIT */
#ifndef VM_RUN_QUEUE_H
#define VM_RUN_QUEUE_H

#include "lib/types.h"

/*
 * Which vCPU a physical CPU runs next: one queue for each CPU, pure, with no clock and no lock of
 * its own. A vCPU is put on a queue when its guest starts and stays there. docs/scheduler.md has
 * the picture.
 *
 * Shares: each entity has a virtual time, its run time divided by its weight. The ready entity
 * whose virtual time is lowest runs, for one slice at a time, so that virtual times stay together
 * and run times stand in the ratio of the weights.
 *
 * Time: `now` is this machine's TSC. A value below one that the queue has seen already (the CPUs'
 * counters are never quite the same) counts as that one: no time runs backwards, and none is
 * charged twice.
 *
 * Context: all functions want the lock of the queue's CPU, which the caller holds. Only
 * run_entity_state() is for any CPU at any time.
 */

enum {
	RUN_WEIGHT_MIN = 1,
	RUN_WEIGHT_DEFAULT = 256,
	RUN_WEIGHT_MAX = 1024,
	/* In slices of virtual time: what an entity that yields keeps of what it is behind, and how
	 * far before others one may get by directed yields. */
	RUN_YIELD_SLICES = 2,
};

enum run_state {
	RUN_BLOCKED = 0, /* Waits for an event. */
	RUN_READY,       /* Waits for the CPU. */
	RUN_RUNNING,
};

struct run_queue;

/* What the scheduler knows of a vCPU. Ticks are complete up to since_tsc. */
struct run_entity {
	struct run_queue *queue; /* NULL while on none. */
	struct run_entity *next;
	uint32_t weight;            /* RUN_WEIGHT_MIN to RUN_WEIGHT_MAX. */
	uint32_t virtual_remainder; /* Of the division that made virtual_ticks: below weight. */
	uint64_t virtual_ticks;     /* Run ticks times RUN_WEIGHT_DEFAULT / weight. */
	uint64_t run_ticks;
	uint64_t wait_ticks; /* Ready, not running: the guest's steal time. */
	uint64_t blocked_ticks;
	uint64_t since_tsc;
	uint64_t switch_count; /* How often the CPU went from another, or from idling, to it. */
	enum run_state state;  /* Relaxed atomic stores: other CPUs read it. */
};

struct run_queue {
	struct run_entity *entities;
	struct run_entity *current;      /* The one that is RUN_RUNNING; NULL: the CPU idles. */
	struct run_entity *yield_target; /* Is picked next, whatever its virtual time. */
	bool is_switch_wanted;           /* Before the slice is over. */
	bool has_current_yielded;        /* The current one steps behind at the next pick. */
	uint32_t ready_count;            /* Without the current one. */
	uint64_t minimum_virtual_ticks;  /* Of all who can run; never goes back. */
	uint64_t slice_ticks;
	uint64_t slice_start_tsc;
	uint64_t clock_tsc;  /* The latest `now`. */
	uint64_t idle_ticks; /* Nobody ran. Complete up to clock_tsc. */
};

/* Makes an empty queue. slice_ticks: 1 to 2^40 ticks of the TSC. */
void run_queue_init(struct run_queue *queue, uint64_t slice_ticks, uint64_t now);

/*
 * Puts an entity, RUN_BLOCKED and with all counts 0, on the queue; it is on no other. weight:
 * RUN_WEIGHT_MIN to RUN_WEIGHT_MAX; a value outside counts as the nearer of them.
 */
void run_queue_add(
	struct run_queue *queue, struct run_entity *entity, uint32_t weight, uint64_t now);

/* Takes an entity of this queue off, in whatever state. If it was current, nobody is afterwards. */
void run_queue_remove(struct run_queue *queue, struct run_entity *entity, uint64_t now);

/*
 * Changes the weight of an entity of this queue, from `now` on; weight as for run_queue_add(). What
 * it is ahead of the others in virtual time is scaled along, so that it waits no longer for what it
 * ran before than its new weight says.
 */
void run_queue_set_weight(
	struct run_queue *queue, struct run_entity *entity, uint32_t weight, uint64_t now);

/*
 * Makes a blocked entity of this queue ready. Returns true if it is to take the CPU now: nobody
 * runs, or the current one is more than a quarter of a slice ahead of it. The CPU is then to be
 * notified; run_queue_must_switch() says the same there. False, and nothing is done, if it was not
 * blocked. Who slept comes back no more than half a slice behind the others, so that it is served
 * soon but has saved up nothing.
 */
bool run_queue_wake(struct run_queue *queue, struct run_entity *entity, uint64_t now);

/* The current one, if any, waits for an event: it is blocked, and nobody is current. */
void run_queue_block(struct run_queue *queue, uint64_t now);

/* The CPU is taken for something else: the current one, if any, is ready, and nobody is current. A
 * yield of its own is over with that. */
void run_queue_put_back(struct run_queue *queue, uint64_t now);

/*
 * Chooses who runs from now on, for a new slice, and makes it current: the target of a directed
 * yield, else who has the lowest virtual time, of equals not the one that was current. Returns
 * NULL if nobody can run: the CPU may sleep until a wake. Takes time in proportion to the number of
 * entities.
 */
struct run_entity *run_queue_pick(struct run_queue *queue, uint64_t now);

/*
 * Directed yield: the current one lets `entity` run in its place. Returns true if that is a reason
 * to pick now: the next pick, this one only, takes `entity` whatever its virtual time. Returns
 * false, and nothing is done, if it is not ready on this queue or is more than RUN_YIELD_SLICES
 * slices ahead of a third one that waits: by yields to each other, two would starve that one. The
 * current one can then still run_queue_yield().
 */
bool run_queue_yield_to(struct run_queue *queue, struct run_entity *entity, uint64_t now);

/*
 * The same for a yield that came from another CPU's queue: the current one did not yield, keeps
 * what it is behind, and counts as one of those that must not be starved. On true the CPU is to be
 * notified.
 */
bool run_queue_boost(struct run_queue *queue, struct run_entity *entity, uint64_t now);

/*
 * Undirected yield, as of a loop of PAUSEs: at the next pick, and that one only, the current one
 * steps behind all others. It keeps up to RUN_YIELD_SLICES slices of what it is behind in virtual
 * time. Nothing happens if nobody else is ready.
 */
void run_queue_yield(struct run_queue *queue, uint64_t now);

/* Charges everybody's ticks up to `now`, for a reader of the counts. */
void run_queue_settle(struct run_queue *queue, uint64_t now);

/*
 * Returns the TSC at which run_queue_pick() is due: the end of the current one's slice; 0 if it is
 * already, for another reason; UINT64_MAX while nobody else is ready.
 */
static inline uint64_t run_queue_slice_end(const struct run_queue *queue)
{
	if (queue->ready_count == 0) {
		return UINT64_MAX;
	}
	if (queue->current == NULL || queue->is_switch_wanted) {
		return 0;
	}
	return queue->slice_start_tsc + queue->slice_ticks;
}

/* True if run_queue_pick() is due. */
static inline bool run_queue_must_switch(const struct run_queue *queue, uint64_t now)
{
	return now >= run_queue_slice_end(queue);
}

/* Returns what an entity does. Context: any CPU, no lock: it may have changed already. */
static inline enum run_state run_entity_state(const struct run_entity *entity)
{
	return __atomic_load_n(&entity->state, __ATOMIC_RELAXED);
}

#endif
