/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/page_alloc.c cpu/page_ranges.c */
#include "cpu/page_alloc.h"

#include "lib/bits.h"

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

static void new_allocator_has_nothing(void **state)
{
	struct page_alloc pages;
	hpa_t base;

	(void)state;
	memset(&pages, 0xa5, sizeof(pages));
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_free_bytes(&pages), 0);
	assert_int_equal(
		page_alloc_take(&pages, at(1), at(1), UINT64_MAX, &base), STATUS_NO_MEMORY);
}

static void add_shrinks_inwards_to_whole_pages(void **state)
{
	struct page_alloc pages;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(at(1) + 1), at(3) - 2), STATUS_OK);
	assert_int_equal(pages.free.count, 1);
	assert_int_equal(pages.free.ranges[0].base, at(2));
	assert_int_equal(pages.free.ranges[0].size_bytes, at(1));
	assert_int_equal(page_alloc_add(&pages, hpa(at(8) + 1), at(2) - 2), STATUS_OK);
	assert_int_equal(page_alloc_add(&pages, hpa(at(20)), at(1) - 1), STATUS_OK);
	assert_int_equal(page_alloc_add(&pages, hpa(at(30)), 0), STATUS_OK);
	assert_int_equal(page_alloc_free_bytes(&pages), at(1));
}

static void add_merges_overlap_and_neighbours(void **state)
{
	struct page_alloc pages;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(at(10)), at(2)), STATUS_OK);
	assert_int_equal(page_alloc_add(&pages, hpa(at(20)), at(2)), STATUS_OK);
	assert_int_equal(page_alloc_add(&pages, hpa(at(12)), at(1)), STATUS_OK);
	assert_int_equal(pages.free.count, 2);
	assert_int_equal(page_alloc_add(&pages, hpa(at(11)), at(10)), STATUS_OK);
	assert_int_equal(pages.free.count, 1);
	assert_int_equal(pages.free.ranges[0].base, at(10));
	assert_int_equal(pages.free.ranges[0].size_bytes, at(12));
	assert_int_equal(page_alloc_add(&pages, hpa(at(9)), at(14)), STATUS_OK);
	assert_int_equal(page_alloc_free_bytes(&pages), at(14));
	assert_int_equal(page_alloc_add(&pages, hpa(at(10)), at(1)), STATUS_OK);
	assert_int_equal(page_alloc_free_bytes(&pages), at(14));
	check_shape(&pages);
}

static void reserve_grows_outwards_to_whole_pages(void **state)
{
	struct page_alloc pages;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(at(0)), at(16)), STATUS_OK);
	assert_int_equal(page_alloc_reserve(&pages, hpa(at(5) - 1), 2), STATUS_OK);
	assert_int_equal(pages.free.count, 2);
	assert_int_equal(pages.free.ranges[0].size_bytes, at(4));
	assert_int_equal(pages.free.ranges[1].base, at(6));
	assert_int_equal(page_alloc_reserve(&pages, hpa(at(5)), 0), STATUS_OK);
	assert_int_equal(page_alloc_reserve(&pages, hpa(at(100)), at(1)), STATUS_OK);
	assert_int_equal(page_alloc_free_bytes(&pages), at(14));
}

static void ranges_that_wrap_are_refused(void **state)
{
	struct page_alloc pages;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(1), UINT64_MAX), STATUS_OK);
	assert_int_equal(page_alloc_free_bytes(&pages), UINT64_MAX - at(2) + 1);
	assert_int_equal(page_alloc_add(&pages, hpa(2), UINT64_MAX), STATUS_RANGE);
	assert_int_equal(page_alloc_add(&pages, hpa(UINT64_MAX), 2), STATUS_RANGE);
	assert_int_equal(page_alloc_reserve(&pages, hpa(2), UINT64_MAX), STATUS_RANGE);
	assert_int_equal(page_alloc_give(&pages, hpa(at(1)), UINT64_MAX - at(1) + 1), STATUS_RANGE);
	assert_int_equal(page_alloc_give(&pages, hpa(UINT64_MAX - at(1) + 1), at(1)), STATUS_RANGE);
	assert_int_equal(page_alloc_reserve(&pages, hpa(0), UINT64_MAX), STATUS_OK);
	assert_int_equal(pages.free.count, 0);
}

static void last_page_below_2_64_is_never_free(void **state)
{
	uint64_t last = UINT64_MAX - at(1) + 1;
	struct page_alloc pages;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(last), at(1)), STATUS_OK);
	assert_int_equal(page_alloc_add(&pages, hpa(last + 1), at(1) - 1), STATUS_OK);
	assert_int_equal(page_alloc_add(&pages, hpa(UINT64_MAX), 1), STATUS_OK);
	assert_int_equal(pages.free.count, 0);
	assert_int_equal(page_alloc_reserve(&pages, hpa(UINT64_MAX), 1), STATUS_OK);
	assert_int_equal(page_alloc_add(&pages, hpa(last - at(1)), at(2)), STATUS_OK);
	assert_int_equal(page_alloc_free_bytes(&pages), at(1));
	check_shape(&pages);
}

