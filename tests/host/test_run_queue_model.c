/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/run_queue.c */
#include "vm/run_queue.h"

#include "lib/bits.h"
#include "tests/host/random_numbers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * Random operations against a model that keeps each entity's time from one operation to the next by
 * its state alone, and virtual time in fractions of a tick. It follows the rules as
 * docs/scheduler.md has them, not the code.
 */

enum { ENTITIES = 6, SEEDS = 20, OPERATIONS = 20000, FRACTION_BITS = 8 };

#define SLICE    10000000ull
#define FRACTION (1LL << FRACTION_BITS)
/* The queue cuts to whole ticks before it scales a lead by a change of the weight. */
#define CLOSE (2 * RUN_WEIGHT_MAX * FRACTION)

struct model_entity {
	bool is_here;
	enum run_state state;
	uint32_t weight;
	uint64_t ticks[RUN_RUNNING + 1];
	int64_t virtual;
};

struct model {
	struct model_entity entities[ENTITIES];
	int64_t minimum;
	int current; /* -1: none. */
	int target;
	bool has_yielded;
	uint64_t idle;
	uint64_t now;
};

struct run {
	struct run_queue queue;
	struct run_entity entities[ENTITIES];
	struct model model;
	struct random_numbers numbers;
	uint64_t start;
	unsigned picks;
	unsigned refused;
	unsigned honoured;
};

static const int64_t slice = (int64_t)SLICE * FRACTION;

static bool can_run(const struct model_entity *e)
{
	return e->is_here && e->state != RUN_BLOCKED;
}

/* The lowest virtual time of those that are ready, and perhaps the current one; INT64_MAX: none. */
static int64_t model_lowest(const struct model *model, int except, bool with_current)
{
	int64_t lowest = INT64_MAX;

	for (int i = 0; i < ENTITIES; i++) {
		const struct model_entity *e = &model->entities[i];

		if (can_run(e) && i != except && (with_current || i != model->current) &&
			e->virtual < lowest) {
			lowest = e->virtual;
		}
	}
	return lowest;
}

static void model_set_minimum(struct model *model)
{
	const int64_t lowest = model_lowest(model, -1, true);

	if (lowest != INT64_MAX && lowest > model->minimum) {
		model->minimum = lowest;
	}
}

static void model_advance(struct model *model, uint64_t now)
{
	const uint64_t ticks = now - model->now;

	model->now = now;
	model->idle += model->current < 0 ? ticks : 0;
	for (int i = 0; i < ENTITIES; i++) {
		struct model_entity *e = &model->entities[i];

		if (e->is_here) {
			e->ticks[e->state] += ticks;
		}
	}
	if (model->current >= 0) {
		struct model_entity *e = &model->entities[model->current];

		e->virtual += (int64_t)(ticks * RUN_WEIGHT_DEFAULT << FRACTION_BITS) / e->weight;
	}
}

static void check_entity(const struct run *run, unsigned i)
{
	const struct run_entity *entity = &run->entities[i];
	const struct model_entity *model = &run->model.entities[i];
	int64_t difference = (int64_t)(entity->virtual_ticks << FRACTION_BITS) - model->virtual;

	assert_int_equal(entity->queue != NULL, model->is_here);
	if (!model->is_here) {
		return;
	}
	assert_int_equal(run_entity_state(entity), model->state);
	assert_int_equal(entity->run_ticks, model->ticks[RUN_RUNNING]);
	assert_int_equal(entity->wait_ticks, model->ticks[RUN_READY]);
	assert_int_equal(entity->blocked_ticks, model->ticks[RUN_BLOCKED]);
	assert_true(difference < CLOSE && difference > -CLOSE);
}

static void check(struct run *run)
{
	const struct model *model = &run->model;
	unsigned ready = 0;

	run_queue_settle(&run->queue, model->now);
	for (unsigned i = 0; i < ENTITIES; i++) {
		check_entity(run, i);
		ready += model->entities[i].is_here && model->entities[i].state == RUN_READY;
	}
	assert_int_equal(run->queue.ready_count, ready);
	assert_int_equal(run->queue.idle_ticks, model->idle);
	assert_ptr_equal(
		run->queue.current, model->current < 0 ? NULL : &run->entities[model->current]);
}

