/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/page_alloc.c cpu/page_ranges.c */
#include "cpu/page_alloc.h"

#include "lib/bits.h"
#include "tests/host/random_numbers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint64_t at(uint64_t page)
{
	return page * PAGE_SIZE_4K;
}

/* Sorted, disjoint, never adjacent, whole pages: what the header promises of a set. */
static void check_set(const struct page_ranges *set)
{
	assert_true(set->count <= PAGE_RANGES_MAX);
	for (size_t i = 0; i < set->count; i++) {
		uint64_t base = set->ranges[i].base;
		uint64_t size_bytes = set->ranges[i].size_bytes;

		assert_true(size_bytes > 0);
		assert_true(is_aligned(base | size_bytes, PAGE_SIZE_4K));
		assert_true(base + size_bytes > base);
		assert_true(i + 1 == set->count || base + size_bytes < set->ranges[i + 1].base);
	}
}

/* What is known to be clear is free. */
static void check_shape(const struct page_alloc *pages)
{
	check_set(&pages->free);
	check_set(&pages->clear);
	for (size_t i = 0; i < pages->clear.count; i++) {
		uint64_t base = pages->clear.ranges[i].base;
		uint64_t end = page_ranges_end(&pages->clear, i);

		page_ranges_strip(&pages->free, &base, &end);
		assert_int_equal(base, end);
	}
}

/* A window small enough that its ranges always fit the table. */
enum { WINDOW_PAGES = 2 * PAGE_RANGES_MAX - 1, OPERATIONS = 40000 };

static const uint64_t window_base_page = 0x123400;

struct model {
	bool is_free[WINDOW_PAGES];
	bool is_clear[WINDOW_PAGES];
};

static bool model_is_all(const struct model *model, uint64_t first, uint64_t count, bool is_free)
{
	for (uint64_t i = first; i < first + count; i++) {
		if (model->is_free[i] != is_free) {
			return false;
		}
	}
	return true;
}

static void model_set(struct model *model, uint64_t first, uint64_t count, bool is_free)
{
	for (uint64_t i = first; i < first + count; i++) {
		model->is_free[i] = is_free;
		model->is_clear[i] = false;
	}
}

static bool model_find(const struct model *model, uint64_t count, uint64_t align_pages,
	uint64_t limit, uint64_t *place)
{
	for (uint64_t i = WINDOW_PAGES; i > 0; i--) {
		uint64_t first = i - 1;

		if ((window_base_page + first) % align_pages == 0 &&
			first + count <= WINDOW_PAGES &&
			at(window_base_page + first + count) <= limit &&
			model_is_all(model, first, count, true)) {
			*place = first;
			return true;
		}
	}
	return false;
}

static void check_against_model(struct page_alloc *pages, const struct model *model)
{
	struct model found = {.is_free = {false}};
	uint64_t sum = 0;

	check_shape(pages);
	for (size_t i = 0; i < pages->free.count; i++) {
		uint64_t first = pages->free.ranges[i].base / PAGE_SIZE_4K - window_base_page;
		uint64_t count = pages->free.ranges[i].size_bytes / PAGE_SIZE_4K;

		assert_true(range_fits(first, count, WINDOW_PAGES));
		model_set(&found, first, count, true);
		sum += count;
	}
	for (size_t i = 0; i < pages->clear.count; i++) {
		uint64_t first = pages->clear.ranges[i].base / PAGE_SIZE_4K - window_base_page;
		uint64_t count = pages->clear.ranges[i].size_bytes / PAGE_SIZE_4K;

		memset(&found.is_clear[first], true, count);
	}
	assert_memory_equal(&found, model, sizeof(found));
	assert_int_equal(page_alloc_free_bytes(pages), at(sum));
}

/* The dirty part is from the first to the last page that is not known to be clear. */
static void random_take_ram(
	struct page_alloc *pages, struct model *model, uint64_t count, uint64_t align_pages)
{
	struct page_alloc_ram ram;
	enum status status = page_alloc_take_ram(pages, at(count), at(align_pages), &ram);
	uint64_t place;
	uint64_t start = 0;
	uint64_t end = count;