static void take_prefers_the_highest_memory(void **state)
{
	struct page_alloc pages;
	hpa_t base;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(at(0)), at(10)), STATUS_OK);
	assert_int_equal(page_alloc_add(&pages, hpa(at(20)), at(10)), STATUS_OK);
	assert_int_equal(page_alloc_take(&pages, at(3), at(1), UINT64_MAX, &base), STATUS_OK);
	assert_int_equal(base.value, at(27));
	assert_int_equal(page_alloc_take(&pages, at(8), at(1), UINT64_MAX, &base), STATUS_OK);
	assert_int_equal(base.value, at(2));
}

static void take_stays_below_the_limit(void **state)
{
	struct page_alloc pages;
	hpa_t base;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(at(16)), at(16)), STATUS_OK);
	assert_int_equal(page_alloc_take(&pages, at(2), at(1), at(24), &base), STATUS_OK);
	assert_int_equal(base.value, at(22));
	assert_int_equal(page_alloc_take(&pages, at(1), at(1), at(20) + 5, &base), STATUS_OK);
	assert_int_equal(base.value, at(19));
	assert_int_equal(page_alloc_take(&pages, at(1), at(1), at(16), &base), STATUS_NO_MEMORY);
	assert_int_equal(page_alloc_take(&pages, at(1), at(1), 0, &base), STATUS_NO_MEMORY);
}

static void take_aligns(void **state)
{
	struct page_alloc pages;
	hpa_t base;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(at(5)), at(18)), STATUS_OK);
	assert_int_equal(page_alloc_take(&pages, at(1), at(8), UINT64_MAX, &base), STATUS_OK);
	assert_int_equal(base.value, at(16));
	assert_int_equal(
		page_alloc_take(&pages, at(1), at(32), UINT64_MAX, &base), STATUS_NO_MEMORY);
	assert_int_equal(
		page_alloc_take(&pages, at(1), BIT(63), UINT64_MAX, &base), STATUS_NO_MEMORY);
}

static void take_refuses_odd_sizes_and_alignments(void **state)
{
	static const struct {
		uint64_t size_bytes;
		uint64_t alignment;
	} cases[] = {
		{0, 4096},
		{1, 4096},
		{4097, 4096},
		{4096, 0},
		{4096, 2048},
		{4096, 4097},
		{4096, 12288},
		{4096, UINT64_MAX},
	};
	struct page_alloc pages;
	hpa_t base;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(0), at(64)), STATUS_OK);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_int_equal(page_alloc_take(&pages, cases[i].size_bytes, cases[i].alignment,
					 UINT64_MAX, &base),
			STATUS_ALIGNMENT);
	}
	assert_int_equal(page_alloc_take(&pages, UINT64_MAX - at(1) + 1, at(1), UINT64_MAX, &base),
		STATUS_NO_MEMORY);
	assert_int_equal(page_alloc_free_bytes(&pages), at(64));
}

static void give_refuses_what_is_free(void **state)
{
	struct page_alloc pages;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(at(10)), at(4)), STATUS_OK);
	assert_int_equal(page_alloc_give(&pages, hpa(at(13)), at(1)), STATUS_OVERLAP);
	assert_int_equal(page_alloc_give(&pages, hpa(at(9)), at(2)), STATUS_OVERLAP);
	assert_int_equal(page_alloc_give(&pages, hpa(at(9)), at(20)), STATUS_OVERLAP);
	assert_int_equal(page_alloc_give(&pages, hpa(at(20) + 1), at(1)), STATUS_ALIGNMENT);
	assert_int_equal(page_alloc_give(&pages, hpa(at(20)), at(1) + 1), STATUS_ALIGNMENT);
	assert_int_equal(page_alloc_give(&pages, hpa(at(20)), 0), STATUS_ALIGNMENT);
	assert_int_equal(page_alloc_free_bytes(&pages), at(4));
	assert_int_equal(page_alloc_give(&pages, hpa(at(14)), at(1)), STATUS_OK);
	assert_int_equal(page_alloc_give(&pages, hpa(at(9)), at(1)), STATUS_OK);
	assert_int_equal(pages.free.count, 1);
	assert_int_equal(page_alloc_free_bytes(&pages), at(6));
}

