/* SPDX-License-Identifier: MIT */
#ifndef CPU_PAGE_ALLOC_H
#define CPU_PAGE_ALLOC_H

#include "cpu/spinlock.h"
#include "lib/status.h"
#include "lib/types.h"

enum { PAGE_ALLOC_RANGES_MAX = 256 };

/* The machine's free memory: disjoint, sorted, never adjacent ranges of whole 4 KiB pages. */
struct page_alloc {
	struct spinlock lock; /* LOCK_RANK_PAGES: guards all below. */
	struct {
		uint64_t base;
		uint64_t size_bytes;
	} ranges[PAGE_ALLOC_RANGES_MAX];
	size_t count;
};

/* Starts with no memory. */
void page_alloc_init(struct page_alloc *pages);

/*
 * Adds free memory, shrunk inwards to whole pages; overlap with what is free already is merged.
 * Returns STATUS_OK (also for size 0); STATUS_RANGE if it wraps around 2^64; STATUS_NO_MEMORY if
 * the table of ranges is full (then nothing changed). Context: any, as for all below,
 * on any CPU: no lock of rank LOCK_RANK_PAGES or below is held.
 */
must_use enum status page_alloc_add(struct page_alloc *pages, hpa_t base, uint64_t size_bytes);

/* Takes a range out, grown outwards to whole pages, free or not. Errors as page_alloc_add(). */
must_use enum status page_alloc_reserve(struct page_alloc *pages, hpa_t base, uint64_t size_bytes);

/*
 * Finds size_bytes (a multiple of 4 KiB, > 0) aligned to `alignment` (a power of two >= 4 KiB),
 * from the highest memory down, below `limit` (exclusive; UINT64_MAX for none), and takes it. The
 * contents are as found. Where the table of ranges is full, a place that would split a range is
 * passed over. Returns STATUS_OK with *base; STATUS_ALIGNMENT; STATUS_NO_MEMORY.
 */
must_use enum status page_alloc_take(struct page_alloc *pages, uint64_t size_bytes,
	uint64_t alignment, uint64_t limit, hpa_t *base);

/*
 * Gives back what page_alloc_take() gave. Returns STATUS_OK; STATUS_ALIGNMENT (or empty);
 * STATUS_RANGE (wraps); STATUS_OVERLAP if a part is free already (nothing changed);
 * STATUS_NO_MEMORY if the table of ranges is full.
 */
must_use enum status page_alloc_give(struct page_alloc *pages, hpa_t base, uint64_t size_bytes);

/* Returns the sum of all free ranges in bytes. */
uint64_t page_alloc_free_bytes(struct page_alloc *pages);

#endif
