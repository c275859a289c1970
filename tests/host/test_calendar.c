/* SPDX-License-Identifier: MIT */
/* SOURCES: lib/calendar.c */
#include "lib/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void every_day_to_2200_is_as_in_the_c_library(void **state)
{
	(void)state;
	for (int64_t day = 0; day < 84000; day++) {
		const time_t due = (time_t)(day * 86400 + day % 86400);
		struct tm tm;
		struct calendar_time time;
		uint64_t seconds;

		assert_non_null(gmtime_r(&due, &tm));
		time = (struct calendar_time){(unsigned)tm.tm_year + 1900, (unsigned)tm.tm_mon + 1,
			(unsigned)tm.tm_mday, (unsigned)tm.tm_hour, (unsigned)tm.tm_min,
			(unsigned)tm.tm_sec};
		assert_int_equal(calendar_seconds(&time, &seconds), STATUS_OK);
		assert_int_equal(seconds, due);
	}
}

static void assert_same(const struct calendar_time *found, const struct calendar_time *want)
{
	assert_int_equal(found->year, want->year);
	assert_int_equal(found->month, want->month);
	assert_int_equal(found->day, want->day);
	assert_int_equal(found->hour, want->hour);
	assert_int_equal(found->minute, want->minute);
	assert_int_equal(found->second, want->second);
}

static void the_way_back_gives_the_same_seconds(void **state)
{
	(void)state;
	for (uint64_t due = 0; due < 253402300800ull; due += 86400ull * 17 + 12345) {
		struct calendar_time time = calendar_of_seconds(due);
		uint64_t seconds;

		assert_int_equal(calendar_seconds(&time, &seconds), STATUS_OK);
		assert_int_equal(seconds, due);
	}
}

static void the_calendar_ends_with_the_year_9999(void **state)
{
	static const struct calendar_time last = {9999, 12, 31, 23, 59, 59};
	static const uint64_t seconds[] = {253402300799ull, 253402300800ull, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		struct calendar_time time = calendar_of_seconds(seconds[i]);

		assert_same(&time, &last);
	}
}

static void times_that_there_are_not_are_refused(void **state)
{
	static const struct calendar_time bad[] = {
		{1969, 12, 31, 23, 59, 59},
		{10000, 1, 1, 0, 0, 0},
		{2026, 0, 1, 0, 0, 0},
		{2026, 13, 1, 0, 0, 0},
		{2026, 1, 0, 0, 0, 0},
		{2026, 1, 32, 0, 0, 0},
		{2026, 2, 29, 0, 0, 0},
		{2100, 2, 29, 0, 0, 0},
		{2026, 1, 1, 24, 0, 0},
		{2026, 1, 1, 0, 60, 0},
		{2026, 1, 1, 0, 0, 60},
	};
	uint64_t seconds = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(calendar_seconds(&bad[i], &seconds), STATUS_RANGE);
		assert_int_equal(seconds, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_day_to_2200_is_as_in_the_c_library),
		cmocka_unit_test(the_way_back_gives_the_same_seconds),
		cmocka_unit_test(the_calendar_ends_with_the_year_9999),
		cmocka_unit_test(times_that_there_are_not_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
