/* SPDX-License-Identifier: MIT */
#include "vm/tick_histogram.h"

#include "lib/format.h"

uint64_t tick_histogram_count(const struct tick_histogram *histogram)
{
	uint64_t count = 0;

	for (size_t i = 0; i < TICK_HISTOGRAM_BINS; i++) {
		count += histogram->bins[i];
	}
	return count;
}

void tick_histogram_merge(struct tick_histogram *to, const struct tick_histogram *from)
{
	for (size_t i = 0; i < TICK_HISTOGRAM_BINS; i++) {
		to->bins[i] += from->bins[i];
	}
}

size_t tick_histogram_format(const struct tick_histogram *histogram, char *text, size_t size_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < TICK_HISTOGRAM_BINS; i++) {
		if (histogram->bins[i] != 0) {
			const size_t at = used < size_bytes ? used : size_bytes - 1;

			used += format(text + at, size_bytes - at, "%s2^%lu:%lu",
				used == 0 ? "" : " ", i, histogram->bins[i]);
		}
	}
	return used;
}
