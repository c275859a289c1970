/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * tests/host/virtual_apic_fixture.c */
#include "tests/host/virtual_apic_fixture.h"

enum {
	LVT = VIRTUAL_APIC_LVT_TIMER,
	INITIAL = VIRTUAL_APIC_INITIAL_COUNT,
	CURRENT = VIRTUAL_APIC_CURRENT_COUNT,
	DIVIDE = VIRTUAL_APIC_DIVIDE,
	DIVIDE_BY_1 = 0xb,
	ONE_SHOT = 0x50,
	PERIODIC = 0x20050,
	DEADLINE = 0x40050,
	MASKED = 0x10000,
	VECTOR = 0x50,
};

static void set_up(uint32_t lvt, uint32_t divide, struct virtual_apic_rate rate)
{
	apic_create(apic_config, rate);
	apic_write(LVT, lvt);
	apic_write(DIVIDE, divide);
}

/* A mode whose counts are ticks. */
static void set_mode(uint32_t lvt)
{
	set_up(lvt, DIVIDE_BY_1, (struct virtual_apic_rate){1, 1});
}

static void assert_fires_at(uint64_t tick)
{
	assert_int_equal(virtual_apic_next_deadline(&apic), tick);
	virtual_apic_advance(&apic, tick - 1);
	assert_false(apic_has(VIRTUAL_APIC_IRR, VECTOR));
	virtual_apic_advance(&apic, tick);
	assert_true(apic_has(VIRTUAL_APIC_IRR, VECTOR));
	assert_int_equal(virtual_apic_acknowledge(&apic), VECTOR);
	virtual_apic_eoi(&apic);
}

