/* SPDX-License-Identifier: MIT */
#ifndef VM_TICK_HISTOGRAM_H
#define VM_TICK_HISTOGRAM_H

#include "cpu/insn.h"
#include "lib/types.h"

enum { TICK_HISTOGRAM_BINS = 64 };

/* How often something took how long: bins[n] counts durations of 2^n to 2^(n+1)-1 ticks; 0 ticks
 * count as 1. */
struct tick_histogram {
	uint64_t bins[TICK_HISTOGRAM_BINS];
};

/* Counts one duration. Inline and without a branch: the hypercall path goes through it. */
static inline void tick_histogram_add(struct tick_histogram *histogram, uint64_t ticks)
{
	histogram->bins[insn_bsr(ticks | 1)]++;
}

/* Returns how many durations were counted; wraps around at 2^64. */
uint64_t tick_histogram_count(const struct tick_histogram *histogram);

/* Adds another histogram's counts bin by bin. */
void tick_histogram_merge(struct tick_histogram *to, const struct tick_histogram *from);

/*
 * Writes the bins that are not empty as "2^5:10 2^6:2" into text, cut where size_bytes (not 0)
 * ends. Returns the length of the whole text.
 */
size_t tick_histogram_format(const struct tick_histogram *histogram, char *text, size_t size_bytes);

#endif
