/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/rtc_mc146818.c lib/calendar.c lib/tick_rate.c */
#include "devices/rtc_mc146818.h"
#include "lib/tick_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
	SECONDS,
	SECONDS_ALARM,
	MINUTES,
	MINUTES_ALARM,
	HOURS,
	HOURS_ALARM,
	WEEKDAY,
	DAY,
	MONTH,
	YEAR,
	REG_A,
	REG_B,
	REG_C,
	REG_D,
	CENTURY = 0x32,
	UIP = 0x80,
	SET = 0x80,
	PIE = 0x40,
	AIE = 0x20,
	UIE = 0x10,
	BINARY = 0x04,
	HOURS_24 = 0x02,
	IRQF = 0x80,
	PF = 0x40,
	AF = 0x20,
	UF = 0x10,
};

#define MS     1000000ull
#define SECOND (1000 * MS)
/* Thursday, 2026-07-09 23:58:47 UTC. */
#define START (1783641527ull * SECOND)

static struct rtc_mc146818 rtc;
static uint64_t now;
static bool irq;

static void take_irq(void *context, bool is_high)
{
	assert_ptr_equal(context, &now);
	assert_int_not_equal(irq, is_high);
	irq = is_high;
}

static int start(void **state)
{
	(void)state;
	rtc = (struct rtc_mc146818){.set_irq = take_irq, .context = &now};
	irq = false;
	now = START;
	rtc_mc146818_init(&rtc, now);
	return 0;
}

static uint8_t get(unsigned index)
{
	rtc_mc146818_write_index(&rtc, (uint8_t)index);
	return rtc_mc146818_read(&rtc, now);
}

static void put(unsigned index, unsigned value)
{
	rtc_mc146818_write_index(&rtc, (uint8_t)index);
	rtc_mc146818_write(&rtc, (uint8_t)value, now);
}

static void step(uint64_t ns)
{
	now += ns;
	rtc_mc146818_advance(&rtc, now);
}

/* second, minute, hour, weekday, day, month, year, century */
static void assert_time(const uint8_t want[8])
{
	static const uint8_t registers[] = {
		SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY};

	for (size_t i = 0; i < ARRAY_COUNT(registers); i++) {
		assert_int_equal(get(registers[i]), want[i]);
	}
}

static void init_gives_the_wall_time_in_bcd(void **state)
{
	(void)state;
	assert_time((const uint8_t[]){0x47, 0x58, 0x23, 5, 0x09, 0x07, 0x26, 0x20});
	assert_int_equal(get(REG_A), 0x26);
	assert_int_equal(get(REG_B), HOURS_24);
	assert_int_equal(get(REG_C), 0);
	assert_int_equal(get(REG_D), 0x80);
	assert_int_equal(rtc_mc146818_next_event(&rtc), TIME_NEVER);
}

static void the_time_goes_on_over_midnight(void **state)
{
	(void)state;
	step(73 * SECOND);
	assert_time((const uint8_t[]){0x00, 0x00, 0x00, 6, 0x10, 0x07, 0x26, 0x20});
}

static void binary_mode_gives_plain_numbers(void **state)
{
	(void)state;
	put(REG_B, BINARY | HOURS_24);
	assert_time((const uint8_t[]){47, 58, 23, 5, 9, 7, 26, 20});
}

static void twelve_hour_mode_has_pm_and_no_hour_0(void **state)
{
	static const uint8_t bcd[] = {0x92, 0x12, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
		0x09, 0x10, 0x11, 0x92, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x90,
		0x91};

	(void)state;
	put(REG_B, 0);
	assert_int_equal(get(HOURS), 0x91);
	step(73 * SECOND);
	for (unsigned hour = 0; hour < 24; hour++) {
		assert_int_equal(get(HOURS), bcd[hour + 1]);
		step(3600 * SECOND);
	}
	put(REG_B, BINARY);
	assert_int_equal(get(HOURS), 12);
	step(13 * 3600 * SECOND);
	assert_int_equal(get(HOURS), 0x81);
}