static void assert_stopped(void)
{
	assert_int_equal(virtual_apic_next_deadline(&apic), VIRTUAL_APIC_NO_DEADLINE);
	virtual_apic_advance(&apic, UINT64_MAX);
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void a_one_shot_fires_once(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	apic_write_at(INITIAL, 1000, 5);
	assert_fires_at(1005);
	assert_stopped();
	assert_int_equal(apic_read_at(CURRENT, 2000), 0);
	assert_int_equal(apic_read_at(INITIAL, 2000), 1000);
}

static void the_current_count_counts_down(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	apic_write_at(INITIAL, 1000, 5);
	assert_int_equal(apic_read_at(CURRENT, 5), 1000);
	assert_int_equal(apic_read_at(CURRENT, 6), 999);
	assert_int_equal(apic_read_at(CURRENT, 1004), 1);
	assert_int_equal(apic_read_at(CURRENT, 1005), 0);
	assert_true(virtual_apic_has_interrupt(&apic));
}

static void each_divider_divides(void **state)
{
	static const struct {
		uint32_t value;
		unsigned divider;
	} rows[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		set_up(ONE_SHOT, rows[i].value, (struct virtual_apic_rate){1, 1});
		apic_write(INITIAL, 10);
		assert_int_equal(apic_read_at(CURRENT, rows[i].divider - 1), 10);
		assert_int_equal(apic_read_at(CURRENT, rows[i].divider), 9);
		assert_fires_at(10 * rows[i].divider);
	}
}

static void the_divider_after_a_reset_is_2(void **state)
{
	(void)state;
	apic_write(LVT, ONE_SHOT);
	apic_write(INITIAL, 10);
	assert_fires_at(20);
}

static void the_rate_scales_the_tsc(void **state)
{
	(void)state;
	/* 24 MHz under a TSC of 1 GHz: 3 counts in 125 ticks. */
	set_up(ONE_SHOT, DIVIDE_BY_1, (struct virtual_apic_rate){3, 125});
	apic_write(INITIAL, 4);
	assert_int_equal(apic_read_at(CURRENT, 41), 4);
	assert_int_equal(apic_read_at(CURRENT, 42), 3);
	assert_int_equal(apic_read_at(CURRENT, 84), 2);
	assert_fires_at(167);
}

static void a_timer_faster_than_the_tsc_works(void **state)
{
	(void)state;
	set_up(ONE_SHOT, DIVIDE_BY_1, (struct virtual_apic_rate){5, 2});
	apic_write(INITIAL, 100);
	assert_int_equal(apic_read_at(CURRENT, 10), 75);
	assert_fires_at(40);
}

static void periods_follow_each_other(void **state)
{
	(void)state;
	set_mode(PERIODIC);
	apic_write_at(INITIAL, 100, 7);
	for (uint64_t tick = 107; tick < 2000; tick += 100) {
		assert_fires_at(tick);
	}
	assert_int_equal(apic_read_at(CURRENT, 2007), 100);
	assert_int_equal(apic_read_at(CURRENT, 2020), 87);
}

static void a_late_advance_does_not_shift_the_periods(void **state)
{
	(void)state;
	set_mode(PERIODIC);
	apic_write(INITIAL, 100);
	virtual_apic_advance(&apic, 163);
	assert_int_equal(virtual_apic_next_deadline(&apic), 200);
	assert_int_equal(apic_read_at(CURRENT, 163), 37);
}

static void missed_periods_become_one_interrupt(void **state)
{
	(void)state;
	set_mode(PERIODIC);
	apic_write(INITIAL, 100);
	virtual_apic_advance(&apic, 12345);
	assert_int_equal(virtual_apic_acknowledge(&apic), VECTOR);
	virtual_apic_eoi(&apic);
	virtual_apic_advance(&apic, 12399);
	assert_false(virtual_apic_has_interrupt(&apic));
	assert_fires_at(12400);
}

static void periods_of_broken_ticks_do_not_drift(void **state)
{
	(void)state;
	/* 1000 counts are 2333 1/3 ticks: 3000 of them exactly 7,000,000. */
	set_up(PERIODIC, DIVIDE_BY_1, (struct virtual_apic_rate){3, 7});
	apic_write(INITIAL, 1000);
	for (uint64_t i = 1; i <= 3000; i++) {
		assert_fires_at((i * 7000 + 2) / 3);
	}
	assert_int_equal(virtual_apic_next_deadline(&apic), 7000000 + 2334);
}

static void broken_ticks_survive_missed_periods(void **state)
{
	(void)state;
	set_up(PERIODIC, DIVIDE_BY_1, (struct virtual_apic_rate){3, 7});
	apic_write(INITIAL, 1000);
	virtual_apic_advance(&apic, 2334);
	virtual_apic_advance(&apic, 7000000 - 1);
	assert_int_equal(virtual_apic_next_deadline(&apic), 7000000);
}

static void a_very_late_advance_starts_afresh(void **state)
{
	(void)state;
	set_up(PERIODIC, DIVIDE_BY_1, (struct virtual_apic_rate){(1 << 24) - 1, (1 << 24) - 2});
	apic_write(INITIAL, 1000);
	virtual_apic_advance(&apic, UINT64_C(1) << 62);
	assert_int_equal(virtual_apic_next_deadline(&apic), (UINT64_C(1) << 62) + 1000);
	assert_int_equal(virtual_apic_acknowledge(&apic), VECTOR);
}

static void the_longest_count_does_not_overflow(void **state)
{
	const uint64_t units = UINT64_C(0xffffffff) * 128 * ((1 << 24) - 1);

	(void)state;
	set_up(ONE_SHOT, 10, (struct virtual_apic_rate){(1 << 24) - 3, (1 << 24) - 1});
	apic_write(INITIAL, 0xffffffff);
	assert_int_equal(
		virtual_apic_next_deadline(&apic), (units + (1 << 24) - 4) / ((1 << 24) - 3));
	assert_int_equal(apic_read_at(CURRENT, 0), 0xffffffff);
	set_up(PERIODIC, 10, (struct virtual_apic_rate){1, (1 << 24) - 1});
	apic_write(INITIAL, 0xffffffff);
	assert_fires_at(units);
	assert_fires_at(2 * units);
}

static void a_deadline_beyond_the_tsc_never_comes(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	apic_write_at(INITIAL, 1000, UINT64_MAX - 10);
	assert_int_equal(virtual_apic_next_deadline(&apic), VIRTUAL_APIC_NO_DEADLINE);
	virtual_apic_advance(&apic, UINT64_MAX - 1);
	assert_false(virtual_apic_has_interrupt(&apic));
	assert_int_equal(apic_read_at(CURRENT, UINT64_MAX - 1), 991);
}

static void a_count_of_0_stops(void **state)
{
	(void)state;
	set_mode(PERIODIC);
	apic_write(INITIAL, 100);
	apic_write_at(INITIAL, 0, 50);
	assert_stopped();
	assert_int_equal(apic_read_at(CURRENT, 60), 0);
}

static void a_new_count_starts_again(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	apic_write(INITIAL, 100);
	apic_write_at(INITIAL, 30, 90);
	assert_fires_at(120);
}

static void a_write_first_raises_what_was_due(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	apic_write(INITIAL, 100);
	apic_write_at(INITIAL, 30, 100);
	assert_true(apic_has(VIRTUAL_APIC_IRR, VECTOR));
}

static void a_masked_timer_counts_but_wakes_and_interrupts_nobody(void **state)
{
	(void)state;
	set_mode(PERIODIC | MASKED);
	apic_write(INITIAL, 100);
	assert_int_equal(virtual_apic_next_deadline(&apic), VIRTUAL_APIC_NO_DEADLINE);
	assert_int_equal(apic_read_at(CURRENT, 330), 70);
	assert_false(virtual_apic_has_interrupt(&apic));
	apic_write_at(LVT, PERIODIC, 340);
	assert_fires_at(400);
}

static void a_one_shot_that_ended_masked_is_over(void **state)
{
	(void)state;
	set_mode(ONE_SHOT | MASKED);
	apic_write(INITIAL, 100);
	apic_write_at(LVT, ONE_SHOT, 101);
	assert_stopped();
}

static void one_shot_made_periodic_counts_on_and_then_repeats(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	apic_write(INITIAL, 100);
	apic_write_at(LVT, PERIODIC, 40);
	assert_int_equal(apic_read_at(CURRENT, 40), 60);
	assert_fires_at(100);
	assert_fires_at(200);
	apic_write_at(LVT, ONE_SHOT, 240);
	assert_fires_at(300);
	assert_stopped();
}

static void a_new_divider_keeps_the_count(void **state)
{
	(void)state;
	set_mode(PERIODIC);
	apic_write(INITIAL, 100);
	apic_write_at(DIVIDE, 0, 40);
	assert_int_equal(apic_read_at(CURRENT, 40), 60);
	assert_int_equal(apic_read_at(CURRENT, 50), 55);
	assert_fires_at(160);
	assert_fires_at(360);
}

static void a_new_divider_starts_no_stopped_timer(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	apic_write(DIVIDE, 3);
	assert_stopped();
}

static void the_reserved_mode_stands_still(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	apic_write(INITIAL, 100);
	apic_write(LVT, 0x60050);
	assert_stopped();
	apic_write(INITIAL, 100);
	assert_stopped();
	virtual_apic_write_tsc_deadline(&apic, 100, 0);
	assert_stopped();
}

static void software_disabling_silences_the_timer(void **state)
{
	(void)state;
	set_mode(PERIODIC);
	apic_write(INITIAL, 100);
	apic_write(VIRTUAL_APIC_SVR, 0xff);
	assert_stopped();
}

static void a_low_vector_of_the_timer_is_an_error(void **state)
{
	(void)state;
	set_mode(0x0f);
	apic_write(INITIAL, 100);
	virtual_apic_advance(&apic, 100);
	assert_false(virtual_apic_has_interrupt(&apic));
	assert_int_equal(apic_errors(), 0x40);
}

static void a_tsc_deadline_fires_once_and_reads_0_then(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	virtual_apic_write_tsc_deadline(&apic, 5000, 100);
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, 4999), 5000);
	assert_fires_at(5000);
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, 5000), 0);
	assert_stopped();
}

