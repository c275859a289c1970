/* SPDX-License-Identifier: MIT */
#include "vm/run_queue.h"

#include "lib/bits.h"

/*
 * Virtual time grows by up to RUN_WEIGHT_DEFAULT a tick, which would wrap 64 bits within a year:
 * all of it is moved down when the minimum comes to VIRTUAL_TICKS_HIGH. A single charge is cut so
 * that its product fits; that is a day without a single call, where there is no share to keep.
 */
#define VIRTUAL_TICKS_HIGH BIT(62)
#define VIRTUAL_TICKS_KEPT BIT(60)
#define CHARGE_TICKS_MAX   BIT(48)

enum { SLEEPER_DIVISOR = 2, WAKE_DIVISOR = 4 };

static uint64_t less(uint64_t value, uint64_t difference)
{
	return value > difference ? value - difference : 0;
}

static void raise(uint64_t *value, uint64_t floor)
{
	if (*value < floor) {
		*value = floor;
	}
}

static uint64_t yield_ticks(const struct run_queue *queue)
{
	return queue->slice_ticks * RUN_YIELD_SLICES;
}

static uint32_t allowed_weight(uint32_t weight)
{
	if (weight < RUN_WEIGHT_MIN) {
		return RUN_WEIGHT_MIN;
	}
	return weight > RUN_WEIGHT_MAX ? RUN_WEIGHT_MAX : weight;
}

/* Returns who has the lowest virtual time of those that are ready; not `except`. NULL: nobody. */
static struct run_entity *lowest_ready(
	const struct run_queue *queue, const struct run_entity *except)
{
	struct run_entity *lowest = NULL;

	for (struct run_entity *entity = queue->entities; entity != NULL; entity = entity->next) {
		if (entity != except && entity->state == RUN_READY &&
			(lowest == NULL || entity->virtual_ticks < lowest->virtual_ticks)) {
			lowest = entity;
		}
	}
	return lowest;
}

/* A blocked one that is left behind at 0 has lost nothing: a wake raises it. */
static void move_down(struct run_queue *queue)
{
	const uint64_t by = queue->minimum_virtual_ticks - VIRTUAL_TICKS_KEPT;

	for (struct run_entity *entity = queue->entities; entity != NULL; entity = entity->next) {
		entity->virtual_ticks = less(entity->virtual_ticks, by);
	}
	queue->minimum_virtual_ticks -= by;
}

/* Does not go back when one comes that is behind: else each that wakes would drag it further. */
static void advance_minimum(struct run_queue *queue, const struct run_entity *lowest)
{
	const struct run_entity *current = queue->current;

	if (lowest == NULL || (current != NULL && current->virtual_ticks < lowest->virtual_ticks)) {
		lowest = current;
	}
	if (lowest != NULL) {
		raise(&queue->minimum_virtual_ticks, lowest->virtual_ticks);
	}
	if (queue->minimum_virtual_ticks >= VIRTUAL_TICKS_HIGH) {
		move_down(queue);
	}
}

/* The one division of a pick. */
static void charge_virtual(struct run_entity *entity, uint64_t ticks)
{
	const uint64_t charged = ticks < CHARGE_TICKS_MAX ? ticks : CHARGE_TICKS_MAX;
	const uint64_t scaled = charged * RUN_WEIGHT_DEFAULT + entity->virtual_remainder;

	entity->virtual_ticks += scaled / entity->weight;
	entity->virtual_remainder = (uint32_t)(scaled % entity->weight);
}

/* Adds the time since the last charge to what the entity did in it. */
static void charge(struct run_entity *entity, uint64_t now)
{
	const uint64_t ticks = now - entity->since_tsc;

	entity->since_tsc = now;
	switch (entity->state) {
	case RUN_RUNNING:
		entity->run_ticks += ticks;
		charge_virtual(entity, ticks);
		break;
	case RUN_READY:
		entity->wait_ticks += ticks;
		break;
	case RUN_BLOCKED:
		entity->blocked_ticks += ticks;
		break;
	}
}

/* Moves the queue's clock on: the CPU's time goes to the current one, or to nobody. */
static void advance_clock(struct run_queue *queue, uint64_t now)
{
	const uint64_t before = queue->clock_tsc;

	raise(&queue->clock_tsc, now);
	if (queue->current != NULL) {
		charge(queue->current, queue->clock_tsc);
	} else {
		queue->idle_ticks += queue->clock_tsc - before;
	}
}

/* The ticks up to the queue's clock belong to the old state. */
static void set_state(struct run_queue *queue, struct run_entity *entity, enum run_state state)
{
	charge(entity, queue->clock_tsc);
	queue->ready_count -= entity->state == RUN_READY;
	queue->ready_count += state == RUN_READY;
	__atomic_store_n(&entity->state, state, __ATOMIC_RELAXED);
}

static void forget_wishes(struct run_queue *queue)
{
	queue->yield_target = NULL;
	queue->is_switch_wanted = false;
	queue->has_current_yielded = false;
}

void run_queue_init(struct run_queue *queue, uint64_t slice_ticks, uint64_t now)
{
	*queue = (struct run_queue){
		.slice_ticks = slice_ticks, .slice_start_tsc = now, .clock_tsc = now};
}

void run_queue_add(
	struct run_queue *queue, struct run_entity *entity, uint32_t weight, uint64_t now)
{
	struct run_entity **link = &queue->entities;

	advance_clock(queue, now);
	while (*link != NULL) {
		link = &(*link)->next;
	}
	*entity = (struct run_entity){.queue = queue,
		.weight = allowed_weight(weight),
		.virtual_ticks = queue->minimum_virtual_ticks,
		.since_tsc = queue->clock_tsc};
	*link = entity;
}

