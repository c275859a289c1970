/* SPDX-License-Identifier: MIT */
#include "lib/tick_rate.h"

/* A second's rest is below 2^30 and hz at most 2^30: the products fit. */
uint64_t tick_rate_ticks(uint32_t hz, uint64_t ns)
{
	const uint64_t seconds = ns / TIME_NS_PER_SECOND;
	const uint64_t rest = ns % TIME_NS_PER_SECOND;

	return seconds * hz + rest * hz / TIME_NS_PER_SECOND;
}

uint64_t tick_rate_ns(uint32_t hz, uint64_t ticks)
{
	const uint64_t seconds = ticks / hz;
	const uint64_t rest = ticks % hz;

	if (seconds >= TIME_NEVER / TIME_NS_PER_SECOND) {
		return TIME_NEVER;
	}
	return seconds * TIME_NS_PER_SECOND + (rest * TIME_NS_PER_SECOND + hz - 1) / hz;
}
