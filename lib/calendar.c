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
	SECONDS_IN_HOUR = MINUTES_IN_HOUR * SECONDS_IN_MINUTE,
	SECONDS_IN_DAY = HOURS_IN_DAY * SECONDS_IN_HOUR,
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

/* Days from 1970-01-01 to the first of January of `year`. */
static uint64_t days_before(unsigned year)
{
	return (uint64_t)(year - YEAR_FIRST) * DAYS_IN_YEAR + leap_years_before(year) -
	       leap_years_before(YEAR_FIRST);
}

enum status calendar_seconds(const struct calendar_time *time, uint64_t *seconds)
{
	uint64_t days;

	if (!is_valid(time)) {
		return STATUS_RANGE;
	}
	days = days_before(time->year) + time->day - 1;
	for (unsigned month = 1; month < time->month; month++) {
		days += days_in_month(time->year, month);
	}
	*seconds = ((days * HOURS_IN_DAY + time->hour) * MINUTES_IN_HOUR + time->minute) *
			   SECONDS_IN_MINUTE +
		   time->second;
	return STATUS_OK;
}

struct calendar_time calendar_of_seconds(uint64_t seconds)
{
	const uint64_t last_day = days_before(YEAR_LAST + 1) - 1;
	const bool is_beyond = seconds / SECONDS_IN_DAY > last_day;
	uint64_t days = is_beyond ? last_day : seconds / SECONDS_IN_DAY;
	unsigned rest = (unsigned)(is_beyond ? SECONDS_IN_DAY - 1 : seconds % SECONDS_IN_DAY);
	struct calendar_time time = {.month = 1,
		.hour = rest / SECONDS_IN_HOUR,
		.minute = rest / SECONDS_IN_MINUTE % MINUTES_IN_HOUR,
		.second = rest % SECONDS_IN_MINUTE};

	/* No year is longer than 366 days: the guess is never too late, and few years too early. */
	time.year = YEAR_FIRST + (unsigned)(days / (DAYS_IN_YEAR + 1));
	while (days >= days_before(time.year + 1)) {
		time.year++;
	}
	days -= days_before(time.year);
	while (days >= days_in_month(time.year, time.month)) {
		days -= days_in_month(time.year, time.month);
		time.month++;
	}
	time.day = (unsigned)days + 1;
	return time;
}
