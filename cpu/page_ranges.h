/* SPDX-License-Identifier: MIT */
#ifndef CPU_PAGE_RANGES_H
#define CPU_PAGE_RANGES_H

#include "lib/status.h"
#include "lib/types.h"

/* As many as the boot information may name: boot/multiboot2.h. */
enum { PAGE_RANGES_MAX = 512 };

/* A set of 4 KiB pages: disjoint, sorted, never adjacent ranges. Ends are exclusive and at most
 * 2^64 - 4 KiB. Zeroed, it is empty. */
struct page_ranges {
	struct {
		uint64_t base;
		uint64_t size_bytes;
	} ranges[PAGE_RANGES_MAX];
	size_t count;
};

/*
 * In all functions below [base, end) is not empty, and both are multiples of 4 KiB. Context: any;
 * pure.
 */

/* Adds a range; what overlaps it or adjoins it is merged. Returns STATUS_OK; STATUS_NO_MEMORY if
 * the table is full, with nothing changed. */
must_use enum status page_ranges_add(struct page_ranges *set, uint64_t base, uint64_t end);

/* Takes a range out, whatever of it is there. Returns STATUS_OK; STATUS_NO_MEMORY if it would split
 * a range and the table is full, with nothing changed. */
must_use enum status page_ranges_remove(struct page_ranges *set, uint64_t base, uint64_t end);

/* As page_ranges_add(), but with a full table the smallest range goes, which may be the new one.
 * Returns how many bytes went so. */
uint64_t page_ranges_put(struct page_ranges *set, uint64_t base, uint64_t end);

/* As page_ranges_remove(), but where a range would be split and the table is full, the smaller part
 * of the rest goes too. Returns how many bytes went so. */
uint64_t page_ranges_cut(struct page_ranges *set, uint64_t base, uint64_t end);

/* True if the set has any page of the range. */
bool page_ranges_overlap(const struct page_ranges *set, uint64_t base, uint64_t end);

/* Shrinks [*base, *end) from both sides by what the set has there: what is left begins and ends
 * with a page that is not in the set, or is empty (*base == *end). */
void page_ranges_strip(const struct page_ranges *set, uint64_t *base, uint64_t *end);

/* Returns the sum of all ranges in bytes. */
uint64_t page_ranges_bytes(const struct page_ranges *set);

/* Returns the exclusive end of a range; index < set->count. */
static inline uint64_t page_ranges_end(const struct page_ranges *set, size_t index)
{
	return set->ranges[index].base + set->ranges[index].size_bytes;
}

#endif