static void every_hour_is_set_and_read_in_each_form(void **state)
{
	static const uint8_t forms[] = {0, BINARY, HOURS_24, BINARY | HOURS_24};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		for (unsigned hour = 0; hour < 24; hour++) {
			uint8_t byte;

			put(REG_B, forms[i]);
			byte = get(HOURS);
			put(REG_B, SET | forms[i]);
			put(HOURS, byte);
			put(REG_B, forms[i]);
			assert_int_equal(get(HOURS), byte);
			step(3600 * SECOND);
		}
	}
	assert_time((const uint8_t[]){47, 58, 23, 2, 13, 7, 26, 20});
}

static void set_stops_the_time_for_writing(void **state)
{
	(void)state;
	step(100 * MS);
	put(REG_B, SET | HOURS_24);
	step(5 * SECOND);
	assert_int_equal(get(SECONDS), 0x47);
	put(SECONDS, 0x59);
	put(MINUTES, 0x59);
	put(HOURS, 0x23);
	put(WEEKDAY, 3);
	put(DAY, 0x31);
	put(MONTH, 0x12);
	put(YEAR, 0x99);
	put(CENTURY, 0x19);
	assert_time((const uint8_t[]){0x59, 0x59, 0x23, 3, 0x31, 0x12, 0x99, 0x19});
	put(REG_B, HOURS_24);
	step(899 * MS);
	assert_int_equal(get(SECONDS), 0x59);
	step(MS);
	assert_time((const uint8_t[]){0x00, 0x00, 0x00, 4, 0x01, 0x01, 0x00, 0x20});
}

static void the_time_can_be_set_while_it_runs(void **state)
{
	(void)state;
	put(MINUTES, 0x12);
	put(CENTURY, 0x21);
	assert_time((const uint8_t[]){0x47, 0x12, 0x23, 5, 0x09, 0x07, 0x26, 0x21});
	step(SECOND);
	assert_int_equal(get(SECONDS), 0x48);
}

static void the_weekday_is_the_guests(void **state)
{
	(void)state;
	put(WEEKDAY, 1);
	assert_int_equal(get(WEEKDAY), 1);
	step(7 * 86400 * SECOND);
	assert_int_equal(get(WEEKDAY), 1);
	step(6 * 86400 * SECOND);
	assert_int_equal(get(WEEKDAY), 7);
}

static void a_leap_day_is_kept(void **state)
{
	(void)state;
	put(REG_B, SET | HOURS_24);
	put(YEAR, 0x24);
	put(MONTH, 0x02);
	put(DAY, 0x28);
	put(REG_B, HOURS_24);
	step(86400 * SECOND);
	assert_int_equal(get(DAY), 0x29);
	step(86400 * SECOND);
	assert_int_equal(get(DAY), 0x01);
	assert_int_equal(get(MONTH), 0x03);
}

static void a_time_that_there_is_not_becomes_the_nearest(void **state)
{
	(void)state;
	put(REG_B, SET | HOURS_24);
	put(SECONDS, 0x99);
	put(MINUTES, 0xff);
	put(HOURS, 0x30);
	put(DAY, 0x31);
	put(MONTH, 0x02);
	put(WEEKDAY, 0);
	put(REG_B, HOURS_24);
	assert_time((const uint8_t[]){0x59, 0x59, 0x23, 1, 0x28, 0x02, 0x26, 0x20});
	put(REG_B, SET | HOURS_24);
	put(DAY, 0);
	put(MONTH, 0);
	put(YEAR, 0xff);
	put(CENTURY, 0);
	put(REG_B, HOURS_24);
	assert_time((const uint8_t[]){0x59, 0x59, 0x23, 1, 0x01, 0x01, 0x70, 0x19});
}

static void a_divider_reset_starts_half_a_second_before_the_update(void **state)
{
	(void)state;
	step(300 * MS);
	put(REG_B, SET | HOURS_24);
	put(REG_A, 0x76);
	put(SECONDS, 0x20);
	put(REG_B, HOURS_24);
	step(10 * SECOND);
	assert_int_equal(get(SECONDS), 0x20);
	put(REG_A, 0x26);
	step(499 * MS);
	assert_int_equal(get(SECONDS), 0x20);
	step(MS);
	assert_int_equal(get(SECONDS), 0x21);
	step(SECOND);
	assert_int_equal(get(SECONDS), 0x22);
}

