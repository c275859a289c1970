/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/run_queue.c */
#include "vm/run_queue.h"

#include "lib/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A TSC of 1 GHz, slices of 10 ms. */
#define SECOND 1000000000ull
#define SLICE  10000000ull
#define START  5000ull

enum { ENTITIES = 4 };

struct fixture {
	struct run_queue queue;
	struct run_entity entities[ENTITIES];
	uint64_t now;
};

static void start(struct fixture *f, unsigned count, const uint32_t *weights)
{
	*f = (struct fixture){.now = START};
	run_queue_init(&f->queue, SLICE, f->now);
	for (unsigned i = 0; i < count; i++) {
		run_queue_add(&f->queue, &f->entities[i],
			weights != NULL ? weights[i] : RUN_WEIGHT_DEFAULT, f->now);
	}
}

static void start_ready(struct fixture *f, unsigned count, const uint32_t *weights)
{
	start(f, count, weights);
	for (unsigned i = 0; i < count; i++) {
		run_queue_wake(&f->queue, &f->entities[i], f->now);
	}
	assert_ptr_equal(run_queue_pick(&f->queue, f->now), &f->entities[0]);
}

/* Runs on, a pick at each end of a slice, until `end`. */
static void run_until(struct fixture *f, uint64_t end)
{
	while (f->now < end) {
		uint64_t due = run_queue_slice_end(&f->queue);

		f->now = due > end ? end : due < f->now ? f->now : due;
		if (run_queue_must_switch(&f->queue, f->now)) {
			run_queue_pick(&f->queue, f->now);
		}
	}
	run_queue_settle(&f->queue, f->now);
}

static void assert_near(uint64_t value, uint64_t expected, uint64_t tolerance)
{
	assert_in_range(
		value, expected > tolerance ? expected - tolerance : 0, expected + tolerance);
}

static void an_empty_queue_gives_nobody_and_counts_idle_time(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 1, NULL);
	assert_null(run_queue_pick(&f.queue, START + 7));
	assert_false(run_queue_must_switch(&f.queue, START + 9));
	assert_true(run_queue_slice_end(&f.queue) == UINT64_MAX);
	assert_true(run_queue_wake(&f.queue, &f.entities[0], START + 10));
	assert_true(run_queue_must_switch(&f.queue, START + 10));
	assert_ptr_equal(run_queue_pick(&f.queue, START + 12), &f.entities[0]);
	run_queue_settle(&f.queue, START + 20);
	assert_int_equal(f.queue.idle_ticks, 12);
	assert_int_equal(f.entities[0].blocked_ticks, 10);
	assert_int_equal(f.entities[0].wait_ticks, 2);
	assert_int_equal(f.entities[0].run_ticks, 8);
}

static void states_follow_wake_pick_and_block(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 1, NULL);
	assert_int_equal(run_entity_state(&f.entities[0]), RUN_BLOCKED);
	run_queue_wake(&f.queue, &f.entities[0], START);
	assert_int_equal(run_entity_state(&f.entities[0]), RUN_READY);
	assert_false(run_queue_wake(&f.queue, &f.entities[0], START));
	run_queue_pick(&f.queue, START);
	assert_int_equal(run_entity_state(&f.entities[0]), RUN_RUNNING);
	assert_false(run_queue_wake(&f.queue, &f.entities[0], START));
	run_queue_block(&f.queue, START);
	assert_int_equal(run_entity_state(&f.entities[0]), RUN_BLOCKED);
	assert_null(f.queue.current);
	run_queue_block(&f.queue, START);
	assert_null(run_queue_pick(&f.queue, START));
}

static void who_runs_alone_has_no_end_of_slice_until_another_is_ready(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 2, NULL);
	run_queue_wake(&f.queue, &f.entities[0], START);
	run_queue_pick(&f.queue, START);
	assert_true(run_queue_slice_end(&f.queue) == UINT64_MAX);
	assert_false(run_queue_wake(&f.queue, &f.entities[1], START));
	assert_int_equal(run_queue_slice_end(&f.queue), START + SLICE);
	assert_false(run_queue_must_switch(&f.queue, START + SLICE - 1));
	assert_true(run_queue_must_switch(&f.queue, START + SLICE));
}

