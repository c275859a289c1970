/* SPDX-License-Identifier: MIT */
/* SOURCES: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * The test program needs the C library's functions of these names, as cmocka and the sanitizers do:
 * so ours are compiled right here under other names, and held against the library's.
 */
#define memcpy  trivet_memcpy
#define memmove trivet_memmove
#define memset  trivet_memset
#define memcmp  trivet_memcmp
#define strlen  trivet_strlen
#define strcmp  trivet_strcmp
#define strncmp trivet_strncmp
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp

enum {
	ARENA_BYTES = 96,
	SIZE_MAX_TRIED = 40,
};

static uint8_t ours[ARENA_BYTES];
static uint8_t library[ARENA_BYTES];

static void fill_arenas(void)
{
	for (size_t i = 0; i < ARENA_BYTES; i++) {
		ours[i] = library[i] = (uint8_t)(rand() & UINT8_MAX);
	}
}

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void memmove_is_the_librarys_for_every_overlap(void **state)
{
	(void)state;
	for (size_t to = 0; to < SIZE_MAX_TRIED; to++) {
		for (size_t from = 0; from < SIZE_MAX_TRIED; from++) {
			size_t size = (size_t)rand() % SIZE_MAX_TRIED;

			fill_arenas();
			assert_ptr_equal(trivet_memmove(ours + to, ours + from, size), ours + to);
			memmove(library + to, library + from, size);
			assert_memory_equal(ours, library, ARENA_BYTES);
		}
	}
}

static void memcpy_is_the_librarys_for_every_size_and_alignment(void **state)
{
	uint8_t source[ARENA_BYTES];

	(void)state;
	for (size_t i = 0; i < ARENA_BYTES; i++) {
		source[i] = (uint8_t)(i * 7 + 1);
	}
	for (size_t size = 0; size < SIZE_MAX_TRIED; size++) {
		for (size_t offset = 0; offset < 16; offset++) {
			size_t from = (offset * 5 + size) % 16;

			fill_arenas();
			assert_ptr_equal(
				trivet_memcpy(ours + offset, source + from, size), ours + offset);
			memcpy(library + offset, source + from, size);
			assert_memory_equal(ours, library, ARENA_BYTES);
		}
	}
}

static void memset_is_the_librarys_for_every_size_and_alignment(void **state)
{
	(void)state;
	for (size_t size = 0; size < SIZE_MAX_TRIED; size++) {
		for (size_t offset = 0; offset < 16; offset++) {
			int byte = rand() - RAND_MAX / 2;

			fill_arenas();
			assert_ptr_equal(trivet_memset(ours + offset, byte, size), ours + offset);
			memset(library + offset, byte, size);
			assert_memory_equal(ours, library, ARENA_BYTES);
		}
	}
}

static void no_function_touches_a_byte_beyond(void **state)
{
	(void)state;
	for (size_t size = 1; size < SIZE_MAX_TRIED; size++) {
		uint8_t *from = calloc(1, size);
		uint8_t *to = malloc(size);

		assert_non_null(from);
		assert_non_null(to);
		trivet_memcpy(to, from, size);
		trivet_memmove(to, from, size);
		assert_int_equal(trivet_memcmp(to, from, size), 0);
		trivet_memset(to, 1, size);
		to[size - 1] = 0;
		assert_int_equal(trivet_strlen((const char *)to), size - 1);
		assert_int_equal(trivet_strncmp((const char *)from, (const char *)from, size), 0);
		free(from);
		free(to);
	}
}

static void memcmp_compares_unsigned_bytes(void **state)
{
	(void)state;
	assert_true(trivet_memcmp("\x80", "\x7f", 1) > 0);
	assert_true(trivet_memcmp("\x7f", "\x80", 1) < 0);
	assert_int_equal(trivet_memcmp("a", "b", 0), 0);
	assert_int_equal(trivet_memcmp("a\0b", "a\0b", 3), 0);
	assert_true(trivet_memcmp("a\0b", "a\0c", 3) < 0);
}

static void string_compares_are_the_librarys(void **state)
{
	static const char *const texts[] = {
		"", "a", "ab", "abc", "abd", "b", "\x80", "\xff", "a\x80", "aa"};
	const size_t count = sizeof(texts) / sizeof(texts[0]);

	(void)state;
	for (size_t i = 0; i < count * count; i++) {
		const char *left = texts[i / count];
		const char *right = texts[i % count];

		assert_int_equal(sign(trivet_strcmp(left, right)), sign(strcmp(left, right)));
		for (size_t max = 0; max < 5; max++) {
			assert_int_equal(sign(trivet_strncmp(left, right, max)),
				sign(strncmp(left, right, max)));
		}
	}
}

static void strlen_counts_to_the_nul(void **state)
{
	(void)state;
	assert_int_equal(trivet_strlen(""), 0);
	assert_int_equal(trivet_strlen("a\xff\0b"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memmove_is_the_librarys_for_every_overlap),
		cmocka_unit_test(memcpy_is_the_librarys_for_every_size_and_alignment),
		cmocka_unit_test(memset_is_the_librarys_for_every_size_and_alignment),
		cmocka_unit_test(no_function_touches_a_byte_beyond),
		cmocka_unit_test(memcmp_compares_unsigned_bytes),
		cmocka_unit_test(string_compares_are_the_librarys),
		cmocka_unit_test(strlen_counts_to_the_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
