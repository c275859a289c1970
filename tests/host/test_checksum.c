/* SPDX-License-Identifier: MIT */
/* SOURCES: lib/checksum.c */
#include "lib/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { WORDS = 16, BITS = 64 };

static void every_single_bit_changes_the_sum(void **state)
{
	uint64_t words[WORDS];
	uint64_t sum;

	(void)state;
	for (size_t i = 0; i < WORDS; i++) {
		words[i] = i * 0x0123456789abcdefull;
	}
	sum = checksum_words(words, WORDS);
	for (size_t i = 0; i < WORDS; i++) {
		for (unsigned bit = 0; bit < BITS; bit++) {
			words[i] ^= 1ull << bit;
			assert_int_not_equal(checksum_words(words, WORDS), sum);
			words[i] ^= 1ull << bit;
		}
	}
	assert_int_equal(checksum_words(words, WORDS), sum);
}

static void order_and_count_change_the_sum(void **state)
{
	static const uint64_t words[] = {1, 2, 0};
	static const uint64_t swapped[] = {2, 1, 0};

	(void)state;
	assert_int_not_equal(checksum_words(words, 2), checksum_words(swapped, 2));
	assert_int_not_equal(checksum_words(words, 2), checksum_words(words, 3));
	assert_int_not_equal(checksum_words(words, 0), checksum_words(&words[2], 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_single_bit_changes_the_sum),
		cmocka_unit_test(order_and_count_change_the_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