	if (!model_find(model, count, align_pages, UINT64_MAX, &place)) {
		assert_int_equal(status, STATUS_NO_MEMORY);
		return;
	}
	assert_int_equal(status, STATUS_OK);
	assert_int_equal(ram.base.value, at(window_base_page + place));
	while (start < end && model->is_clear[place + start]) {
		start++;
	}
	while (end > start && model->is_clear[place + end - 1]) {
		end--;
	}
	assert_int_equal(ram.dirty_end - ram.dirty_start, at(end - start));
	assert_true(start == end || ram.dirty_start == at(start));
	model_set(model, place, count, false);
}

static void random_take(
	struct random_numbers *numbers, struct page_alloc *pages, struct model *model)
{
	uint64_t count = 1 + random_below(numbers, 20);
	uint64_t align_pages = BIT(random_below(numbers, 6));
	uint64_t limit = UINT64_MAX;
	uint64_t place;
	hpa_t base;
	enum status status;

	if (random_below(numbers, 3) == 0) {
		random_take_ram(pages, model, count, align_pages);
		return;
	}
	if (random_below(numbers, 2) == 0) {
		limit = at(window_base_page) + random_below(numbers, at(WINDOW_PAGES));
	}
	status = page_alloc_take(pages, at(count), at(align_pages), limit, &base);
	if (!model_find(model, count, align_pages, limit, &place)) {
		assert_int_equal(status, STATUS_NO_MEMORY);
		return;
	}
	assert_int_equal(status, STATUS_OK);
	assert_int_equal(base.value, at(window_base_page + place));
	model_set(model, place, count, false);
}

static void random_give(
	struct random_numbers *numbers, struct page_alloc *pages, struct model *model)
{
	uint64_t first = random_below(numbers, WINDOW_PAGES);
	uint64_t count = 1 + random_below(numbers, WINDOW_PAGES - first) % 10;
	const bool is_clear = random_below(numbers, 2) != 0;
	const hpa_t base = hpa(at(window_base_page + first));
	enum status status = is_clear ? page_alloc_give_clear(pages, base, at(count))
				      : page_alloc_give(pages, base, at(count));

	if (model_is_all(model, first, count, false)) {
		assert_int_equal(status, STATUS_OK);
		model_set(model, first, count, true);
		memset(&model->is_clear[first], is_clear, count);
	} else {
		assert_int_equal(status, STATUS_OVERLAP);
	}
}

/* Bytes, not pages: add shrinks and reserve grows. */
static void random_add_or_reserve(
	struct random_numbers *numbers, struct page_alloc *pages, struct model *model, bool is_add)
{
	uint64_t start = random_below(numbers, at(WINDOW_PAGES));
	uint64_t size_bytes = random_below(numbers, at(WINDOW_PAGES) - start + 1) % at(12);
	hpa_t base = hpa(at(window_base_page) + start);

	if (is_add) {
		assert_int_equal(page_alloc_add(pages, base, size_bytes), STATUS_OK);
	} else {
		assert_int_equal(page_alloc_reserve(pages, base, size_bytes), STATUS_OK);
	}
	for (uint64_t i = 0; i < WINDOW_PAGES; i++) {
		bool is_inside = at(i) >= start && at(i + 1) <= start + size_bytes;

		if (is_add && is_inside) {
			model->is_free[i] = true;
		}
		if (!is_add && ranges_overlap(at(i), at(1), start, size_bytes)) {
			model->is_free[i] = false;
			model->is_clear[i] = false;
		}
	}
}

static void random_operations_agree_with_a_bitmap(void **state)
{
	struct random_numbers numbers;
	struct page_alloc pages;
	struct model model = {.is_free = {false}};

	(void)state;
	random_start(&numbers, "random_operations_agree_with_a_bitmap");
	page_alloc_init(&pages);
	for (int i = 0; i < OPERATIONS; i++) {
		switch (random_below(&numbers, 4)) {
		case 0:
			random_take(&numbers, &pages, &model);
			break;
		case 1:
			random_give(&numbers, &pages, &model);
			break;
		case 2:
			random_add_or_reserve(&numbers, &pages, &model, true);
			break;
		default:
			random_add_or_reserve(&numbers, &pages, &model, false);
			break;
		}
		check_against_model(&pages, &model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_a_bitmap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
