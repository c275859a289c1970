/* SPDX-License-Identifier: MIT */
#ifndef CPU_WALL_CLOCK_H
#define CPU_WALL_CLOCK_H

#include "lib/status.h"
#include "lib/types.h"

/*
 * Reads the CMOS real-time clock once, as UTC, and from then on counts by the TSC. Years are 1970
 * to 2069. Returns STATUS_OK; STATUS_NOT_FOUND if there is no such clock, it does not come to rest,
 * or what it shows is no time: then all times are counted from 1970 on. Context: boot processor,
 * once, after tsc_calibrate(). Source: Motorola MC146818 data sheet, "Time, Calendar, and Alarm
 * Locations", "Update Cycle".
 */
must_use enum status wall_clock_start(void);

/* Returns the nanoseconds from 1970 to a value of the TSC that wall_clock_start() has passed. */
uint64_t wall_clock_ns(uint64_t tsc);

/* Returns the nanoseconds of a number of TSC ticks; 0 if the frequency is not known. */
uint64_t wall_clock_ticks_ns(uint64_t ticks);

/*
 * Returns how many TSC ticks at least `ns` nanoseconds take: up to a microsecond's more. 0 if the
 * frequency is not known; UINT64_MAX / 2 for a longer time than that.
 */
uint64_t wall_clock_ns_ticks(uint64_t ns);

#endif