static void two_of_equal_weight_take_turns_slice_by_slice(void **state)
{
	struct fixture f;

	(void)state;
	start_ready(&f, 2, NULL);
	for (unsigned i = 1; i < 100; i++) {
		f.now += SLICE;
		assert_ptr_equal(run_queue_pick(&f.queue, f.now), &f.entities[i % 2]);
	}
	run_until(&f, START + SECOND);
	assert_near(f.entities[0].run_ticks, SECOND / 2, SLICE);
	assert_int_equal(f.entities[0].wait_ticks, f.entities[1].run_ticks);
	/* The last time at the very end. */
	assert_int_equal(f.entities[0].switch_count, 51);
}

static void weights_are_shares(void **state)
{
	static const uint32_t weights[][2] = {{256, 512}, {1, 1024}, {100, 300}, {1024, 1023},
		{7, 11}, {1, 1}, {1024, 1024}, {3, 1000}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(weights); i++) {
		struct fixture f;
		const uint32_t *w = weights[i];

		start_ready(&f, 2, w);
		run_until(&f, START + SECOND);
		assert_near(f.entities[0].run_ticks, SECOND * w[0] / (w[0] + w[1]), SLICE);
		assert_int_equal(f.entities[0].run_ticks + f.entities[1].run_ticks, SECOND);
	}
}

static void virtual_time_does_not_drift(void **state)
{
	static const uint32_t weight = 1000;
	struct fixture f;

	(void)state;
	start_ready(&f, 1, &weight);
	for (unsigned i = 0; i < 100000; i++) {
		run_queue_settle(&f.queue, ++f.now);
	}
	assert_int_equal(f.entities[0].virtual_ticks, 25600);
}

static void a_weight_out_of_range_counts_as_the_nearest(void **state)
{
	static const uint32_t weights[] = {0, 5000};
	struct fixture f;

	(void)state;
	start(&f, 2, weights);
	assert_int_equal(f.entities[0].weight, RUN_WEIGHT_MIN);
	assert_int_equal(f.entities[1].weight, RUN_WEIGHT_MAX);
	run_queue_set_weight(&f.queue, &f.entities[0], 1025, START);
	assert_int_equal(f.entities[0].weight, RUN_WEIGHT_MAX);
}

static void a_new_weight_counts_from_now_on(void **state)
{
	static const uint32_t weights[] = {1, 256};
	struct fixture f;
	uint64_t before;

	(void)state;
	start_ready(&f, 2, weights);
	run_until(&f, START + SECOND);
	before = f.entities[0].run_ticks;
	run_queue_set_weight(&f.queue, &f.entities[0], 768, f.now);
	run_until(&f, START + 2 * SECOND);
	/* And does not pay for the slice that it got at its old weight. */
	assert_near(f.entities[0].run_ticks - before, SECOND * 3 / 4, 2 * SLICE);
}

static void a_sleeper_comes_back_half_a_slice_behind_at_most(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 2, NULL);
	run_queue_wake(&f.queue, &f.entities[0], f.now);
	run_queue_pick(&f.queue, f.now);
	f.now += 100 * SECOND;
	assert_true(run_queue_wake(&f.queue, &f.entities[1], f.now));
	assert_int_equal(f.entities[1].virtual_ticks, f.entities[0].virtual_ticks - SLICE / 2);
	assert_true(run_queue_must_switch(&f.queue, f.now));
	assert_ptr_equal(run_queue_pick(&f.queue, f.now), &f.entities[1]);
	run_until(&f, f.now + SECOND);
	assert_near(f.entities[1].run_ticks, SECOND / 2, SLICE);
}

static void a_short_sleep_gains_nothing(void **state)
{
	struct fixture f;

	(void)state;
	start_ready(&f, 2, NULL);
	f.now += SLICE;
	run_queue_block(&f.queue, f.now);
	run_queue_pick(&f.queue, f.now);
	f.now += 1000;
	assert_false(run_queue_wake(&f.queue, &f.entities[0], f.now));
	assert_false(run_queue_must_switch(&f.queue, f.now));
	assert_int_equal(f.entities[0].virtual_ticks, SLICE);
}

