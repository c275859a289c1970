/* SPDX-License-Identifier: MIT */
#ifndef LIB_CALENDAR_H
#define LIB_CALENDAR_H

#include "lib/status.h"
#include "lib/types.h"

/* A time of the Gregorian calendar, UTC. */
struct calendar_time {
	unsigned year;   /* 1970 to 9999. */
	unsigned month;  /* 1 to 12. */
	unsigned day;    /* 1 to 31. */
	unsigned hour;   /* 0 to 23. */
	unsigned minute; /* 0 to 59. */
	unsigned second; /* 0 to 59. */
};

/*
 * Returns STATUS_OK with the seconds since 1970-01-01 00:00:00 in *seconds; STATUS_RANGE for a time
 * that there is not. Context: any; pure.
 */
must_use enum status calendar_seconds(const struct calendar_time *time, uint64_t *seconds);

/*
 * Returns the time that lies `seconds` after 1970-01-01 00:00:00; what lies after the year 9999 is
 * its last second. Context: any; pure.
 */
struct calendar_time calendar_of_seconds(uint64_t seconds);

#endif
