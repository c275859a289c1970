/* SPDX-License-Identifier: MIT */
#include "cpu/page_alloc.h"

#include "lib/bits.h"
#include "lib/string.h"

/*
 * Ends are exclusive and fit 64 bits: the last page below 2^64, which no machine has (SDM Vol. 3A
 * "Physical Address Space"), is never free.
 */
#define TOP (UINT64_MAX & ~(PAGE_SIZE_4K - 1))

void page_alloc_init(struct page_alloc *pages)
{
	pages->lock = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_PAGES);
	pages->count = 0;
}

static uint64_t range_end(const struct page_alloc *pages, size_t index)
{
	return pages->ranges[index].base + pages->ranges[index].size_bytes;
}

static void range_set(struct page_alloc *pages, size_t index, uint64_t base, uint64_t end)
{
	pages->ranges[index].base = base;
	pages->ranges[index].size_bytes = end - base;
}

/* Puts `added` unset ranges in the place of ranges [first, last); the caller knows they fit. */
static void ranges_replace(struct page_alloc *pages, size_t first, size_t last, size_t added)
{
	memmove(&pages->ranges[first + added], &pages->ranges[last],
		(pages->count - last) * sizeof(pages->ranges[0]));
	pages->count = pages->count - (last - first) + added;
}

/* Returns the first range that ends at `address` or above it. */
static size_t first_reaching(const struct page_alloc *pages, uint64_t address)
{
	size_t i = 0;

	while (i < pages->count && range_end(pages, i) < address) {
		i++;
	}
	return i;
}

static enum status add_pages(struct page_alloc *pages, uint64_t base, uint64_t end)
{
	size_t first = first_reaching(pages, base);
	size_t last = first;

	/* Ranges that overlap or adjoin the new one melt into it. */
	while (last < pages->count && pages->ranges[last].base <= end) {
		last++;
	}
	if (first == last && pages->count == PAGE_ALLOC_RANGES_MAX) {
		return STATUS_NO_MEMORY;
	}
	if (first != last) {
		base = pages->ranges[first].base < base ? pages->ranges[first].base : base;
		end = range_end(pages, last - 1) > end ? range_end(pages, last - 1) : end;
	}
	ranges_replace(pages, first, last, 1);
	range_set(pages, first, base, end);
	return STATUS_OK;
}

static enum status remove_pages(struct page_alloc *pages, uint64_t base, uint64_t end)
{
	size_t first = first_reaching(pages, base + 1);
	size_t last = first;
	uint64_t first_base;
	uint64_t last_end;
	size_t kept;

	while (last < pages->count && pages->ranges[last].base < end) {
		last++;
	}
	if (first == last) {
		return STATUS_OK;
	}
	first_base = pages->ranges[first].base;
	last_end = range_end(pages, last - 1);
	kept = (size_t)(first_base < base) + (size_t)(last_end > end);
	if (pages->count - (last - first) + kept > PAGE_ALLOC_RANGES_MAX) {
		return STATUS_NO_MEMORY;
	}
	ranges_replace(pages, first, last, kept);
	if (first_base < base) {
		range_set(pages, first, first_base, base);
		first++;
	}
	if (last_end > end) {
		range_set(pages, first, end, last_end);
	}
	return STATUS_OK;
}

static enum status add_locked(struct page_alloc *pages, uint64_t base, uint64_t end)
{
	enum status status;

	spin_lock(&pages->lock);
	status = add_pages(pages, base, end);
	spin_unlock(&pages->lock);
	return status;
}

static enum status remove_locked(struct page_alloc *pages, uint64_t base, uint64_t end)
{
	enum status status;

	spin_lock(&pages->lock);
	status = remove_pages(pages, base, end);
	spin_unlock(&pages->lock);
	return status;
}

enum status page_alloc_add(struct page_alloc *pages, hpa_t base, uint64_t size_bytes)
{
	uint64_t first;
	uint64_t end;