static void who_ran_alone_owes_nothing_for_it(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, 2, NULL);
	run_queue_wake(&f.queue, &f.entities[0], f.now);
	run_queue_pick(&f.queue, f.now);
	f.now += 10 * SECOND;
	run_queue_block(&f.queue, f.now);
	run_queue_wake(&f.queue, &f.entities[1], f.now);
	run_queue_pick(&f.queue, f.now);
	run_queue_wake(&f.queue, &f.entities[0], f.now);
	run_until(&f, f.now + SECOND);
	assert_near(f.entities[1].run_ticks, SECOND / 2, 2 * SLICE);
}

/* One that wakes each millisecond for a tenth of it, beside two that always run. */
static void one_that_sleeps_often_is_served_at_once_and_starves_nobody(void **state)
{
	struct fixture f;

	(void)state;
	start_ready(&f, 3, NULL);
	run_until(&f, START + 3 * SLICE);
	while (f.queue.current != &f.entities[2]) {
		run_until(&f, f.now + SLICE);
	}
	for (unsigned i = 0; i < 1000; i++) {
		run_queue_block(&f.queue, f.now);
		run_queue_pick(&f.queue, f.now);
		run_until(&f, f.now + SECOND / 1000 * 9 / 10);
		run_queue_wake(&f.queue, &f.entities[2], f.now);
		while (f.queue.current != &f.entities[2]) {
			run_until(&f, f.now + 1);
		}
		run_until(&f, f.now + SECOND / 1000 / 10);
	}
	assert_near(f.entities[0].run_ticks, f.entities[1].run_ticks, 2 * SLICE);
	/* Woken a thousand times, it waited only until it had slept for its first slices. */
	assert_in_range(f.entities[2].wait_ticks, 0, 8 * SLICE);
}

static void the_target_of_a_directed_yield_is_next_once(void **state)
{
	struct fixture f;

	(void)state;
	start_ready(&f, 3, NULL);
	run_until(&f, START + SLICE);
	assert_ptr_equal(f.queue.current, &f.entities[1]);
	/* Entity 0 has had its slice, entity 2 has not. */
	assert_true(run_queue_yield_to(&f.queue, &f.entities[0], f.now + 10));
	assert_true(run_queue_must_switch(&f.queue, f.now + 10));
	assert_ptr_equal(run_queue_pick(&f.queue, f.now + 10), &f.entities[0]);
	assert_false(run_queue_must_switch(&f.queue, f.now + 10));
	assert_ptr_equal(run_queue_pick(&f.queue, f.now + 10 + SLICE), &f.entities[2]);
}

static void a_directed_yield_wants_a_ready_target_of_this_queue(void **state)
{
	struct fixture f;
	struct fixture other;

	(void)state;
	start_ready(&f, 2, NULL);
	start_ready(&other, 2, NULL);
	assert_false(run_queue_yield_to(&f.queue, &f.entities[0], f.now));
	assert_false(run_queue_yield_to(&f.queue, &other.entities[1], f.now));
	run_queue_pick(&f.queue, f.now + SLICE);
	run_queue_block(&f.queue, f.now + SLICE);
	run_queue_pick(&f.queue, f.now + SLICE);
	assert_false(run_queue_yield_to(&f.queue, &f.entities[1], f.now + SLICE));
	assert_false(run_queue_must_switch(&f.queue, f.now + 5 * SLICE));
}

static void a_target_that_is_removed_is_not_picked(void **state)
{
	struct fixture f;

	(void)state;
	start_ready(&f, 3, NULL);
	assert_true(run_queue_yield_to(&f.queue, &f.entities[2], f.now));
	run_queue_remove(&f.queue, &f.entities[2], f.now);
	assert_ptr_equal(run_queue_pick(&f.queue, f.now), &f.entities[1]);
	run_queue_remove(&f.queue, &f.entities[1], f.now);
	assert_null(f.queue.current);
	assert_ptr_equal(run_queue_pick(&f.queue, f.now), &f.entities[0]);
	run_queue_remove(&f.queue, &f.entities[0], f.now);
	assert_null(run_queue_pick(&f.queue, f.now));
	assert_null(f.queue.entities);
}

