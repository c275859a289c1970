/* SPDX-License-Identifier: MIT */
#include "lib/scaled_time.h"

enum { FRACTION_BITS = 32 };

#define NANOSECONDS_PER_SECOND 1000000000ull

struct scaled_time scaled_time_of_hz(uint64_t hz)
{
	struct scaled_time scale = {0, 0};
	uint64_t numerator = NANOSECONDS_PER_SECOND;
	uint64_t quotient = 0;
	uint64_t rest;

	/* A quotient of 1/2 to 1 has all 32 bits of its fraction in use. */
	while (hz <= numerator) {
		hz <<= 1;
		scale.shift++;
	}
	while (hz > 2 * numerator) {
		numerator <<= 1;
		scale.shift--;
	}
	/* 2^32 * numerator / hz, digit by digit: neither number has more than 38 bits. */
	rest = numerator;
	for (unsigned i = 0; i < FRACTION_BITS; i++) {
		rest <<= 1;
		quotient <<= 1;
		if (rest >= hz) {
			rest -= hz;
			quotient |= 1;
		}
	}
	scale.multiplier = (uint32_t)quotient;
	return scale;
}

uint64_t scaled_time_ns(struct scaled_time scale, uint64_t ticks)
{
	const uint64_t shifted = scale.shift < 0 ? ticks >> -scale.shift : ticks << scale.shift;
	const uint64_t high = (shifted >> FRACTION_BITS) * scale.multiplier;
	const uint64_t low = (shifted & UINT32_MAX) * scale.multiplier;

	return high + (low >> FRACTION_BITS);
}