	if (size_bytes == 0) {
		return STATUS_OK;
	}
	if (size_bytes - 1 > UINT64_MAX - base.value) {
		return STATUS_RANGE;
	}
	if (base.value > TOP) {
		return STATUS_OK;
	}
	first = align_up(base.value, PAGE_SIZE_4K);
	end = base.value + (size_bytes - 1) >= TOP
		      ? TOP
		      : align_down(base.value + size_bytes, PAGE_SIZE_4K);
	return first < end ? add_locked(pages, first, end) : STATUS_OK;
}

enum status page_alloc_reserve(struct page_alloc *pages, hpa_t base, uint64_t size_bytes)
{
	uint64_t first = align_down(base.value, PAGE_SIZE_4K);
	uint64_t end;

	if (size_bytes == 0) {
		return STATUS_OK;
	}
	if (size_bytes - 1 > UINT64_MAX - base.value) {
		return STATUS_RANGE;
	}
	end = base.value + (size_bytes - 1) >= TOP
		      ? TOP
		      : align_up(base.value + size_bytes, PAGE_SIZE_4K);
	return first < end ? remove_locked(pages, first, end) : STATUS_OK;
}

/* Finds the highest place for size_bytes in [base, end); false if there is none. */
static bool highest_fit(
	uint64_t base, uint64_t end, uint64_t size_bytes, uint64_t alignment, uint64_t *place)
{
	if (end <= base || end - base < size_bytes) {
		return false;
	}
	*place = align_down(end - size_bytes, alignment);
	return *place >= base;
}

static enum status take_highest(struct page_alloc *pages, uint64_t size_bytes, uint64_t alignment,
	uint64_t limit, hpa_t *base)
{
	for (size_t i = pages->count; i > 0; i--) {
		uint64_t end = range_end(pages, i - 1) < limit ? range_end(pages, i - 1) : limit;
		uint64_t place;

		/* With the table full, a place that would leave free pages on both its sides is
		 * no place: remove_pages() refuses, and lower memory may do. */
		if (highest_fit(pages->ranges[i - 1].base, end, size_bytes, alignment, &place) &&
			remove_pages(pages, place, place + size_bytes) == STATUS_OK) {
			*base = hpa(place);
			return STATUS_OK;
		}
	}
	return STATUS_NO_MEMORY;
}

enum status page_alloc_take(struct page_alloc *pages, uint64_t size_bytes, uint64_t alignment,
	uint64_t limit, hpa_t *base)
{
	enum status status;

	if (size_bytes == 0 || !is_aligned(size_bytes, PAGE_SIZE_4K) || alignment < PAGE_SIZE_4K ||
		(alignment & (alignment - 1)) != 0) {
		return STATUS_ALIGNMENT;
	}
	spin_lock(&pages->lock);
	status = take_highest(pages, size_bytes, alignment, align_down(limit, PAGE_SIZE_4K), base);
	spin_unlock(&pages->lock);
	return status;
}

/* Memory that is free already is not given twice. */
static enum status give_pages(struct page_alloc *pages, uint64_t base, uint64_t size_bytes)
{
	const size_t next = first_reaching(pages, base + 1);

	if (next < pages->count && pages->ranges[next].base < base + size_bytes) {
		return STATUS_OVERLAP;
	}
	return add_pages(pages, base, base + size_bytes);
}

enum status page_alloc_give(struct page_alloc *pages, hpa_t base, uint64_t size_bytes)
{
	enum status status;

	if (size_bytes == 0 || !is_aligned(base.value | size_bytes, PAGE_SIZE_4K)) {
		return STATUS_ALIGNMENT;
	}
	if (!range_fits(base.value, size_bytes, TOP)) {
		return STATUS_RANGE;
	}
	spin_lock(&pages->lock);
	status = give_pages(pages, base.value, size_bytes);
	spin_unlock(&pages->lock);
	return status;
}

uint64_t page_alloc_free_bytes(struct page_alloc *pages)
{
	uint64_t sum = 0;

	spin_lock(&pages->lock);
	for (size_t i = 0; i < pages->count; i++) {
		sum += pages->ranges[i].size_bytes;
	}
	spin_unlock(&pages->lock);
	return sum;
}
