/* SPDX-License-Identifier: MIT */
#include "cpu/page_alloc.h"

#include "lib/bits.h"

/*
 * Ends are exclusive and fit 64 bits: the last page below 2^64, which no machine has (SDM Vol. 3A
 * "Physical Address Space"), is never free.
 */
#define TOP (UINT64_MAX & ~(PAGE_SIZE_4K - 1))

void page_alloc_init(struct page_alloc *pages)
{
	pages->lock = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_PAGES);
	pages->free.count = 0;
	pages->clear.count = 0;
	pages->lost_bytes = 0;
}

static void add_locked(struct page_alloc *pages, uint64_t base, uint64_t end)
{
	spin_lock(&pages->lock);
	pages->lost_bytes += page_ranges_put(&pages->free, base, end);
	spin_unlock(&pages->lock);
}

/* What goes beside the range only ceases to be known as clear. */
static void forget_clear(struct page_alloc *pages, uint64_t base, uint64_t end)
{
	(void)page_ranges_cut(&pages->clear, base, end);
}

static void reserve_locked(struct page_alloc *pages, uint64_t base, uint64_t end)
{
	spin_lock(&pages->lock);
	pages->lost_bytes += page_ranges_cut(&pages->free, base, end);
	forget_clear(pages, base, end);
	spin_unlock(&pages->lock);
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
	if (first < end) {
		add_locked(pages, first, end);
	}
	return STATUS_OK;
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
	if (first < end) {
		reserve_locked(pages, first, end);
	}
	return STATUS_OK;
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
	uint64_t limit, uint64_t *place)
{
	const struct page_ranges *set = &pages->free;

	for (size_t i = set->count; i > 0; i--) {
		const uint64_t range_end = page_ranges_end(set, i - 1);
		const uint64_t end = range_end < limit ? range_end : limit;

		/* With the table full, a place that would leave free pages on both its sides is
		 * no place: page_ranges_remove() refuses, and lower memory may do. */
		if (highest_fit(set->ranges[i - 1].base, end, size_bytes, alignment, place) &&
			page_ranges_remove(&pages->free, *place, *place + size_bytes) ==
				STATUS_OK) {
			return STATUS_OK;
		}
	}
	return STATUS_NO_MEMORY;
}

static bool is_sound(uint64_t size_bytes, uint64_t alignment)
{
	return size_bytes != 0 && is_aligned(size_bytes, PAGE_SIZE_4K) &&
	       alignment >= PAGE_SIZE_4K && (alignment & (alignment - 1)) == 0;
}

enum status page_alloc_take(struct page_alloc *pages, uint64_t size_bytes, uint64_t alignment,
	uint64_t limit, hpa_t *base)
{
	enum status status;
	uint64_t place;

	if (!is_sound(size_bytes, alignment)) {
		return STATUS_ALIGNMENT;
	}
	spin_lock(&pages->lock);
	status =
		take_highest(pages, size_bytes, alignment, align_down(limit, PAGE_SIZE_4K), &place);
	if (status == STATUS_OK) {
		forget_clear(pages, place, place + size_bytes);
		*base = hpa(place);
	}
	spin_unlock(&pages->lock);
	return status;
}

enum status page_alloc_take_ram(struct page_alloc *pages, uint64_t size_bytes, uint64_t alignment,
	struct page_alloc_ram *ram)
{
	enum status status;
	uint64_t place;

	if (!is_sound(size_bytes, alignment)) {
		return STATUS_ALIGNMENT;
	}
	spin_lock(&pages->lock);
	status = take_highest(pages, size_bytes, alignment, TOP, &place);
	if (status == STATUS_OK) {
		uint64_t dirty_start = place;
		uint64_t dirty_end = place + size_bytes;

		page_ranges_strip(&pages->clear, &dirty_start, &dirty_end);
		forget_clear(pages, place, place + size_bytes);
		*ram = (struct page_alloc_ram){hpa(place), dirty_start - place, dirty_end - place};
	}
	spin_unlock(&pages->lock);
	return status;
}

/* Memory that is free already is not given twice. What the set of clear pages has no room for is
 * cleared once more. */
static enum status give_locked(
	struct page_alloc *pages, uint64_t base, uint64_t size_bytes, bool is_clear)
{
	enum status status = STATUS_OVERLAP;

	spin_lock(&pages->lock);
	if (!page_ranges_overlap(&pages->free, base, base + size_bytes)) {
		status = page_ranges_add(&pages->free, base, base + size_bytes);
	}
	if (status == STATUS_OK && is_clear) {
		(void)!page_ranges_add(&pages->clear, base, base + size_bytes);
	}
	spin_unlock(&pages->lock);
	return status;
}

static enum status give(struct page_alloc *pages, hpa_t base, uint64_t size_bytes, bool is_clear)
{
	if (size_bytes == 0 || !is_aligned(base.value | size_bytes, PAGE_SIZE_4K)) {
		return STATUS_ALIGNMENT;
	}
	if (!range_fits(base.value, size_bytes, TOP)) {
		return STATUS_RANGE;
	}
	return give_locked(pages, base.value, size_bytes, is_clear);
}

enum status page_alloc_give(struct page_alloc *pages, hpa_t base, uint64_t size_bytes)
{
	return give(pages, base, size_bytes, false);
}

enum status page_alloc_give_clear(struct page_alloc *pages, hpa_t base, uint64_t size_bytes)
{
	return give(pages, base, size_bytes, true);
}

uint64_t page_alloc_free_bytes(struct page_alloc *pages)
{
	uint64_t sum;

	spin_lock(&pages->lock);
	sum = page_ranges_bytes(&pages->free);
	spin_unlock(&pages->lock);
	return sum;
}

uint64_t page_alloc_lost_bytes(const struct page_alloc *pages)
{
	return pages->lost_bytes;
}