void run_queue_remove(struct run_queue *queue, struct run_entity *entity, uint64_t now)
{
	struct run_entity **link = &queue->entities;

	advance_clock(queue, now);
	advance_minimum(queue, lowest_ready(queue, NULL));
	set_state(queue, entity, RUN_BLOCKED);
	if (queue->yield_target == entity) {
		queue->yield_target = NULL;
	}
	if (queue->current == entity) {
		queue->current = NULL;
		queue->has_current_yielded = false;
	}
	while (*link != entity) {
		link = &(*link)->next;
	}
	*link = entity->next;
	entity->next = NULL;
	entity->queue = NULL;
}

void run_queue_set_weight(
	struct run_queue *queue, struct run_entity *entity, uint32_t weight, uint64_t now)
{
	const uint32_t before = entity->weight;
	const uint32_t after = allowed_weight(weight);
	uint64_t lead;

	advance_clock(queue, now);
	advance_minimum(queue, lowest_ready(queue, NULL));
	lead = less(entity->virtual_ticks, queue->minimum_virtual_ticks);
	entity->virtual_ticks -= lead;
	entity->virtual_ticks += lead / after * before + lead % after * before / after;
	entity->virtual_remainder = 0;
	entity->weight = after;
}

bool run_queue_wake(struct run_queue *queue, struct run_entity *entity, uint64_t now)
{
	const struct run_entity *current = queue->current;
	bool is_before;

	if (entity->state != RUN_BLOCKED) {
		return false;
	}
	advance_clock(queue, now);
	advance_minimum(queue, lowest_ready(queue, NULL));
	raise(&entity->virtual_ticks,
		less(queue->minimum_virtual_ticks, queue->slice_ticks / SLEEPER_DIVISOR));
	set_state(queue, entity, RUN_READY);
	is_before = current == NULL || less(current->virtual_ticks, entity->virtual_ticks) >
					       queue->slice_ticks / WAKE_DIVISOR;
	queue->is_switch_wanted |= is_before;
	return is_before;
}

static void leave(struct run_queue *queue, enum run_state state, uint64_t now)
{
	struct run_entity *current = queue->current;

	advance_clock(queue, now);
	advance_minimum(queue, lowest_ready(queue, NULL));
	if (current != NULL) {
		set_state(queue, current, state);
		queue->current = NULL;
		queue->has_current_yielded = false;
	}
}

void run_queue_block(struct run_queue *queue, uint64_t now)
{
	leave(queue, RUN_BLOCKED, now);
}

void run_queue_put_back(struct run_queue *queue, uint64_t now)
{
	leave(queue, RUN_READY, now);
}

/* `other` is who has the lowest virtual time besides the current one. NULL: nobody. */
static struct run_entity *choose(const struct run_queue *queue, struct run_entity *other)
{
	struct run_entity *current = queue->current;

	if (queue->yield_target != NULL) {
		return queue->yield_target;
	}
	if (other == NULL || current == NULL || queue->has_current_yielded) {
		return other != NULL ? other : current;
	}
	return current->virtual_ticks < other->virtual_ticks ? current : other;
}

struct run_entity *run_queue_pick(struct run_queue *queue, uint64_t now)
{
	struct run_entity *before = queue->current;
	struct run_entity *other = lowest_ready(queue, NULL);
	struct run_entity *chosen;

	advance_clock(queue, now);
	chosen = choose(queue, other);
	if (queue->has_current_yielded && chosen != before) {
		raise(&before->virtual_ticks, less(chosen->virtual_ticks, yield_ticks(queue)));
	}
	advance_minimum(queue, other);
	if (chosen != before && before != NULL) {
		set_state(queue, before, RUN_READY);
	}
	if (chosen != before && chosen != NULL) {
		set_state(queue, chosen, RUN_RUNNING);
		chosen->switch_count++;
	}
	queue->current = chosen;
	queue->slice_start_tsc = queue->clock_tsc;
	forget_wishes(queue);
	return chosen;
}

/* `must_not_starve_current`: it did not yield. */
static bool aim(struct run_queue *queue, struct run_entity *entity, bool must_not_starve_current)
{
	const struct run_entity *current = queue->current;
	const struct run_entity *third;

	if (entity->queue != queue || entity->state != RUN_READY) {
		return false;
	}
	third = lowest_ready(queue, entity);
	if (must_not_starve_current && current != NULL &&
		(third == NULL || current->virtual_ticks < third->virtual_ticks)) {
		third = current;
	}
	if (third != NULL &&
		less(entity->virtual_ticks, third->virtual_ticks) > yield_ticks(queue)) {
		return false;
	}
	queue->yield_target = entity;
	queue->is_switch_wanted = true;
	return true;
}

bool run_queue_yield_to(struct run_queue *queue, struct run_entity *entity, uint64_t now)
{
	advance_clock(queue, now);
	if (!aim(queue, entity, false)) {
		return false;
	}
	queue->has_current_yielded = queue->current != NULL;
	return true;
}

bool run_queue_boost(struct run_queue *queue, struct run_entity *entity, uint64_t now)
{
	advance_clock(queue, now);
	return aim(queue, entity, true);
}

void run_queue_yield(struct run_queue *queue, uint64_t now)
{
	advance_clock(queue, now);
	if (queue->current != NULL && queue->ready_count != 0) {
		queue->has_current_yielded = true;
		queue->is_switch_wanted = true;
	}
}

void run_queue_settle(struct run_queue *queue, uint64_t now)
{
	advance_clock(queue, now);
	for (struct run_entity *entity = queue->entities; entity != NULL; entity = entity->next) {
		charge(entity, queue->clock_tsc);
	}
}
