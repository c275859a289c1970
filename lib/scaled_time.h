/* SPDX-License-Identifier: MIT */
#ifndef LIB_SCALED_TIME_H
#define LIB_SCALED_TIME_H

#include "lib/types.h"

/*
 * How ticks become nanoseconds, in the words of the pvclock ABI: ticks are shifted left by `shift`
 * (right if it is negative), multiplied by `multiplier`, and the product shifted right by 32.
 */
struct scaled_time {
	uint32_t multiplier;
	int8_t shift;
};

/*
 * Returns the scale of a frequency of 10^6 to 10^11 Hz; its error is below 10^-9. Context: any;
 * pure.
 */
struct scaled_time scaled_time_of_hz(uint64_t hz);

/* Returns the nanoseconds of a number of ticks, cut to 64 bits. Context: any; pure. */
uint64_t scaled_time_ns(struct scaled_time scale, uint64_t ticks);

#endif
