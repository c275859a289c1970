/* SPDX-License-Identifier: MIT */
#ifndef CPU_PAGE_ALLOC_H
#define CPU_PAGE_ALLOC_H

#include "cpu/page_ranges.h"
#include "cpu/spinlock.h"
#include "lib/status.h"
#include "lib/types.h"

/*
 * The machine's free memory, in whole 4 KiB pages. Of some pages it is known that they hold nothing
 * but zeros, since they were cleared before they were given back; of all others nothing is known.
 */
struct page_alloc {
	struct spinlock lock; /* LOCK_RANK_PAGES: guards all below. */
	struct page_ranges free;
	struct page_ranges clear; /* A part of those: known to be zero. */
	uint64_t lost_bytes;      /* Free memory in pieces too many for the table. */
};

/* A guest's RAM, and the part of it, as offsets, outside of which all is zero; dirty_start ==
 * dirty_end where all of it is. */
struct page_alloc_ram {
	hpa_t base;
	uint64_t dirty_start;
	uint64_t dirty_end;
};

/* Starts with no memory. */
void page_alloc_init(struct page_alloc *pages);

/*
 * Adds free memory, shrunk inwards to whole pages; overlap with what is free already is merged.
 * With the table of ranges full, the smallest range is lost, which may be this one. Returns
 * STATUS_OK (also for size 0); STATUS_RANGE if it wraps around 2^64. Context: any, as for all
 * below, on any CPU: no lock of rank LOCK_RANK_PAGES or below is held.
 */
must_use enum status page_alloc_add(struct page_alloc *pages, hpa_t base, uint64_t size_bytes);

/* Takes a range out, grown outwards to whole pages, free or not. With the table of ranges full,
 * free memory beside it is lost rather than any of the range kept. Errors as page_alloc_add(). */
must_use enum status page_alloc_reserve(struct page_alloc *pages, hpa_t base, uint64_t size_bytes);

/*
 * Finds size_bytes (a multiple of 4 KiB, > 0) aligned to `alignment` (a power of two >= 4 KiB),
 * from the highest memory down, below `limit` (exclusive; UINT64_MAX for none), and takes it. The
 * contents are as found. Where the table of ranges is full, a place that would split a range is
 * passed over. Returns STATUS_OK with *base; STATUS_ALIGNMENT; STATUS_NO_MEMORY.
 */
must_use enum status page_alloc_take(struct page_alloc *pages, uint64_t size_bytes,
	uint64_t alignment, uint64_t limit, hpa_t *base);

/* As page_alloc_take() without a limit, for a guest's RAM: *ram tells what of it is to be cleared
 * before the guest may read it. */
must_use enum status page_alloc_take_ram(struct page_alloc *pages, uint64_t size_bytes,
	uint64_t alignment, struct page_alloc_ram *ram);

/*
 * Gives back what page_alloc_take() or page_alloc_take_ram() gave. Returns STATUS_OK;
 * STATUS_ALIGNMENT (or empty); STATUS_RANGE (wraps); STATUS_OVERLAP if a part is free already
 * (nothing changed); STATUS_NO_MEMORY if the table of ranges is full.
 */
must_use enum status page_alloc_give(struct page_alloc *pages, hpa_t base, uint64_t size_bytes);

/* The same for memory that is zero from its first byte to its last. */
must_use enum status page_alloc_give_clear(
	struct page_alloc *pages, hpa_t base, uint64_t size_bytes);

/* Returns the sum of all free ranges in bytes. */
uint64_t page_alloc_free_bytes(struct page_alloc *pages);

/* Returns how many free bytes page_alloc_add() and page_alloc_reserve() have lost. Context: boot.
 */
uint64_t page_alloc_lost_bytes(const struct page_alloc *pages);

#endif
