/* SPDX-License-Identifier: MIT */
/* SOURCES: */
#include "lib/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void mask_has_both_ends(void **state)
{
	(void)state;
	assert_int_equal(BITS_MASK(63, 0), UINT64_MAX);
	assert_int_equal(BITS_MASK(0, 0), 1);
	assert_int_equal(BITS_MASK(63, 63), 1ULL << 63);
	assert_int_equal(BITS_MASK(14, 13), 0x6000);
}

static void get_moves_the_field_down(void **state)
{
	(void)state;
	assert_int_equal(bits_get(0xfedcba9876543210, 63, 60), 0xf);
	assert_int_equal(bits_get(0xfedcba9876543210, 7, 4), 1);
	assert_int_equal(bits_get(UINT64_MAX, 63, 0), UINT64_MAX);
	assert_int_equal(bits_get(BIT(31), 31, 31), 1);
}

static void put_changes_the_field_only(void **state)
{
	(void)state;
	assert_int_equal(bits_put(UINT64_MAX, 11, 8, 0), 0xfffffffffffff0ff);
	assert_int_equal(bits_put(0, 11, 8, 0xabc), 0xc00);
	assert_int_equal(bits_put(0, 63, 0, UINT64_MAX), UINT64_MAX);
	assert_int_equal(bits_put(5, 63, 63, 1), BIT(63) | 5);
}

static void put_then_get_gives_the_field_at_every_place(void **state)
{
	const uint64_t background = 0xa5a5a5a55a5a5a5a;

	(void)state;
	for (unsigned low = 0; low < 64; low++) {
		for (unsigned high = low; high < 64; high++) {
			uint64_t field = 0x123456789abcdef1 & BITS_MASK(high - low, 0);
			uint64_t value = bits_put(background, high, low, field);

			assert_int_equal(bits_get(value, high, low), field);
			assert_int_equal(
				value & ~BITS_MASK(high, low), background & ~BITS_MASK(high, low));
		}
	}
}

static void alignment_goes_to_the_boundary(void **state)
{
	(void)state;
	assert_true(is_aligned(0, PAGE_SIZE_4K));
	assert_false(is_aligned(PAGE_SIZE_4K + 1, PAGE_SIZE_4K));
	assert_int_equal(align_down(0x1fff, PAGE_SIZE_4K), 0x1000);
	assert_int_equal(align_up(0x1001, PAGE_SIZE_4K), 0x2000);
	assert_int_equal(align_up(0x1000, PAGE_SIZE_4K), 0x1000);
	assert_int_equal(align_up(UINT64_MAX, PAGE_SIZE_4K), 0);
}

static void range_fits_never_overflows(void **state)
{
	(void)state;
	assert_true(range_fits(0, 16, 16));
	assert_true(range_fits(16, 0, 16));
	assert_false(range_fits(17, 0, 16));
	assert_false(range_fits(1, 16, 16));
	assert_false(range_fits(UINT64_MAX, 2, 16));
	assert_false(range_fits(2, UINT64_MAX, 16));
	assert_true(range_fits(0, UINT64_MAX, UINT64_MAX));
	assert_false(range_fits(UINT64_MAX, UINT64_MAX, UINT64_MAX));
}

static void ranges_that_touch_do_not_overlap(void **state)
{
	(void)state;
	assert_false(ranges_overlap(0, 16, 16, 16));
	assert_false(ranges_overlap(16, 16, 0, 16));
	assert_true(ranges_overlap(0, 17, 16, 16));
	assert_true(ranges_overlap(4, 1, 0, 16));
	assert_true(ranges_overlap(0, 16, 4, 1));
}

static void empty_ranges_overlap_nothing(void **state)
{
	(void)state;
	assert_false(ranges_overlap(4, 0, 0, 16));
	assert_false(ranges_overlap(0, 16, 4, 0));
	assert_false(ranges_overlap(4, 0, 4, 0));
}

static void ranges_overlap_reaches_the_top(void **state)
{
	(void)state;
	assert_true(ranges_overlap(UINT64_MAX, 1, 0xfffffffffffff000, 0x1000));
	assert_false(ranges_overlap(UINT64_MAX, 1, 0, 0x1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mask_has_both_ends),
		cmocka_unit_test(get_moves_the_field_down),
		cmocka_unit_test(put_changes_the_field_only),
		cmocka_unit_test(put_then_get_gives_the_field_at_every_place),
		cmocka_unit_test(alignment_goes_to_the_boundary),
		cmocka_unit_test(range_fits_never_overflows),
		cmocka_unit_test(ranges_that_touch_do_not_overlap),
		cmocka_unit_test(empty_ranges_overlap_nothing),
		cmocka_unit_test(ranges_overlap_reaches_the_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