static void a_tsc_deadline_in_the_past_fires_at_once(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	virtual_apic_write_tsc_deadline(&apic, 100, 100);
	assert_int_equal(virtual_apic_acknowledge(&apic), VECTOR);
	virtual_apic_eoi(&apic);
	virtual_apic_write_tsc_deadline(&apic, 1, 1000);
	assert_int_equal(virtual_apic_acknowledge(&apic), VECTOR);
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, 1000), 0);
}

static void a_tsc_deadline_of_0_disarms(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	virtual_apic_write_tsc_deadline(&apic, 5000, 100);
	virtual_apic_write_tsc_deadline(&apic, 0, 200);
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, 200), 0);
	assert_stopped();
}

static void a_new_tsc_deadline_replaces_the_old_one(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	virtual_apic_write_tsc_deadline(&apic, 5000, 100);
	virtual_apic_write_tsc_deadline(&apic, 3000, 200);
	assert_fires_at(3000);
	virtual_apic_write_tsc_deadline(&apic, 9000, 4000);
	assert_fires_at(9000);
}

static void the_last_tsc_deadline_of_all_works(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	virtual_apic_write_tsc_deadline(&apic, UINT64_MAX, 100);
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, 100), UINT64_MAX);
	virtual_apic_advance(&apic, UINT64_MAX);
	assert_true(virtual_apic_has_interrupt(&apic));
}

