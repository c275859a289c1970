/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/tsc_sync.c */
#include "cpu/tsc_sync.h"

#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	ONE_WAY = 100,
	SLOW_ONE_WAY = 5000,
	QUICK_ROUND = 7,
};

static struct tsc_sync sync;
static int64_t offset;
static bool is_mostly_slow;

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	fake_cpu.tsc = 1000000;
	memset(&sync, 0, sizeof(sync));
	offset = 0;
	is_mostly_slow = false;
	return 0;
}

/* The other side, which runs while this one waits. */
static void answer(void)
{
	const uint64_t way = is_mostly_slow && sync.round != QUICK_ROUND ? SLOW_ONE_WAY : ONE_WAY;

	fake_cpu.tsc += way;
	sync.follower_tsc = fake_cpu.tsc + (uint64_t)offset;
	sync.answer = sync.round;
	fake_cpu.tsc += way;
}

static struct tsc_sync_result lead(void)
{
	fake_cpu.on_pause = answer;
	return tsc_sync_lead(&sync);
}

static void equal_counters_agree(void **state)
{
	struct tsc_sync_result result = lead();

	(void)state;
	assert_true(result.is_measured);
	assert_int_equal(result.difference, 0);
	assert_in_range(result.uncertainty, 2 * ONE_WAY, 2 * ONE_WAY + 4);
}

static void what_the_way_explains_is_no_difference(void **state)
{
	(void)state;
	offset = ONE_WAY - 1;
	assert_int_equal(lead().difference, 0);
	set_up(NULL);
	offset = -(ONE_WAY - 1);
	assert_int_equal(lead().difference, 0);
}

static void a_counter_that_is_ahead_differs(void **state)
{
	(void)state;
	offset = ONE_WAY + 500;
	assert_in_range(lead().difference, 490, 500);
}

static void a_counter_that_is_behind_differs(void **state)
{
	(void)state;
	offset = -(ONE_WAY + 500);
	assert_in_range(lead().difference, 490, 500);
}

static void the_quickest_round_counts(void **state)
{
	struct tsc_sync_result result;

	(void)state;
	is_mostly_slow = true;
	offset = ONE_WAY + 500;
	result = lead();
	assert_in_range(result.difference, 490, 500);
	assert_in_range(result.uncertainty, 2 * ONE_WAY, 2 * ONE_WAY + 4);
}

static void ask(void)
{
	if (sync.answer == sync.round) {
		sync.round++;
	}
}

static void a_follower_answers_each_question(void **state)
{
	uint32_t last;

	(void)state;
	fake_cpu.on_pause = ask;
	tsc_sync_follow(&sync);
	last = sync.answer;
	assert_true(last > 1);
	assert_int_equal(sync.round, last);
	assert_in_range(sync.follower_tsc, 1000000, fake_cpu.tsc);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_counters_agree),
		TEST(what_the_way_explains_is_no_difference),
		TEST(a_counter_that_is_ahead_differs),
		TEST(a_counter_that_is_behind_differs),
		TEST(the_quickest_round_counts),
		TEST(a_follower_answers_each_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
