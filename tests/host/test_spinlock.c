/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/spinlock.c */
#include "cpu/spinlock.h"

#include "cpu/percpu.h"
#include "fake_insn.h"
#include "fake_panic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct spinlock low;
static struct spinlock high;

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	low = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_VM_MEMORY);
	high = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_CONSOLE);
	return 0;
}

static void take(void *argument)
{
	spin_lock(argument);
}

static void locks_are_taken_in_order(void **state)
{
	(void)state;
	spin_lock(&low);
	spin_lock(&high);
	assert_int_equal(
		this_cpu()->held_locks, 1u << LOCK_RANK_VM_MEMORY | 1u << LOCK_RANK_CONSOLE);
	spin_unlock(&high);
	spin_unlock(&low);
	assert_int_equal(this_cpu()->held_locks, 0);
	assert_int_equal(fake_cpu.pause_count, 0);
}

static void a_lower_rank_behind_a_higher_one_panics(void **state)
{
	(void)state;
	spin_lock(&high);
	assert_true(fake_panics(take, &low));
	assert_string_equal(
		fake_panic_text(), "lock order: vm memory is taken while console is held");
}

static void the_same_rank_twice_panics(void **state)
{
	struct spinlock other = SPINLOCK_INIT(LOCK_RANK_CONSOLE);

	(void)state;
	spin_lock(&high);
	assert_true(fake_panics(take, &other));
	assert_true(fake_panics(take, &high));
	assert_string_equal(
		fake_panic_text(), "lock order: console is taken while console is held");
}

static void the_highest_lock_held_is_named(void **state)
{
	struct spinlock middle = SPINLOCK_INIT(LOCK_RANK_INPUT);
	struct spinlock pages = SPINLOCK_INIT(LOCK_RANK_PAGES);

	(void)state;
	spin_lock(&low);
	spin_lock(&pages);
	assert_true(fake_panics(take, &middle));
	assert_string_equal(fake_panic_text(), "lock order: input is taken while pages is held");
}

static void each_rank_has_a_name(void **state)
{
	(void)state;
	for (unsigned rank = 0; rank < LOCK_RANK_COUNT; rank++) {
		assert_non_null(spinlock_rank_name((enum lock_rank)rank));
	}
	assert_string_equal(spinlock_rank_name(LOCK_RANK_COUNT), "unknown");
}

static void a_lock_that_is_held_is_not_tried_for_long(void **state)
{
	(void)state;
	assert_true(spin_try_lock(&low));
	assert_false(spin_try_lock(&low));
	assert_int_equal(this_cpu()->held_locks, 1u << LOCK_RANK_VM_MEMORY);
	spin_unlock(&low);
	assert_true(spin_try_lock(&low));
	assert_int_equal(fake_cpu.pause_count, 0);
}

static void unlock_low_for_another(void)
{
	low.served_ticket++;
}

static void a_lock_waits_for_its_turn(void **state)
{
	(void)state;
	/* Two processors came before. */
	low.next_ticket = 2;
	fake_cpu.on_pause = unlock_low_for_another;
	spin_lock(&low);
	assert_int_equal(fake_cpu.pause_count, 2);
	assert_int_equal(low.served_ticket, 2);
	assert_int_equal(low.next_ticket, 3);
}

static void tickets_wrap(void **state)
{
	(void)state;
	low.next_ticket = UINT32_MAX;
	low.served_ticket = UINT32_MAX;
	for (unsigned i = 0; i < 3; i++) {
		spin_lock(&low);
		assert_false(spin_try_lock(&low));
		spin_unlock(&low);
	}
	assert_int_equal(low.served_ticket, 2);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(locks_are_taken_in_order),
		TEST(a_lower_rank_behind_a_higher_one_panics),
		TEST(the_same_rank_twice_panics),
		TEST(the_highest_lock_held_is_named),
		TEST(each_rank_has_a_name),
		TEST(a_lock_that_is_held_is_not_tried_for_long),
		TEST(a_lock_waits_for_its_turn),
		TEST(tickets_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