/* Every range of the table is used: pages 2, 5, 8 ... three free pages each but the last. */
static void fill_table(struct page_alloc *pages)
{
	page_alloc_init(pages);
	for (uint64_t i = 0; i < PAGE_RANGES_MAX; i++) {
		assert_int_equal(page_alloc_add(pages, hpa(at(4 * i)), at(3)), STATUS_OK);
	}
	assert_int_equal(pages->free.count, PAGE_RANGES_MAX);
}

static void full_table_gives_nothing_back_that_does_not_fit(void **state)
{
	uint64_t beyond = at(4 * PAGE_RANGES_MAX);
	struct page_alloc pages;
	struct page_alloc before;

	(void)state;
	fill_table(&pages);
	before = pages;
	assert_int_equal(page_alloc_give(&pages, hpa(beyond), at(1)), STATUS_NO_MEMORY);
	assert_int_equal(page_alloc_give_clear(&pages, hpa(beyond), at(1)), STATUS_NO_MEMORY);
	assert_memory_equal(&pages.free, &before.free, sizeof(pages.free));
	assert_int_equal(pages.clear.count, 0);
	assert_int_equal(page_alloc_lost_bytes(&pages), 0);
}

/* The smallest goes: a range of two pages for one of five, one of one page at once. */
static void full_table_loses_the_smallest_free_range(void **state)
{
	uint64_t beyond = at(4 * PAGE_RANGES_MAX);
	struct page_alloc pages;

	(void)state;
	fill_table(&pages);
	assert_int_equal(page_alloc_reserve(&pages, hpa(at(8)), at(1)), STATUS_OK);
	assert_int_equal(page_alloc_add(&pages, hpa(beyond), at(1)), STATUS_OK);
	assert_int_equal(page_alloc_lost_bytes(&pages), at(1));
	assert_int_equal(page_alloc_add(&pages, hpa(beyond), at(5)), STATUS_OK);
	assert_int_equal(page_alloc_lost_bytes(&pages), at(3));
	assert_int_equal(page_alloc_free_bytes(&pages), at(3 * (PAGE_RANGES_MAX - 1) + 5));
	assert_false(page_ranges_overlap(&pages.free, at(8), at(11)));
	check_shape(&pages);
}

/* What is reserved is never free, whatever it costs beside it. */
static void full_table_loses_free_pages_rather_than_keep_reserved_ones(void **state)
{
	struct page_alloc pages;

	(void)state;
	fill_table(&pages);
	assert_int_equal(
		page_alloc_add(&pages, hpa(at(4 * PAGE_RANGES_MAX - 1)), at(10)), STATUS_OK);
	/* The last range has three pages and ten now: one goes, with the three below it. */
	assert_int_equal(
		page_alloc_reserve(&pages, hpa(at(4 * PAGE_RANGES_MAX - 1)), at(1)), STATUS_OK);
	assert_int_equal(page_alloc_lost_bytes(&pages), at(3));
	assert_int_equal(page_alloc_reserve(&pages, hpa(at(1)), at(1)), STATUS_OK);
	assert_int_equal(page_alloc_lost_bytes(&pages), at(4));
	assert_false(page_ranges_overlap(&pages.free, at(1), at(2)));
	assert_true(page_ranges_overlap(&pages.free, at(0), at(1)));
	check_shape(&pages);
}

static void full_table_still_merges_and_shrinks(void **state)
{
	struct page_alloc pages;
	hpa_t base;

	(void)state;
	fill_table(&pages);
	assert_int_equal(page_alloc_take(&pages, at(1), at(1), UINT64_MAX, &base), STATUS_OK);
	assert_int_equal(base.value, at(4 * (PAGE_RANGES_MAX - 1) + 2));
	assert_int_equal(page_alloc_reserve(&pages, hpa(at(1)), at(4)), STATUS_OK);
	assert_int_equal(page_alloc_add(&pages, hpa(at(11)), at(1)), STATUS_OK);
	assert_int_equal(pages.free.count, PAGE_RANGES_MAX - 1);
	check_shape(&pages);
}

static void full_table_passes_over_a_place_that_splits(void **state)
{
	struct page_alloc pages;
	hpa_t base;

	(void)state;
	/* Aligned to four pages, only the first page of each range fits: no split. */
	fill_table(&pages);
	assert_int_equal(page_alloc_take(&pages, at(1), at(4), UINT64_MAX, &base), STATUS_OK);
	assert_int_equal(base.value, at(4 * (PAGE_RANGES_MAX - 1)));
	/* Below page 4n + 2, the page taken would be the middle one; only range 0 is cut off. */
	fill_table(&pages);
	assert_int_equal(page_alloc_take(&pages, at(1), at(1), at(6), &base), STATUS_OK);
	assert_int_equal(base.value, at(2));
	check_shape(&pages);
}

/* --- What is clear --- */