static void a_divider_reset_stops_all_interrupts(void **state)
{
	(void)state;
	put(REG_B, PIE | AIE | UIE | HOURS_24);
	put(REG_A, 0x66);
	assert_int_equal(rtc_mc146818_next_event(&rtc), TIME_NEVER);
	step(100000 * SECOND);
	assert_false(irq);
	assert_int_equal(get(REG_C), 0);
}

static void uip_announces_the_update(void **state)
{
	(void)state;
	assert_int_equal(get(REG_A), 0x26);
	now += SECOND - 2229000;
	assert_int_equal(get(REG_A), 0x26);
	now += 1000;
	assert_int_equal(get(REG_A), UIP | 0x26);
	now += 2228000 - 1;
	assert_int_equal(get(REG_A), UIP | 0x26);
	assert_int_equal(get(SECONDS), 0x47);
	now += 1;
	assert_int_equal(get(REG_A), 0x26);
	assert_int_equal(get(SECONDS), 0x48);
}

static void set_and_the_divider_reset_hold_uip_low(void **state)
{
	(void)state;
	now += SECOND - 1000;
	assert_int_equal(get(REG_A), UIP | 0x26);
	put(REG_B, SET);
	assert_int_equal(get(REG_A), 0x26);
	put(REG_B, 0);
	put(REG_A, 0xe0);
	assert_int_equal(get(REG_A), 0x60);
}

static void set_clears_uie_and_stops_updates(void **state)
{
	(void)state;
	put(REG_B, SET | PIE | AIE | UIE);
	assert_int_equal(get(REG_B), SET | PIE | AIE);
	step(SECOND);
	assert_int_equal(get(REG_C), IRQF | PF);
}

static void the_update_interrupt_comes_each_second(void **state)
{
	(void)state;
	step(400 * MS);
	put(REG_B, UIE | HOURS_24);
	assert_int_equal(rtc_mc146818_next_event(&rtc), START + SECOND);
	step(600 * MS - 1);
	assert_false(irq);
	step(1);
	assert_true(irq);
	assert_int_equal(rtc_mc146818_next_event(&rtc), TIME_NEVER);
	assert_int_equal(get(REG_C), IRQF | UF | PF);
	assert_false(irq);
	assert_int_equal(get(REG_C), 0);
	assert_int_equal(rtc_mc146818_next_event(&rtc), START + 2 * SECOND);
}

static void flags_come_without_their_enables(void **state)
{
	(void)state;
	put(SECONDS_ALARM, 0x48);
	put(MINUTES_ALARM, 0x58);
	put(HOURS_ALARM, 0x23);
	step(SECOND);
	assert_false(irq);
	assert_int_equal(rtc.memory[REG_C], PF | AF | UF);
	put(REG_B, AIE | HOURS_24);
	assert_true(irq);
	put(REG_B, HOURS_24);
	assert_false(irq);
	assert_int_equal(get(REG_C), PF | AF | UF);
}

static void the_alarm_comes_at_its_second(void **state)
{
	(void)state;
	put(SECONDS_ALARM, 0x10);
	put(MINUTES_ALARM, 0x30);
	put(HOURS_ALARM, 0x07);
	put(REG_B, AIE | HOURS_24);
	assert_int_equal(
		rtc_mc146818_next_event(&rtc), START + (73 + 7 * 3600 + 30 * 60 + 10) * SECOND);
	step((73 + 7 * 3600 + 30 * 60 + 10) * SECOND - 1);
	assert_false(irq);
	step(1);
	assert_true(irq);
	assert_int_equal(get(REG_C), IRQF | AF | UF | PF);
	assert_int_equal(rtc_mc146818_next_event(&rtc), now + 86400 * SECOND);
}

static void the_alarms_time_of_day_now_means_tomorrow(void **state)
{
	(void)state;
	put(SECONDS_ALARM, 0x47);
	put(MINUTES_ALARM, 0x58);
	put(HOURS_ALARM, 0x23);
	put(REG_B, AIE | HOURS_24);
	assert_int_equal(rtc_mc146818_next_event(&rtc), START + 86400 * SECOND);
}

