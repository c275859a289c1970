/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/tick_histogram.c lib/format.c */
#include "vm/tick_histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_duration_counts_in_the_bin_of_its_highest_bit(void **state)
{
	struct tick_histogram histogram = {0};

	(void)state;
	for (unsigned bit = 0; bit < TICK_HISTOGRAM_BINS; bit++) {
		tick_histogram_add(&histogram, 1ull << bit);
		tick_histogram_add(&histogram, (2ull << bit) - 1);
		assert_int_equal(histogram.bins[bit], 2);
	}
	assert_int_equal(tick_histogram_count(&histogram), 2 * TICK_HISTOGRAM_BINS);
}

static void no_ticks_count_as_one(void **state)
{
	struct tick_histogram histogram = {0};

	(void)state;
	tick_histogram_add(&histogram, 0);
	assert_int_equal(histogram.bins[0], 1);
}

static void merging_goes_bin_by_bin(void **state)
{
	struct tick_histogram sum = {.bins = {[3] = 5, [63] = 1}};
	const struct tick_histogram part = {.bins = {[3] = 2, [7] = 4}};

	(void)state;
	tick_histogram_merge(&sum, &part);
	assert_int_equal(sum.bins[3], 7);
	assert_int_equal(sum.bins[7], 4);
	assert_int_equal(sum.bins[63], 1);
}

static void the_text_names_the_bins_that_are_not_empty(void **state)
{
	const struct tick_histogram histogram = {.bins = {[5] = 10, [6] = 2, [63] = 1}};
	char text[64];

	(void)state;
	assert_int_equal(tick_histogram_format(&histogram, text, sizeof(text)), 19);
	assert_string_equal(text, "2^5:10 2^6:2 2^63:1");
}

static void a_text_that_does_not_fit_is_cut(void **state)
{
	const struct tick_histogram histogram = {.bins = {[5] = 10, [6] = 2, [7] = 3}};
	char text[9];

	(void)state;
	assert_int_equal(tick_histogram_format(&histogram, text, sizeof(text)), 18);
	assert_string_equal(text, "2^5:10 2");
	assert_true(tick_histogram_format(&histogram, text, 1) >= 1);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_duration_counts_in_the_bin_of_its_highest_bit),
		cmocka_unit_test(no_ticks_count_as_one),
		cmocka_unit_test(merging_goes_bin_by_bin),
		cmocka_unit_test(the_text_names_the_bins_that_are_not_empty),
		cmocka_unit_test(a_text_that_does_not_fit_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