/* Entity 0 yields to entity 1 whenever it runs: entity 2 keeps its third at least. */
static void directed_yields_starve_no_third_one(void **state)
{
	static const uint32_t weights[][3] = {{256, 256, 256}, {1024, 1, 256}, {1, 1, 1024}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(weights); i++) {
		const uint32_t *w = weights[i];
		struct fixture f;

		start_ready(&f, 3, w);
		for (unsigned n = 0; n < 20000; n++) {
			run_until(&f, f.now + SECOND / 10000);
			if (f.queue.current == &f.entities[0] &&
				!run_queue_yield_to(&f.queue, &f.entities[1], f.now)) {
				run_queue_yield(&f.queue, f.now);
			}
		}
		assert_true(f.entities[2].run_ticks + 4 * SLICE >=
			    2 * SECOND * w[2] / (w[0] + w[1] + w[2]));
		assert_in_range(
			f.entities[2].run_ticks, 0, 2 * SECOND * w[2] / (w[1] + w[2]) + 4 * SLICE);
	}
}

static void some_directed_yields_leave_equal_shares(void **state)
{
	struct fixture f;

	(void)state;
	start_ready(&f, 3, NULL);
	for (unsigned n = 0; n < 40; n++) {
		run_until(&f, START + SECOND / 40 * n + SECOND / 80);
		run_queue_yield_to(&f.queue, &f.entities[n % 3], f.now);
		run_until(&f, START + SECOND / 40 * (n + 1));
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_near(f.entities[i].run_ticks, SECOND / 3, 2 * SLICE);
	}
}

static void a_boost_from_another_cpu_keeps_the_current_ones_place(void **state)
{
	struct fixture f;

	(void)state;
	start_ready(&f, 3, NULL);
	run_until(&f, START + SLICE);
	assert_true(run_queue_boost(&f.queue, &f.entities[0], f.now));
	assert_true(run_queue_must_switch(&f.queue, f.now));
	assert_ptr_equal(run_queue_pick(&f.queue, f.now), &f.entities[0]);
	/* It gets no further ahead than the bound, even of the current one alone. */
	start_ready(&f, 2, NULL);
	for (unsigned n = 0; n < 200; n++) {
		run_until(&f, f.now + SECOND / 200);
		run_queue_boost(&f.queue, &f.entities[0], f.now);
	}
	assert_near(f.entities[1].run_ticks, SECOND / 2, (RUN_YIELD_SLICES + 1) * SLICE);
}

static void an_undirected_yield_steps_behind_for_one_pick(void **state)
{
	struct fixture f;

	(void)state;
	start_ready(&f, 3, NULL);
	run_until(&f, START + 2 * SLICE);
	assert_ptr_equal(f.queue.current, &f.entities[2]);
	run_queue_yield(&f.queue, f.now + 5);
	assert_true(run_queue_must_switch(&f.queue, f.now + 5));
	assert_ptr_equal(run_queue_pick(&f.queue, f.now + 5), &f.entities[0]);
	assert_ptr_equal(run_queue_pick(&f.queue, f.now + 5 + SLICE), &f.entities[2]);
}

static void a_yield_with_nobody_else_ready_is_none(void **state)
{
	struct fixture f;

	(void)state;
	start_ready(&f, 1, NULL);
	run_queue_yield(&f.queue, f.now);
	assert_false(run_queue_must_switch(&f.queue, f.now + SECOND));
	assert_ptr_equal(run_queue_pick(&f.queue, f.now), &f.entities[0]);
	run_queue_block(&f.queue, f.now);
	run_queue_yield(&f.queue, f.now);
	assert_null(run_queue_pick(&f.queue, f.now));
}

static void a_yield_that_lasted_for_seconds_saves_up_little(void **state)
{
	struct fixture f;
	uint64_t before;

	(void)state;
	start_ready(&f, 2, NULL);
	for (unsigned n = 0; n < 5000; n++) {
		run_until(&f, f.now + SECOND / 1000);
		if (f.queue.current == &f.entities[0]) {
			run_queue_yield(&f.queue, f.now);
		}
	}
	before = f.entities[0].run_ticks;
	run_until(&f, f.now + SECOND);
	assert_near(f.entities[0].run_ticks - before, SECOND / 2, (RUN_YIELD_SLICES + 1) * SLICE);
	assert_true(f.entities[0].run_ticks - before >= SECOND / 2 - SLICE);
}