static void dont_care_codes_match_all(void **state)
{
	static const struct {
		uint8_t alarm[3];
		unsigned seconds;
	} rows[] = {
		{{0xc0, 0xff, 0xe5}, 1},
		{{0x46, 0xff, 0xff}, 59},
		{{0x00, 0x57, 0xff}, 3600 - 107},
		{{0x30, 0xc5, 0x01}, 73 + 3600 + 30},
		{{0xff, 0x59, 0x23}, 13},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		put(SECONDS_ALARM, rows[i].alarm[0]);
		put(MINUTES_ALARM, rows[i].alarm[1]);
		put(HOURS_ALARM, rows[i].alarm[2]);
		put(REG_B, AIE | HOURS_24);
		assert_int_equal(rtc_mc146818_next_event(&rtc), START + rows[i].seconds * SECOND);
	}
}

static void an_alarm_that_no_time_matches_never_comes(void **state)
{
	(void)state;
	put(REG_B, AIE | HOURS_24);
	put(HOURS_ALARM, 0x24);
	assert_int_equal(rtc_mc146818_next_event(&rtc), TIME_NEVER);
	put(HOURS_ALARM, 0xff);
	put(MINUTES_ALARM, 0x60);
	assert_int_equal(rtc_mc146818_next_event(&rtc), TIME_NEVER);
	put(MINUTES_ALARM, 0xff);
	put(SECONDS_ALARM, 0x60);
	assert_int_equal(rtc_mc146818_next_event(&rtc), TIME_NEVER);
	step(100000 * SECOND);
	assert_false(irq);
	put(REG_B, AIE);
	put(HOURS_ALARM, 0x00);
	put(SECONDS_ALARM, 0xff);
	assert_int_equal(rtc_mc146818_next_event(&rtc), TIME_NEVER);
}

static void the_alarm_follows_the_form_of_hours(void **state)
{
	(void)state;
	put(REG_B, AIE | BINARY);
	put(SECONDS_ALARM, 0);
	put(MINUTES_ALARM, 0);
	put(HOURS_ALARM, 0x8c);
	assert_int_equal(rtc_mc146818_next_event(&rtc), START + (73 + 12 * 3600) * SECOND);
	put(HOURS_ALARM, 12);
	assert_int_equal(rtc_mc146818_next_event(&rtc), START + 73 * SECOND);
}

static void the_alarm_goes_by_the_guests_time(void **state)
{
	(void)state;
	put(HOURS, 0x03);
	put(SECONDS_ALARM, 0x00);
	put(MINUTES_ALARM, 0x00);
	put(HOURS_ALARM, 0x04);
	put(REG_B, AIE | HOURS_24);
	assert_int_equal(rtc_mc146818_next_event(&rtc), START + 73 * SECOND);
}

static void periodic_rates_are_the_tables(void **state)
{
	static const uint64_t hz[16] = {
		0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2};

	(void)state;
	for (unsigned rate = 1; rate < ARRAY_COUNT(hz); rate++) {
		uint64_t count = 0;

		start(NULL);
		put(REG_A, 0x20 | rate);
		put(REG_B, PIE | HOURS_24);
		while (rtc_mc146818_next_event(&rtc) <= START + SECOND) {
			uint64_t event = rtc_mc146818_next_event(&rtc);

			now = event - 1;
			rtc_mc146818_advance(&rtc, now);
			assert_false(irq);
			step(1);
			assert_true(irq);
			assert_int_equal(get(REG_C) & ~UF, IRQF | PF);
			count++;
		}
		assert_int_equal(count, hz[rate]);
	}
}

static void rate_0_has_no_periodic_interrupt(void **state)
{
	(void)state;
	put(REG_A, 0x20);
	put(REG_B, PIE | HOURS_24);
	assert_int_equal(rtc_mc146818_next_event(&rtc), TIME_NEVER);
	step(SECOND);
	assert_int_equal(get(REG_C), UF);
}