/* The queue's own virtual times become the model's, so that rounding does not add up. */
static void align_virtual(struct run *run)
{
	for (unsigned i = 0; i < ENTITIES; i++) {
		struct model_entity *e = &run->model.entities[i];

		if (e->is_here && run->entities[i].weight == e->weight) {
			e->virtual = (int64_t)(run->entities[i].virtual_ticks << FRACTION_BITS) +
				     (int64_t)run->entities[i].virtual_remainder * FRACTION /
					     e->weight;
		}
	}
	run->model.minimum = (int64_t)(run->queue.minimum_virtual_ticks << FRACTION_BITS);
}

/* Whether the one that was picked is one that the rules allow. */
static void check_choice(const struct model *model, int chosen)
{
	const int64_t others = model_lowest(model, -1, false);

	if (model->target >= 0) {
		assert_int_equal(chosen, model->target);
	} else if (chosen < 0) {
		assert_true(model_lowest(model, -1, true) == INT64_MAX);
	} else if (chosen == model->current) {
		assert_true(
			others == INT64_MAX ||
			(!model->has_yielded && model->entities[chosen].virtual < others + CLOSE));
	} else {
		assert_true(can_run(&model->entities[chosen]));
		assert_true(model->entities[chosen].virtual < others + CLOSE);
		assert_true(model->has_yielded || model->current < 0 ||
			    model->entities[chosen].virtual <
				    model->entities[model->current].virtual + CLOSE);
	}
}

static void pick(struct run *run)
{
	struct model *model = &run->model;
	struct run_entity *entity = run_queue_pick(&run->queue, model->now);
	const int chosen = entity == NULL ? -1 : (int)(entity - run->entities);
	const int before = model->current;

	check_choice(model, chosen);
	if (model->has_yielded && before >= 0 && chosen != before) {
		const int64_t floor = model->entities[chosen].virtual - RUN_YIELD_SLICES * slice;

		if (model->entities[before].virtual < floor) {
			model->entities[before].virtual = floor;
		}
	}
	model_set_minimum(model);
	if (before >= 0) {
		model->entities[before].state = RUN_READY;
	}
	if (chosen >= 0) {
		model->entities[chosen].state = RUN_RUNNING;
	}
	model->current = chosen;
	model->target = -1;
	model->has_yielded = false;
	run->picks++;
	assert_int_equal(run_queue_must_switch(&run->queue, model->now), false);
}

static void wake(struct run *run, unsigned i)
{
	struct model *model = &run->model;
	struct model_entity *e = &model->entities[i];
	const bool is_before = run_queue_wake(&run->queue, &run->entities[i], model->now);
	int64_t lead;

	if (e->state != RUN_BLOCKED) {
		assert_false(is_before);
		return;
	}
	model_set_minimum(model);
	if (e->virtual < model->minimum - slice / 2) {
		e->virtual = model->minimum - slice / 2;
	}
	e->state = RUN_READY;
	if (model->current < 0) {
		assert_true(is_before);
		return;
	}
	lead = model->entities[model->current].virtual - e->virtual - slice / 4;
	assert_true(lead < CLOSE || is_before);
	assert_true(lead > -CLOSE || !is_before);
	assert_true(!is_before || run_queue_must_switch(&run->queue, model->now));
}

static void leave(struct run *run, unsigned i, bool is_removed)
{
	struct model *model = &run->model;

	model_set_minimum(model);
	if (is_removed) {
		run_queue_remove(&run->queue, &run->entities[i], model->now);
	} else {
		run_queue_block(&run->queue, model->now);
	}
	model->entities[i].state = RUN_BLOCKED;
	model->entities[i].is_here = !is_removed;
	if (model->target == (int)i) {
		model->target = -1;
	}
	if (model->current == (int)i) {
		model->current = -1;
		model->has_yielded = false;
	}
}

static void yield_to(struct run *run, unsigned i, bool is_boost)
{
	struct model *model = &run->model;
	const struct model_entity *e = &model->entities[i];
	const int64_t third = model_lowest(model, (int)i, is_boost);
	const bool is_next =
		is_boost ? run_queue_boost(&run->queue, &run->entities[i], model->now)
			 : run_queue_yield_to(&run->queue, &run->entities[i], model->now);

	if (!is_next) {
		assert_true(e->state != RUN_READY ||
			    e->virtual > third + RUN_YIELD_SLICES * slice - CLOSE);
		run->refused += e->state == RUN_READY;
		return;
	}
	assert_int_equal(e->state, RUN_READY);
	assert_true(third == INT64_MAX || e->virtual < third + RUN_YIELD_SLICES * slice + CLOSE);
	model->target = (int)i;
	model->has_yielded |= !is_boost && model->current >= 0;
	run->honoured++;
}

