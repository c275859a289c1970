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

static void after_reset_nothing_counts(void **state)
{
	(void)state;
	assert_int_equal(pit8254_next_event(&pit), TIME_NEVER);
	step(1000000);
	assert_int_equal(rises, 0);
	assert_int_equal(status_of(0), STATUS_NULL | BOTH);
	assert_int_equal(get(CONTROL), 0xff);
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
	program(0, 2, 0x1205);
	step(1);
	put(CONTROL, 0);
	step(10);
	put(CONTROL, 0);
	assert_int_equal(get(0), 0x05);
	step(10);
	assert_int_equal(get(0), 0x12);
	assert_int_equal(get(0), 0xf1);
	assert_int_equal(get(0), 0x11);
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

/* One timer is looked at in every tick, the other only when it says so: they see the same edges. */
static void sleeping_to_each_event_misses_no_edge(void **state)
{
	struct pit8254 sleeper;
	unsigned random = 1;
	unsigned seen = 0;
	bool level;

	(void)state;
	program(0, 2, 20);
	sleeper = pit;
	level = irq;
	for (unsigned i = 0; i < 200000; i++) {
		const struct pit8254_counter *counter = &pit.channels[0].counter;
		bool is_rise;

		random = random * 1103515245 + 12345;
		step(1);
		is_rise = pit8254_counter_out(counter, now) && !level;
		level = pit8254_counter_out(counter, now);
		seen += is_rise;
		assert_int_equal(is_rise, pit8254_next_event(&sleeper) == now_ns());
		if (is_rise) {
			irq = sleeper.irq_level;
			pit8254_advance(&sleeper, now_ns());
			irq = pit.irq_level;
		}
		if (random >> 16 & 31) {
			continue;
		}
		if (random >> 24 & 7) {
			put(0, 2 + (random >> 21 & 15));
			put(0, 0);
		} else {
			program(0, random >> 21 & 7, 2 + (random >> 27 & 15));
		}
		level = pit8254_counter_out(counter, now);
		sleeper = pit;
	}
	assert_true(seen > 5000);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		pit_test(after_reset_nothing_counts),
		pit_test(bcd_counts_in_decimal_digits),
		pit_test(one_byte_counters_have_the_other_byte_zero),
		pit_test(a_latched_count_stands_until_it_is_read),
		pit_test(read_back_latches_counts_of_several_counters),
		pit_test(read_back_gives_status_before_count),
		pit_test(a_control_word_forgets_latches_and_half_bytes),
		pit_test(channel_0_interrupts_at_each_period_without_drift),
		pit_test(edges_slept_through_become_one),
		pit_test(each_mode_tells_its_next_rise),
		pit_test(sleeping_to_each_event_misses_no_edge),
		pit_test(a_new_count_moves_the_next_event_but_one),
		pit_test(time_does_not_go_back),
		pit_test(the_speaker_port_keeps_four_bits),
		pit_test(the_refresh_bit_toggles_every_18_clocks),
		pit_test(a_gated_channel_2_times_50_ms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