static void the_line_stays_high_until_c_is_read(void **state)
{
	(void)state;
	put(REG_B, PIE | HOURS_24);
	step(10 * SECOND);
	assert_true(irq);
	assert_int_equal(get(REG_B), PIE | HOURS_24);
	assert_true(irq);
	assert_int_equal(get(REG_C), IRQF | PF | UF);
	assert_false(irq);
}

static void reset_turns_interrupts_off_and_keeps_the_time(void **state)
{
	(void)state;
	put(REG_B, PIE | AIE | UIE | BINARY | HOURS_24 | 0x08);
	put(MINUTES, 1);
	put(0x40, 0x77);
	step(SECOND);
	assert_true(irq);
	rtc_mc146818_reset(&rtc);
	assert_false(irq);
	assert_int_equal(get(REG_B), BINARY | HOURS_24);
	assert_int_equal(get(REG_C), 0);
	assert_int_equal(get(MINUTES), 1);
	assert_int_equal(get(0x40), 0x77);
}

static void c_and_d_are_read_only(void **state)
{
	(void)state;
	put(REG_C, 0xff);
	put(REG_D, 0xff);
	assert_int_equal(get(REG_C), 0);
	assert_int_equal(get(REG_D), 0x80);
}

static void the_other_bytes_are_memory(void **state)
{
	(void)state;
	for (unsigned i = REG_D + 1; i < RTC_MC146818_MEMORY_BYTES; i++) {
		if (i != CENTURY) {
			put(i, i ^ 0xa5);
		}
	}
	for (unsigned i = REG_D + 1; i < RTC_MC146818_MEMORY_BYTES; i++) {
		if (i != CENTURY) {
			assert_int_equal(get(i), i ^ 0xa5);
		}
	}
	put(SECONDS_ALARM, 0x12);
	assert_int_equal(get(SECONDS_ALARM), 0x12);
}

static void bit_7_of_the_index_masks_nmis(void **state)
{
	(void)state;
	put(0x0e | 0x80, 0x5a);
	assert_true(rtc.is_nmi_masked);
	assert_int_equal(get(0x0e), 0x5a);
	assert_false(rtc.is_nmi_masked);
}

#define rtc_test(function) cmocka_unit_test_setup(function, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rtc_test(init_gives_the_wall_time_in_bcd),
		rtc_test(the_time_goes_on_over_midnight),
		rtc_test(binary_mode_gives_plain_numbers),
		rtc_test(twelve_hour_mode_has_pm_and_no_hour_0),
		rtc_test(every_hour_is_set_and_read_in_each_form),
		rtc_test(set_stops_the_time_for_writing),
		rtc_test(the_time_can_be_set_while_it_runs),
		rtc_test(the_weekday_is_the_guests),
		rtc_test(a_leap_day_is_kept),
		rtc_test(a_time_that_there_is_not_becomes_the_nearest),
		rtc_test(a_divider_reset_starts_half_a_second_before_the_update),
		rtc_test(a_divider_reset_stops_all_interrupts),
		rtc_test(uip_announces_the_update),
		rtc_test(set_and_the_divider_reset_hold_uip_low),
		rtc_test(set_clears_uie_and_stops_updates),
		rtc_test(the_update_interrupt_comes_each_second),
		rtc_test(flags_come_without_their_enables),
		rtc_test(the_alarm_comes_at_its_second),
		rtc_test(the_alarms_time_of_day_now_means_tomorrow),
		rtc_test(dont_care_codes_match_all),
		rtc_test(an_alarm_that_no_time_matches_never_comes),
		rtc_test(the_alarm_follows_the_form_of_hours),
		rtc_test(the_alarm_goes_by_the_guests_time),
		rtc_test(periodic_rates_are_the_tables),
		rtc_test(rate_0_has_no_periodic_interrupt),
		rtc_test(the_line_stays_high_until_c_is_read),
		rtc_test(reset_turns_interrupts_off_and_keeps_the_time),
		rtc_test(c_and_d_are_read_only),
		rtc_test(the_other_bytes_are_memory),
		rtc_test(bit_7_of_the_index_masks_nmis),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