static void a_clock_that_is_behind_moves_nothing(void **state)
{
	struct fixture f;

	(void)state;
	start_ready(&f, 2, NULL);
	run_queue_pick(&f.queue, START + 100);
	run_queue_settle(&f.queue, START + 50);
	run_queue_block(&f.queue, START + 60);
	run_queue_pick(&f.queue, START + 40);
	run_queue_settle(&f.queue, START + 110);
	assert_int_equal(f.entities[0].run_ticks + f.entities[1].run_ticks, 110);
	assert_int_equal(f.queue.idle_ticks, 0);
	assert_int_equal(
		f.entities[0].run_ticks + f.entities[0].wait_ticks + f.entities[0].blocked_ticks,
		110);
}

/* At the least weight, in steps of an hour at 5 GHz, for 500 years. */
static void virtual_time_does_not_overflow_in_a_machines_life(void **state)
{
	static const uint32_t weights[] = {1, 1, 1024};
	const uint64_t hour = 3600 * 5 * SECOND;
	struct fixture f;

	(void)state;
	start(&f, 3, weights);
	run_queue_wake(&f.queue, &f.entities[0], f.now);
	run_queue_wake(&f.queue, &f.entities[1], f.now);
	for (unsigned n = 0; n < 300000; n++) {
		run_queue_pick(&f.queue, f.now);
		f.now += hour / 5;
		run_queue_settle(&f.queue, f.now);
		assert_true(f.queue.minimum_virtual_ticks < BIT(63));
		assert_true(f.entities[0].virtual_ticks < BIT(63));
		assert_near(f.entities[0].run_ticks, f.entities[1].run_ticks, hour / 5);
	}
	assert_true(run_queue_wake(&f.queue, &f.entities[2], f.now));
	assert_ptr_equal(run_queue_pick(&f.queue, f.now), &f.entities[2]);
	run_until(&f, f.now + SECOND);
	assert_in_range(f.entities[2].run_ticks, SECOND - 4 * SLICE, SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_queue_gives_nobody_and_counts_idle_time),
		cmocka_unit_test(states_follow_wake_pick_and_block),
		cmocka_unit_test(who_runs_alone_has_no_end_of_slice_until_another_is_ready),
		cmocka_unit_test(two_of_equal_weight_take_turns_slice_by_slice),
		cmocka_unit_test(weights_are_shares),
		cmocka_unit_test(virtual_time_does_not_drift),
		cmocka_unit_test(a_weight_out_of_range_counts_as_the_nearest),
		cmocka_unit_test(a_new_weight_counts_from_now_on),
		cmocka_unit_test(a_sleeper_comes_back_half_a_slice_behind_at_most),
		cmocka_unit_test(a_short_sleep_gains_nothing),
		cmocka_unit_test(who_ran_alone_owes_nothing_for_it),
		cmocka_unit_test(one_that_sleeps_often_is_served_at_once_and_starves_nobody),
		cmocka_unit_test(the_target_of_a_directed_yield_is_next_once),
		cmocka_unit_test(a_directed_yield_wants_a_ready_target_of_this_queue),
		cmocka_unit_test(a_target_that_is_removed_is_not_picked),
		cmocka_unit_test(directed_yields_starve_no_third_one),
		cmocka_unit_test(some_directed_yields_leave_equal_shares),
		cmocka_unit_test(a_boost_from_another_cpu_keeps_the_current_ones_place),
		cmocka_unit_test(an_undirected_yield_steps_behind_for_one_pick),
		cmocka_unit_test(a_yield_with_nobody_else_ready_is_none),
		cmocka_unit_test(a_yield_that_lasted_for_seconds_saves_up_little),
		cmocka_unit_test(a_clock_that_is_behind_moves_nothing),
		cmocka_unit_test(virtual_time_does_not_overflow_in_a_machines_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
