/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/pit8254.c devices/pit8254_counter.c lib/tick_rate.c
 * tests/host/pit8254_fixture.c */
#include "lib/tick_rate.h"
#include "tests/host/pit8254_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void mode_0_rises_n_plus_1_clocks_after_the_write(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x90);
	assert_false(out_2());
	put(2, 4);
	assert_wave("____-------");
	put(2, 2);
	assert_wave("__---");
}

static void mode_0_counts_on_after_the_terminal_count(void **state)
{
	(void)state;
	program(0, 0, 3);
	assert_int_equal(status_of(0), STATUS_NULL | BOTH);
	step(1);
	assert_int_equal(status_of(0), BOTH);
	assert_int_equal(count_of(0), 3);
	step(3);
	assert_int_equal(count_of(0), 0);
	assert_int_equal(rises, 1);
	assert_int_equal(status_of(0), STATUS_OUT | BOTH);
	step(1);
	assert_int_equal(count_of(0), 0xffff);
	step(0x10000 * 5);
	assert_int_equal(count_of(0), 0xffff);
	assert_int_equal(rises, 1);
	assert_int_equal(pit8254_next_event(&pit), TIME_NEVER);
}

static void mode_0_is_held_by_gate(void **state)
{
	(void)state;
	speaker(GATE_2);
	program(2, 0, 4);
	assert_wave("__");
	speaker(0);
	assert_wave("__________");
	assert_int_equal(count_of(2), 3);
	speaker(GATE_2);
	assert_wave("__-");
}

static void mode_0_loads_while_gate_is_low(void **state)
{
	(void)state;
	program(2, 0, 2);
	assert_wave("_____");
	assert_int_equal(count_of(2), 2);
	speaker(GATE_2);
	assert_wave("_-");
}

static void mode_0_stops_at_half_a_count(void **state)
{
	(void)state;
	program(0, 0, 3);
	step(10);
	assert_true(irq);
	put(0, 5);
	assert_false(irq);
	step(100000);
	assert_false(irq);
	put(0, 0);
	step(5);
	assert_false(irq);
	step(1);
	assert_true(irq);
}

static void mode_1_is_a_one_shot_triggered_by_gate(void **state)
{
	(void)state;
	program(2, 1, 3);
	assert_wave("-----");
	speaker(GATE_2);
	assert_wave("___-----");
	speaker(0);
	assert_wave("--");
	speaker(GATE_2);
	assert_wave("__");
	speaker(0);
	speaker(GATE_2);
	assert_wave("___-");
}

static void mode_1_takes_a_new_count_at_the_next_trigger(void **state)
{
	(void)state;
	program(2, 1, 2);
	speaker(GATE_2);
	put(2, 4);
	put(2, 0);
	assert_true((status_of(2) & STATUS_NULL) != 0);
	assert_wave("__---");
	speaker(0);
	speaker(GATE_2);
	assert_wave("____-");
	assert_int_equal(status_of(2), STATUS_OUT | BOTH | 2);
}

static void mode_1_without_a_count_ignores_its_trigger(void **state)
{
	(void)state;
	put(CONTROL, 0xb2);
	speaker(GATE_2);
	assert_wave("----");
}

static void mode_2_is_low_for_one_clock_in_n(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x94);
	assert_true(out_2());
	put(2, 3);
	assert_wave("--_--_--_--_");
}

static void mode_2_takes_a_new_count_after_the_period(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x94);
	put(2, 4);
	assert_wave("---_-");
	put(2, 3);
	assert_int_equal(status_of(2), STATUS_OUT | STATUS_NULL | LSB | 4);
	assert_wave("--_--_--_");
	assert_int_equal(status_of(2), LSB | 4);
}

static void mode_2_is_held_and_restarted_by_gate(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x94);
	put(2, 4);
	assert_wave("---_");
	speaker(0);
	assert_wave("------");
	speaker(GATE_2);
	assert_wave("---_---_");
}

static void mode_2_counts_from_n_to_1(void **state)
{
	(void)state;
	program(0, 2, 0x1234);
	for (unsigned i = 0; i < 3 * 0x1234; i++) {
		step(1);
		assert_int_equal(count_of(0), 0x1234 - i % 0x1234);
	}
}

static void mode_3_even_counts_give_equal_halves(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x96);
	put(2, 4);
	assert_wave("--__--__--__");
}

static void mode_3_odd_counts_are_high_one_clock_longer(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x96);
	put(2, 5);
	assert_wave("---__---__---__");
}