static void set_weight(struct run *run, unsigned i, uint32_t weight)
{
	struct model *model = &run->model;
	struct model_entity *e = &model->entities[i];
	int64_t lead;

	model_set_minimum(model);
	lead = e->virtual - model->minimum;
	if (lead > 0) {
		e->virtual = model->minimum + (int64_t)((long double)lead * e->weight / weight);
	}
	e->weight = weight;
	run_queue_set_weight(&run->queue, &run->entities[i], weight, model->now);
}

static void add(struct run *run, unsigned i, uint32_t weight)
{
	struct model *model = &run->model;

	model->entities[i] =
		(struct model_entity){.is_here = true, .weight = weight, .virtual = model->minimum};
	run_queue_add(&run->queue, &run->entities[i], weight, model->now);
}

static uint32_t random_weight(struct random_numbers *numbers)
{
	return 1 +
	       (uint32_t)random_below(numbers, RUN_WEIGHT_MAX) % (1 << random_below(numbers, 11));
}

static void put_back(struct run *run)
{
	struct model *model = &run->model;

	model_set_minimum(model);
	run_queue_put_back(&run->queue, model->now);
	if (model->current >= 0) {
		model->entities[model->current].state = RUN_READY;
		model->current = -1;
		model->has_yielded = false;
	}
}

static void operate_on(struct run *run, unsigned i)
{
	struct model *model = &run->model;

	switch (random_below(&run->numbers, 13)) {
	case 0:
		set_weight(run, i, random_weight(&run->numbers));
		break;
	case 1:
		leave(run, i, true);
		break;
	case 2:
	case 3:
		yield_to(run, i, random_below(&run->numbers, 2) == 0);
		break;
	case 4:
		run_queue_yield(&run->queue, model->now);
		model->has_yielded |= model->current >= 0 && run->queue.ready_count != 0;
		break;
	case 5:
		if (model->current >= 0) {
			leave(run, (unsigned)model->current, false);
		}
		break;
	case 6:
		put_back(run);
		break;
	default:
		wake(run, i);
		break;
	}
}

static void operate(struct run *run)
{
	struct model *model = &run->model;
	const unsigned i = (unsigned)random_below(&run->numbers, ENTITIES);

	align_virtual(run);
	model_advance(model, model->now + random_below(&run->numbers, SLICE / 2));
	if (!model->entities[i].is_here) {
		add(run, i, random_weight(&run->numbers));
	} else {
		operate_on(run, i);
	}
	check(run);
	if (run_queue_must_switch(&run->queue, model->now)) {
		pick(run);
		check(run);
	}
}

static void random_operations_agree_with_a_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct run run = {.numbers.state = seed, .start = 1000 * seed};

		run.model = (struct model){.current = -1, .target = -1, .now = run.start};
		run_queue_init(&run.queue, SLICE, run.start);
		for (unsigned n = 0; n < OPERATIONS; n++) {
			operate(&run);
		}
		/* A run in which hardly anything happened would prove nothing. */
		assert_true(run.picks > OPERATIONS / 10);
		assert_true(run.honoured > OPERATIONS / 100);
		assert_true(run.refused > OPERATIONS / 1000);
	}
}

/* a's run / a's weight - b's run / b's weight <= slice / a's weight. */
static void check_share(const struct run_entity *a, const struct run_entity *b)
{
	const uint64_t before_slice = a->run_ticks < SLICE ? 0 : a->run_ticks - SLICE;

	assert_true(before_slice * b->weight <= b->run_ticks * a->weight + SLICE);
}

/*
 * Always-ready entities of random weights: between any two, what each got for its weight differs by
 * a slice of each at most, at every moment.
 */
static void shares_stay_within_a_slice_at_every_moment(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct run run = {.numbers.state = seed};
		uint64_t now = 0;

		run_queue_init(&run.queue, SLICE, now);
		for (unsigned i = 0; i < ENTITIES; i++) {
			run_queue_add(
				&run.queue, &run.entities[i], random_weight(&run.numbers), now);
			run_queue_wake(&run.queue, &run.entities[i], now);
		}
		run_queue_pick(&run.queue, now);
		for (unsigned n = 0; n < OPERATIONS / 10; n++) {
			now = run_queue_slice_end(&run.queue);
			run_queue_pick(&run.queue, now);
			for (unsigned pair = 0; pair < ENTITIES * ENTITIES; pair++) {
				const struct run_entity *a = &run.entities[pair % ENTITIES];
				const struct run_entity *b = &run.entities[pair / ENTITIES];

				check_share(a, b);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_a_model),
		cmocka_unit_test(shares_stay_within_a_slice_at_every_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