static void memory_is_dirty_until_it_is_given_back_clear(void **state)
{
	struct page_alloc_ram ram;
	struct page_alloc pages;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(at(16)), at(16)), STATUS_OK);
	assert_int_equal(page_alloc_take_ram(&pages, at(8), at(1), &ram), STATUS_OK);
	assert_int_equal(ram.base.value, at(24));
	assert_int_equal(ram.dirty_start, 0);
	assert_int_equal(ram.dirty_end, at(8));
	assert_int_equal(page_alloc_give_clear(&pages, ram.base, at(8)), STATUS_OK);
	assert_int_equal(page_alloc_take_ram(&pages, at(8), at(1), &ram), STATUS_OK);
	assert_int_equal(ram.dirty_start, ram.dirty_end);
	assert_int_equal(page_alloc_give(&pages, ram.base, at(8)), STATUS_OK);
	assert_int_equal(page_alloc_take_ram(&pages, at(8), at(1), &ram), STATUS_OK);
	assert_int_equal(ram.dirty_end, at(8));
}

/* A page that had another use since is no longer known as clear. */
static void only_what_is_between_clear_ends_is_dirty(void **state)
{
	struct page_alloc_ram ram;
	struct page_alloc pages;
	hpa_t page;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_give_clear(&pages, hpa(at(16)), at(16)), STATUS_OK);
	assert_int_equal(page_alloc_take(&pages, at(1), at(1), at(26), &page), STATUS_OK);
	assert_int_equal(page_alloc_give(&pages, page, at(1)), STATUS_OK);
	assert_int_equal(page_alloc_take(&pages, at(1), at(1), at(22), &page), STATUS_OK);
	assert_int_equal(page_alloc_give(&pages, page, at(1)), STATUS_OK);
	assert_int_equal(page_alloc_take_ram(&pages, at(16), at(16), &ram), STATUS_OK);
	assert_int_equal(ram.dirty_start, at(5));
	assert_int_equal(ram.dirty_end, at(10));
	assert_int_equal(pages.clear.count, 0);
}

/* More pieces of clear memory than the set has room for: they are cleared once more. */
static void full_table_forgets_what_is_clear(void **state)
{
	struct page_alloc_ram ram;
	struct page_alloc pages;

	(void)state;
	page_alloc_init(&pages);
	for (uint64_t i = 0; i <= PAGE_RANGES_MAX; i++) {
		const hpa_t dirty = hpa(at(2 * i + 1));

		assert_int_equal(page_alloc_give_clear(&pages, hpa(at(2 * i)), at(1)), STATUS_OK);
		assert_int_equal(page_alloc_give(&pages, dirty, at(1)), STATUS_OK);
	}
	assert_int_equal(pages.clear.count, PAGE_RANGES_MAX);
	assert_int_equal(page_alloc_take_ram(&pages, at(2), at(1), &ram), STATUS_OK);
	assert_int_equal(ram.dirty_end, at(2));
	check_shape(&pages);
}

static void take_ram_refuses_what_take_refuses(void **state)
{
	struct page_alloc_ram ram;
	struct page_alloc pages;

	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa(at(16)), at(16)), STATUS_OK);
	assert_int_equal(page_alloc_take_ram(&pages, 0, at(1), &ram), STATUS_ALIGNMENT);
	assert_int_equal(page_alloc_take_ram(&pages, at(1), at(3), &ram), STATUS_ALIGNMENT);
	assert_int_equal(page_alloc_take_ram(&pages, at(17), at(1), &ram), STATUS_NO_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_allocator_has_nothing),
		cmocka_unit_test(add_shrinks_inwards_to_whole_pages),
		cmocka_unit_test(add_merges_overlap_and_neighbours),
		cmocka_unit_test(reserve_grows_outwards_to_whole_pages),
		cmocka_unit_test(ranges_that_wrap_are_refused),
		cmocka_unit_test(last_page_below_2_64_is_never_free),
		cmocka_unit_test(take_prefers_the_highest_memory),
		cmocka_unit_test(take_stays_below_the_limit),
		cmocka_unit_test(take_aligns),
		cmocka_unit_test(take_refuses_odd_sizes_and_alignments),
		cmocka_unit_test(give_refuses_what_is_free),
		cmocka_unit_test(full_table_gives_nothing_back_that_does_not_fit),
		cmocka_unit_test(full_table_loses_the_smallest_free_range),
		cmocka_unit_test(full_table_loses_free_pages_rather_than_keep_reserved_ones),
		cmocka_unit_test(full_table_forgets_what_is_clear),
		cmocka_unit_test(full_table_still_merges_and_shrinks),
		cmocka_unit_test(full_table_passes_over_a_place_that_splits),
		cmocka_unit_test(memory_is_dirty_until_it_is_given_back_clear),
		cmocka_unit_test(only_what_is_between_clear_ends_is_dirty),
		cmocka_unit_test(take_ram_refuses_what_take_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