static void mode_3_counts_down_by_two(void **state)
{
	static const unsigned even[] = {4, 2, 4, 2, 4};
	static const unsigned odd[] = {4, 2, 0, 4, 2, 4, 2, 0};

	(void)state;
	program(0, 3, 4);
	for (size_t i = 0; i < ARRAY_COUNT(even); i++) {
		step(1);
		assert_int_equal(count_of(0), even[i]);
	}
	program(0, 3, 5);
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		step(1);
		assert_int_equal(count_of(0), odd[i]);
	}
}

static void mode_3_takes_a_new_count_after_the_half_cycle(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x96);
	put(2, 8);
	assert_wave("--");
	put(2, 4);
	assert_wave("--__--__-");
	put(2, 6);
	assert_wave("-___---___---_");
	put(2, 2);
	assert_wave("__-_-_");
}

static void mode_3_is_held_and_restarted_by_gate(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x96);
	put(2, 4);
	assert_wave("--_");
	speaker(0);
	assert_wave("-----");
	speaker(GATE_2);
	assert_wave("--__--");
}

static void mode_4_strobes_once_for_each_count(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x98);
	put(2, 3);
	assert_wave("---_------");
	put(2, 2);
	assert_wave("--_-----");
	put(2, 3);
	assert_wave("--");
	put(2, 3);
	assert_wave("---_----");
}

static void mode_4_is_held_by_gate(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x98);
	put(2, 3);
	assert_wave("--");
	speaker(0);
	assert_wave("-----");
	speaker(GATE_2);
	assert_wave("-_-");
}

static void mode_5_strobes_after_each_trigger(void **state)
{
	(void)state;
	put(CONTROL, 0x9a);
	put(2, 3);
	assert_wave("------");
	speaker(GATE_2);
	assert_wave("---_---");
	speaker(0);
	speaker(GATE_2);
	assert_wave("--");
	speaker(0);
	speaker(GATE_2);
	assert_wave("---_--");
}

static void modes_6_and_7_are_2_and_3(void **state)
{
	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0x9c);
	put(2, 3);
	assert_wave("--_--_");
	assert_int_equal(status_of(2) & 0x3f, 0x1c);
	put(CONTROL, 0x9e);
	put(2, 4);
	assert_wave("--__");
}

static void a_count_of_0_is_the_largest(void **state)
{
	(void)state;
	program(0, 2, 0);
	step(1);
	assert_int_equal(count_of(0), 0);
	step(1);
	assert_int_equal(count_of(0), 0xffff);
	step(0xffff);
	assert_int_equal(rises, 2);
	put(CONTROL, BOTH | 4 | BCD);
	put(0, 0);
	put(0, 0);
	step(2);
	assert_int_equal(count_of(0), 0x9999);
	step(9999);
	assert_int_equal(count_of(0), 0);
}

static void a_count_of_1_makes_no_edge_in_the_periodic_modes(void **state)
{
	(void)state;
	for (unsigned mode = 2; mode <= 3; mode++) {
		program(0, mode, 1);
		rises = 0;
		assert_int_equal(pit8254_next_event(&pit), TIME_NEVER);
		step(100);
		assert_int_equal(rises, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pit_test(mode_0_rises_n_plus_1_clocks_after_the_write),
		pit_test(mode_0_counts_on_after_the_terminal_count),
		pit_test(mode_0_is_held_by_gate),
		pit_test(mode_0_loads_while_gate_is_low),
		pit_test(mode_0_stops_at_half_a_count),
		pit_test(mode_1_is_a_one_shot_triggered_by_gate),
		pit_test(mode_1_takes_a_new_count_at_the_next_trigger),
		pit_test(mode_1_without_a_count_ignores_its_trigger),
		pit_test(mode_2_is_low_for_one_clock_in_n),
		pit_test(mode_2_takes_a_new_count_after_the_period),
		pit_test(mode_2_is_held_and_restarted_by_gate),
		pit_test(mode_2_counts_from_n_to_1),
		pit_test(mode_3_even_counts_give_equal_halves),
		pit_test(mode_3_odd_counts_are_high_one_clock_longer),
		pit_test(mode_3_counts_down_by_two),
		pit_test(mode_3_takes_a_new_count_after_the_half_cycle),
		pit_test(mode_3_is_held_and_restarted_by_gate),
		pit_test(mode_4_strobes_once_for_each_count),
		pit_test(mode_4_is_held_by_gate),
		pit_test(mode_5_strobes_after_each_trigger),
		pit_test(modes_6_and_7_are_2_and_3),
		pit_test(a_count_of_0_is_the_largest),
		pit_test(a_count_of_1_makes_no_edge_in_the_periodic_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
