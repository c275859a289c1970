/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/pit8254.c devices/pit8254_counter.c lib/tick_rate.c */
#include "devices/pit8254.h"
#include "lib/tick_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
	CONTROL = 3,
	LSB = 0x10,
	MSB = 0x20,
	BOTH = 0x30,
	BCD = 0x01,
	GATE_2 = 0x01,
	REFRESH = 0x10,
	OUT_2 = 0x20,
	STATUS_OUT = 0x80,
	STATUS_NULL = 0x40,
};

static struct pit8254 pit;
static uint64_t now; /* In ticks. */
static unsigned rises;
static bool irq;

static void take_irq(void *context, bool is_high)
{
	assert_ptr_equal(context, &rises);
	assert_int_not_equal(irq, is_high);
	irq = is_high;
	rises += is_high;
}

static uint64_t now_ns(void)
{
	return tick_rate_ns(PIT8254_HZ, now);
}

static int start(void **state)
{
	(void)state;
	pit = (struct pit8254){.set_irq = take_irq, .context = &rises};
	irq = false;
	now = 1000;
	pit8254_reset(&pit, now_ns());
	rises = 0;
	return 0;
}

static void put(unsigned offset, unsigned value)
{
	pit8254_write(&pit, offset, (uint8_t)value, now_ns());
}

static uint8_t get(unsigned offset)
{
	return pit8254_read(&pit, offset, now_ns());
}

static void speaker(unsigned value)
{
	pit8254_write_speaker(&pit, (uint8_t)value, now_ns());
}

static bool out_2(void)
{
	return (pit8254_read_speaker(&pit, now_ns()) & OUT_2) != 0;
}

static void program(unsigned channel, unsigned mode, unsigned count)
{
	put(CONTROL, channel << 6 | BOTH | mode << 1);
	put(channel, count & 0xff);
	put(channel, count >> 8);
}

static unsigned count_of(unsigned channel)
{
	unsigned low;

	put(CONTROL, channel << 6);
	low = get(channel);
	return low | (unsigned)get(channel) << 8;
}

static uint8_t status_of(unsigned channel)
{
	put(CONTROL, 0xe0 | 2u << channel);
	return get(channel);
}

static void step(uint64_t ticks)
{
	now += ticks;
	pit8254_advance(&pit, now_ns());
}

/* OUT of channel 2 for as many ticks as the text has letters: "-" is high, "_" is low. */
static void assert_wave(const char *wave)
{
	for (size_t i = 0; wave[i] != '\0'; i++) {
		now++;
		if (out_2() != (wave[i] == '-')) {
			fail_msg("OUT is wrong at %zu of %s", i, wave);
		}
	}
}

static void after_reset_nothing_counts(void **state)
{
	(void)state;
	assert_int_equal(pit8254_next_event(&pit), TIME_NEVER);
	step(1000000);
	assert_int_equal(rises, 0);
	assert_int_equal(status_of(0), STATUS_NULL | BOTH);
	assert_int_equal(get(CONTROL), 0xff);
}

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

static void bcd_counts_in_decimal_digits(void **state)
{
	(void)state;
	put(CONTROL, BOTH | BCD);
	put(0, 0x00);
	put(0, 0x10);
	step(1);
	assert_int_equal(count_of(0), 0x1000);
	step(1);
	assert_int_equal(count_of(0), 0x0999);
	step(998);
	assert_false(irq);
	step(1);
	assert_true(irq);
	step(1);
	assert_int_equal(count_of(0), 0x9999);
}

static void one_byte_counters_have_the_other_byte_zero(void **state)
{
	(void)state;
	put(CONTROL, LSB | 4);
	put(0, 0x12);
	step(1);
	assert_int_equal(get(0), 0x12);
	assert_int_equal(get(0), 0x12);
	put(CONTROL, MSB | 4);
	put(0, 0x12);
	step(1);
	assert_int_equal(get(0), 0x12);
	step(1);
	assert_int_equal(get(0), 0x11);
	put(CONTROL, 0);
	assert_int_equal(get(0), 0x11);
	assert_int_equal(pit8254_next_event(&pit), tick_rate_ns(PIT8254_HZ, now - 1 + 0x1200));
}

static void a_latched_count_stands_until_it_is_read(void **state)
{
	(void)state;
	program(0, 2, 0x1234);
	step(1);
	put(CONTROL, 0);
	step(10);
	put(CONTROL, 0);
	assert_int_equal(get(0), 0x34);
	step(10);
	assert_int_equal(get(0), 0x12);
	assert_int_equal(get(0), 0x20);
	assert_int_equal(get(0), 0x12);
}

static void read_back_latches_counts_of_several_counters(void **state)
{
	(void)state;
	speaker(GATE_2);
	program(0, 2, 0x1234);
	program(1, 2, 0x2345);
	program(2, 2, 0x3456);
	step(1);
	put(CONTROL, 0xda);
	step(5);
	assert_int_equal(get(0), 0x34);
	assert_int_equal(get(0), 0x12);
	assert_int_equal(get(2), 0x56);
	assert_int_equal(get(2), 0x34);
	assert_int_equal(get(1), 0x40);
	assert_int_equal(get(1), 0x23);
}

