/* SPDX-License-Identifier: MIT */
#include "lib/calendar.h"

enum {
	YEAR_FIRST = 1970,
	YEAR_LAST = 9999,
	MONTHS = 12,
	FEBRUARY = 2,
	LEAP_CYCLE = 4,
	CENTURY = 100,
	LONG_CYCLE = 400,
	DAYS_IN_YEAR = 365,
	HOURS_IN_DAY = 24,
	MINUTES_IN_HOUR = 60,
	SECONDS_IN_MINUTE = 60,
};

static bool is_leap_year(unsigned year)
{
	return year % LEAP_CYCLE == 0 && (year % CENTURY != 0 || year % LONG_CYCLE == 0);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[MONTHS] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == FEBRUARY && is_leap_year(year) ? 1u : 0u);
}

/* Leap years before `year`, counted from year 1. */
static unsigned leap_years_before(unsigned year)
{
	const unsigned last = year - 1;

	return last / LEAP_CYCLE - last / CENTURY + last / LONG_CYCLE;
}

static bool is_valid(const struct calendar_time *time)
{
	return time->year >= YEAR_FIRST && time->year <= YEAR_LAST && time->month >= 1 &&
	       time->month <= MONTHS && time->day >= 1 &&
	       time->day <= days_in_month(time->year, time->month) && time->hour < HOURS_IN_DAY &&
	       time->minute < MINUTES_IN_HOUR && time->second < SECONDS_IN_MINUTE;
}

enum status calendar_seconds(const struct calendar_time *time, uint64_t *seconds)
{
	uint64_t days;

	if (!is_valid(time)) {
		return STATUS_RANGE;
	}
	days = (uint64_t)(time->year - YEAR_FIRST) * DAYS_IN_YEAR + leap_years_before(time->year) -
	       leap_years_before(YEAR_FIRST) + time->day - 1;
	for (unsigned month = 1; month < time->month; month++) {
		days += days_in_month(time->year, month);
	}
	*seconds = ((days * HOURS_IN_DAY + time->hour) * MINUTES_IN_HOUR + time->minute) *
			   SECONDS_IN_MINUTE +
		   time->second;
	return STATUS_OK;
}
