/* SPDX-License-Identifier: MIT */
#ifndef LIB_TICK_RATE_H
#define LIB_TICK_RATE_H

#include "lib/types.h"

/* The time of an event that never comes. */
#define TIME_NEVER UINT64_MAX

#define TIME_NS_PER_SECOND 1000000000ull

/*
 * Returns how many whole ticks of a clock of hz (1 to 10^9 Hz) have passed after `ns` nanoseconds.
 * Rational arithmetic: no error builds up. Context: any; pure.
 */
uint64_t tick_rate_ticks(uint32_t hz, uint64_t ns);

/*
 * Returns the first nanosecond at which tick_rate_ticks() gives `ticks`; TIME_NEVER if that does
 * not fit. Context: any; pure.
 */
uint64_t tick_rate_ns(uint32_t hz, uint64_t ticks);

#endif