static void the_tsc_deadline_msr_is_dead_in_the_other_modes(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	virtual_apic_write_tsc_deadline(&apic, 5000, 100);
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, 100), 0);
	assert_stopped();
	apic_write(LVT, PERIODIC);
	virtual_apic_write_tsc_deadline(&apic, 5000, 100);
	assert_stopped();
}

static void counts_are_dead_in_tsc_deadline_mode(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	apic_write(INITIAL, 100);
	assert_int_equal(apic_read(INITIAL), 0);
	assert_int_equal(apic_read_at(CURRENT, 10), 0);
	assert_stopped();
}

static void entering_tsc_deadline_mode_disarms_the_count(void **state)
{
	(void)state;
	set_mode(PERIODIC);
	apic_write(INITIAL, 100);
	apic_write_at(LVT, DEADLINE, 10);
	assert_stopped();
	apic_write(LVT, PERIODIC);
	assert_stopped();
}

static void leaving_tsc_deadline_mode_disarms_the_deadline(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	virtual_apic_write_tsc_deadline(&apic, 5000, 100);
	apic_write_at(LVT, ONE_SHOT, 200);
	assert_stopped();
	apic_write_at(LVT, DEADLINE, 300);
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, 300), 0);
	assert_stopped();
}

static void the_same_mode_with_another_vector_keeps_the_timer(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	virtual_apic_write_tsc_deadline(&apic, 5000, 100);
	apic_write_at(LVT, 0x40051, 200);
	virtual_apic_advance(&apic, 5000);
	assert_int_equal(virtual_apic_acknowledge(&apic), 0x51);
}

static void a_masked_tsc_deadline_passes_in_silence(void **state)
{
	(void)state;
	set_mode(DEADLINE | MASKED);
	virtual_apic_write_tsc_deadline(&apic, 5000, 100);
	assert_int_equal(virtual_apic_next_deadline(&apic), VIRTUAL_APIC_NO_DEADLINE);
	assert_int_equal(virtual_apic_read_tsc_deadline(&apic, 5001), 0);
	assert_false(virtual_apic_has_interrupt(&apic));
}

static void a_jump_of_the_tsc_leaves_the_count_alone(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	apic_write_at(INITIAL, 1000, 50000);
	virtual_apic_tsc_changed(&apic, 50400, 7);
	assert_int_equal(apic_read_at(CURRENT, 7), 600);
	assert_fires_at(607);
}

static void a_jump_of_the_tsc_leaves_the_deadline_alone(void **state)
{
	(void)state;
	set_mode(DEADLINE);
	virtual_apic_write_tsc_deadline(&apic, 5000, 100);
	virtual_apic_tsc_changed(&apic, 200, 4000);
	assert_fires_at(5000);
}

static void a_clock_that_went_back_is_taken_as_standing(void **state)
{
	(void)state;
	set_mode(ONE_SHOT);
	apic_write_at(INITIAL, 1000, 50000);
	assert_int_equal(apic_read_at(CURRENT, 10), 1000);
}

