/* SPDX-License-Identifier: MIT */
#ifndef LIB_BITS_H
#define LIB_BITS_H

#include "lib/types.h"

#define BIT(n) (1ULL << (n))

/* A mask of the bits high..low, both included; 63 >= high >= low >= 0. */
#define BITS_MASK(high, low) ((~0ULL >> (63 - (high))) & (~0ULL << (low)))

/* Returns bits high..low of value, moved down to bit 0; 63 >= high >= low. */
static inline uint64_t bits_get(uint64_t value, unsigned high, unsigned low)
{
	return (value & BITS_MASK(high, low)) >> low;
}

/* Returns value with its bits high..low replaced by the low bits of field. */
static inline uint64_t bits_put(uint64_t value, unsigned high, unsigned low, uint64_t field)
{
	return (value & ~BITS_MASK(high, low)) | ((field << low) & BITS_MASK(high, low));
}

/* alignment is a power of two in the three functions below. */
static inline bool is_aligned(uint64_t value, uint64_t alignment)
{
	return (value & (alignment - 1)) == 0;
}

static inline uint64_t align_down(uint64_t value, uint64_t alignment)
{
	return value & ~(alignment - 1);
}

/* Wraps to 0 when value lies in the last partial unit below 2^64; callers bound value first. */
static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return align_down(value + alignment - 1, alignment);
}

/* True if [offset, offset + size) lies in [0, limit). Never overflows. */
static inline bool range_fits(uint64_t offset, uint64_t size, uint64_t limit)
{
	return size <= limit && offset <= limit - size;
}

/* True if [a, a + a_size) and [b, b + b_size) share a byte; neither range wraps around 2^64. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a_size != 0 && b_size != 0 && a <= b + (b_size - 1) && b <= a + (a_size - 1);
}

#endif
