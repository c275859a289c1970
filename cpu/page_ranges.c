/* SPDX-License-Identifier: MIT */
#include "cpu/page_ranges.h"

#include "lib/string.h"

static void range_set(struct page_ranges *set, size_t index, uint64_t base, uint64_t end)
{
	set->ranges[index].base = base;
	set->ranges[index].size_bytes = end - base;
}

/* Puts `added` unset ranges in the place of ranges [first, last); the caller knows they fit. */
static void ranges_replace(struct page_ranges *set, size_t first, size_t last, size_t added)
{
	memmove(&set->ranges[first + added], &set->ranges[last],
		(set->count - last) * sizeof(set->ranges[0]));
	set->count = set->count - (last - first) + added;
}

/* Returns the first range that ends at `address` or above it. */
static size_t first_reaching(const struct page_ranges *set, uint64_t address)
{
	size_t i = 0;

	while (i < set->count && page_ranges_end(set, i) < address) {
		i++;
	}
	return i;
}

enum status page_ranges_add(struct page_ranges *set, uint64_t base, uint64_t end)
{
	size_t first = first_reaching(set, base);
	size_t last = first;

	while (last < set->count && set->ranges[last].base <= end) {
		last++;
	}
	if (first == last && set->count == PAGE_RANGES_MAX) {
		return STATUS_NO_MEMORY;
	}
	if (first != last) {
		base = set->ranges[first].base < base ? set->ranges[first].base : base;
		end = page_ranges_end(set, last - 1) > end ? page_ranges_end(set, last - 1) : end;
	}
	ranges_replace(set, first, last, 1);
	range_set(set, first, base, end);
	return STATUS_OK;
}

enum status page_ranges_remove(struct page_ranges *set, uint64_t base, uint64_t end)
{
	size_t first = first_reaching(set, base + 1);
	size_t last = first;
	uint64_t first_base;
	uint64_t last_end;
	size_t kept;

	while (last < set->count && set->ranges[last].base < end) {
		last++;
	}
	if (first == last) {
		return STATUS_OK;
	}
	first_base = set->ranges[first].base;
	last_end = page_ranges_end(set, last - 1);
	kept = (size_t)(first_base < base) + (size_t)(last_end > end);
	if (set->count - (last - first) + kept > PAGE_RANGES_MAX) {
		return STATUS_NO_MEMORY;
	}
	ranges_replace(set, first, last, kept);
	if (first_base < base) {
		range_set(set, first, first_base, base);
		first++;
	}
	if (last_end > end) {
		range_set(set, first, end, last_end);
	}
	return STATUS_OK;
}

static size_t smallest(const struct page_ranges *set)
{
	size_t index = 0;

	for (size_t i = 1; i < set->count; i++) {
		if (set->ranges[i].size_bytes < set->ranges[index].size_bytes) {
			index = i;
		}
	}
	return index;
}

uint64_t page_ranges_put(struct page_ranges *set, uint64_t base, uint64_t end)
{
	size_t least;
	uint64_t size_bytes;

	if (page_ranges_add(set, base, end) == STATUS_OK) {
		return 0;
	}
	least = smallest(set);
	size_bytes = set->ranges[least].size_bytes;
	if (end - base <= size_bytes) {
		return end - base;
	}
	ranges_replace(set, least, least + 1, 0);
	(void)!page_ranges_add(set, base, end);
	return size_bytes;
}

uint64_t page_ranges_cut(struct page_ranges *set, uint64_t base, uint64_t end)
{
	size_t index;
	uint64_t below;
	uint64_t above;

	if (page_ranges_remove(set, base, end) == STATUS_OK) {
		return 0;
	}
	/* The range lies within one of the set. */
	index = first_reaching(set, end);
	below = base - set->ranges[index].base;
	above = page_ranges_end(set, index) - end;
	if (below >= above) {
		range_set(set, index, base - below, base);
		return above;
	}
	range_set(set, index, end, end + above);
	return below;
}

bool page_ranges_overlap(const struct page_ranges *set, uint64_t base, uint64_t end)
{
	const size_t next = first_reaching(set, base + 1);

	return next < set->count && set->ranges[next].base < end;
}

void page_ranges_strip(const struct page_ranges *set, uint64_t *base, uint64_t *end)
{
	const size_t first = first_reaching(set, *base + 1);
	size_t last;

	if (first < set->count && set->ranges[first].base <= *base) {
		*base = page_ranges_end(set, first) < *end ? page_ranges_end(set, first) : *end;
	}
	last = first_reaching(set, *end);
	if (last < set->count && set->ranges[last].base < *end) {
		*end = set->ranges[last].base > *base ? set->ranges[last].base : *base;
	}
}

uint64_t page_ranges_bytes(const struct page_ranges *set)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < set->count; i++) {
		sum += set->ranges[i].size_bytes;
	}
	return sum;
}