static void rates_are_in_lowest_terms(void **state)
{
	const struct virtual_apic_rate simple = virtual_apic_timer_rate(1000000000, 2400000000);
	const struct virtual_apic_rate one = virtual_apic_timer_rate(3, 3);

	(void)state;
	assert_int_equal(simple.numerator, 5);
	assert_int_equal(simple.denominator, 12);
	assert_int_equal(one.numerator, 1);
	assert_int_equal(one.denominator, 1);
}

static void odd_rates_are_met_within_2_to_minus_24(void **state)
{
	static const uint64_t hz[] = {1, 24000000, 38400000, 999999937, 1000000007, 2394456789,
		5000000029, UINT64_C(1) << 39};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(hz); i++) {
		for (size_t j = 0; j < ARRAY_COUNT(hz); j++) {
			const struct virtual_apic_rate rate = virtual_apic_timer_rate(hz[i], hz[j]);
			const long double want = (long double)hz[i] / (long double)hz[j];
			long double error;

			if (hz[i] / hz[j] >= 1 << 24 || hz[j] / hz[i] >= 1 << 24) {
				assert_true(rate.numerator == 0 || rate.denominator == 0);
				continue;
			}
			error = (long double)rate.numerator / rate.denominator / want - 1;
			assert_true(error < 0x1p-24L && error > -0x1p-24L);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		APIC_TEST(a_one_shot_fires_once),
		APIC_TEST(the_current_count_counts_down),
		APIC_TEST(each_divider_divides),
		APIC_TEST(the_divider_after_a_reset_is_2),
		APIC_TEST(the_rate_scales_the_tsc),
		APIC_TEST(a_timer_faster_than_the_tsc_works),
		APIC_TEST(periods_follow_each_other),
		APIC_TEST(a_late_advance_does_not_shift_the_periods),
		APIC_TEST(missed_periods_become_one_interrupt),
		APIC_TEST(periods_of_broken_ticks_do_not_drift),
		APIC_TEST(broken_ticks_survive_missed_periods),
		APIC_TEST(a_very_late_advance_starts_afresh),
		APIC_TEST(the_longest_count_does_not_overflow),
		APIC_TEST(a_deadline_beyond_the_tsc_never_comes),
		APIC_TEST(a_count_of_0_stops),
		APIC_TEST(a_new_count_starts_again),
		APIC_TEST(a_write_first_raises_what_was_due),
		APIC_TEST(a_masked_timer_counts_but_wakes_and_interrupts_nobody),
		APIC_TEST(a_one_shot_that_ended_masked_is_over),
		APIC_TEST(one_shot_made_periodic_counts_on_and_then_repeats),
		APIC_TEST(a_new_divider_keeps_the_count),
		APIC_TEST(a_new_divider_starts_no_stopped_timer),
		APIC_TEST(the_reserved_mode_stands_still),
		APIC_TEST(software_disabling_silences_the_timer),
		APIC_TEST(a_low_vector_of_the_timer_is_an_error),
		APIC_TEST(a_tsc_deadline_fires_once_and_reads_0_then),
		APIC_TEST(a_tsc_deadline_in_the_past_fires_at_once),
		APIC_TEST(a_tsc_deadline_of_0_disarms),
		APIC_TEST(a_new_tsc_deadline_replaces_the_old_one),
		APIC_TEST(the_last_tsc_deadline_of_all_works),
		APIC_TEST(the_tsc_deadline_msr_is_dead_in_the_other_modes),
		APIC_TEST(counts_are_dead_in_tsc_deadline_mode),
		APIC_TEST(entering_tsc_deadline_mode_disarms_the_count),
		APIC_TEST(leaving_tsc_deadline_mode_disarms_the_deadline),
		APIC_TEST(the_same_mode_with_another_vector_keeps_the_timer),
		APIC_TEST(a_masked_tsc_deadline_passes_in_silence),
		APIC_TEST(a_jump_of_the_tsc_leaves_the_count_alone),
		APIC_TEST(a_jump_of_the_tsc_leaves_the_deadline_alone),
		APIC_TEST(a_clock_that_went_back_is_taken_as_standing),
		APIC_TEST(rates_are_in_lowest_terms),
		APIC_TEST(odd_rates_are_met_within_2_to_minus_24),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