static void read_back_gives_status_before_count(void **state)
{
	(void)state;
	program(0, 2, 0x1234);
	step(1);
	put(CONTROL, 0xc2);
	step(1);
	put(CONTROL, 0xc2);
	assert_int_equal(get(0), STATUS_OUT | BOTH | 4);
	assert_int_equal(get(0), 0x34);
	assert_int_equal(get(0), 0x12);
	assert_int_equal(get(0), 0x33);
}

static void a_control_word_forgets_latches_and_half_bytes(void **state)
{
	(void)state;
	program(0, 2, 0x1234);
	put(CONTROL, 0xc2);
	put(0, 0x99);
	program(0, 2, 0x0102);
	step(1);
	assert_int_equal(get(0), 0x02);
	assert_int_equal(get(0), 0x01);
}

static void channel_0_interrupts_at_each_period_without_drift(void **state)
{
	uint64_t base;

	(void)state;
	program(0, 2, 11932);
	base = now + 1;
	for (uint64_t i = 1; i <= 100000; i++) {
		uint64_t event = pit8254_next_event(&pit);

		assert_int_equal(event, tick_rate_ns(PIT8254_HZ, base + i * 11932));
		pit8254_advance(&pit, event - 1);
		assert_int_equal(rises, i);
		pit8254_advance(&pit, event);
		assert_int_equal(rises, i + 1);
	}
}

static void edges_slept_through_become_one(void **state)
{
	(void)state;
	program(0, 2, 100);
	assert_int_equal(rises, 1);
	step(100010);
	assert_int_equal(rises, 2);
	program(0, 3, 100);
	step(100001);
	assert_int_equal(rises, 3);
	assert_true(irq);
}

static void each_mode_tells_its_next_rise(void **state)
{
	static const struct {
		unsigned mode;
		unsigned ticks;
	} rows[] = {{0, 101}, {2, 101}, {3, 101}, {4, 102}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		program(0, rows[i].mode, 100);
		assert_int_equal(
			pit8254_next_event(&pit), tick_rate_ns(PIT8254_HZ, now + rows[i].ticks));
		rises = 0;
		step(rows[i].ticks - 1);
		assert_int_equal(rises, 0);
		step(1);
		assert_int_equal(rises, 1);
	}
	program(0, 1, 100);
	assert_int_equal(pit8254_next_event(&pit), TIME_NEVER);
	program(0, 5, 100);
	assert_int_equal(pit8254_next_event(&pit), TIME_NEVER);
}

static void a_new_count_moves_the_next_event_but_one(void **state)
{
	uint64_t base;

	(void)state;
	program(0, 2, 100);
	base = now + 1;
	step(50);
	put(0, 200);
	put(0, 0);
	assert_int_equal(pit8254_next_event(&pit), tick_rate_ns(PIT8254_HZ, base + 100));
	step(60);
	assert_int_equal(pit8254_next_event(&pit), tick_rate_ns(PIT8254_HZ, base + 300));
	program(0, 3, 100);
	base = now + 1;
	step(1);
	put(0, 20);
	put(0, 0);
	assert_int_equal(pit8254_next_event(&pit), tick_rate_ns(PIT8254_HZ, base + 60));
}

static void time_does_not_go_back(void **state)
{
	(void)state;
	program(0, 2, 1000);
	step(500);
	now -= 400;
	assert_int_equal(count_of(0), 501);
}

static void the_speaker_port_keeps_four_bits(void **state)
{
	(void)state;
	speaker(0xff);
	assert_int_equal(pit8254_read_speaker(&pit, now_ns()) & 0xcf, 0x0f);
	speaker(0);
	assert_int_equal(pit8254_read_speaker(&pit, now_ns()) & 0xcf, 0);
}

static void the_refresh_bit_toggles_every_18_clocks(void **state)
{
	unsigned toggles = 0;
	uint8_t last = pit8254_read_speaker(&pit, now_ns()) & REFRESH;

	(void)state;
	for (unsigned i = 0; i < 1800; i++) {
		uint8_t bit;

		now++;
		bit = pit8254_read_speaker(&pit, now_ns()) & REFRESH;
		toggles += bit != last;
		last = bit;
	}
	assert_int_equal(toggles, 100);
}

/* Linux's calibration of the TSC: channel 2 in mode 0, OUT2 polled. */
static void a_gated_channel_2_times_50_ms(void **state)
{
	unsigned ticks = 0;

	(void)state;
	speaker(GATE_2);
	put(CONTROL, 0xb0);
	put(2, 59659 & 0xff);
	put(2, 59659 >> 8);
	while (!out_2()) {
		now++;
		ticks++;
	}
	assert_int_equal(ticks, 59660);
}

#define pit_test(function) cmocka_unit_test_setup(function, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pit_test(after_reset_nothing_counts),
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
		pit_test(bcd_counts_in_decimal_digits),
		pit_test(one_byte_counters_have_the_other_byte_zero),
		pit_test(a_latched_count_stands_until_it_is_read),
		pit_test(read_back_latches_counts_of_several_counters),
		pit_test(read_back_gives_status_before_count),
		pit_test(a_control_word_forgets_latches_and_half_bytes),
		pit_test(channel_0_interrupts_at_each_period_without_drift),
		pit_test(edges_slept_through_become_one),
		pit_test(each_mode_tells_its_next_rise),
		pit_test(a_new_count_moves_the_next_event_but_one),
		pit_test(time_does_not_go_back),
		pit_test(the_speaker_port_keeps_four_bits),
		pit_test(the_refresh_bit_toggles_every_18_clocks),
		pit_test(a_gated_channel_2_times_50_ms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
