/* SPDX-License-Identifier: MIT */
/* SOURCES: lib/format.c */
#include "lib/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	TEXT_BYTES = 256,
	ROUNDS = 200000,
	CANARY = 0x5a,
};

/*
 * Both print the same into a buffer of the same size, return the same, and write nothing else.
 * The arguments are evaluated twice.
 */
#define assert_same(size_bytes, ...)                                                               \
	do {                                                                                       \
		char ours_[TEXT_BYTES];                                                            \
		char library_[TEXT_BYTES];                                                         \
		memset(ours_, CANARY, sizeof(ours_));                                              \
		memset(library_, CANARY, sizeof(library_));                                        \
		assert_int_equal(format(ours_, size_bytes, __VA_ARGS__),                           \
			snprintf(library_, size_bytes, __VA_ARGS__));                              \
		assert_memory_equal(ours_, library_, sizeof(ours_));                               \
	} while (0)

static unsigned pick(unsigned count)
{
	return (unsigned)rand() % count;
}

/* Values of every magnitude, and often the edges. */
static uint64_t random_value(void)
{
	static const uint64_t edges[] = {0, 1, UINT64_MAX, INT64_MAX, 1ULL << 63, INT32_MAX,
		1ULL << 31, UINT32_MAX, 255, 128};
	uint64_t value = 0;

	if (pick(4) == 0) {
		return edges[pick(ARRAY_COUNT(edges))];
	}
	for (int i = 0; i < 5; i++) {
		value = value << 15 | ((unsigned)rand() & 0x7fff);
	}
	return value >> pick(64);
}

/* Writes "<%FLAGS WIDTH PRECISION LENGTH TYPE>" without what C11 leaves undefined. */
static void random_template(char *template, char type, const char *length)
{
	bool is_number = type != 's' && type != 'c';
	bool is_hex = type == 'x' || type == 'X';
	char *end = template;

	end += sprintf(end, "<%%%s%s%s", pick(3) == 0 ? "-" : "",
		is_number && pick(3) == 0 ? "0" : "", is_hex && pick(3) == 0 ? "#" : "");
	end += pick(2) == 0 ? sprintf(end, "%u", 1 + pick(30)) : 0;
	end += type != 'c' && pick(3) == 0 ? sprintf(end, ".%u", pick(25)) : 0;
	sprintf(end, "%s%c>", length, type);
}

static void numbers_are_the_librarys(void **state)
{
	static const char types[] = {'d', 'i', 'u', 'x', 'X'};
	static const char *const lengths[] = {"", "hh", "h", "l", "ll", "z"};

	(void)state;
	srand(1);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t value = random_value();
		unsigned length = pick(ARRAY_COUNT(lengths));
		size_t size_bytes = pick(4) == 0 ? pick(20) : TEXT_BYTES;
		char template[TEXT_BYTES];

		random_template(template, types[pick(ARRAY_COUNT(types))], lengths[length]);
		if (length < 3) {
			assert_same(size_bytes, template, (unsigned)value);
		} else {
			assert_same(size_bytes, template, value);
		}
	}
}

static void strings_and_characters_are_the_librarys(void **state)
{
	static const char *const texts[] = {"", "a", "hello", "a longer text, with blanks  in it"};

	(void)state;
	srand(2);
	for (int round = 0; round < ROUNDS / 10; round++) {
		size_t size_bytes = pick(4) == 0 ? pick(20) : TEXT_BYTES;
		const char *text = texts[pick(ARRAY_COUNT(texts))];
		int character = (int)pick(256);
		char template[TEXT_BYTES];

		random_template(template, 's', "");
		assert_same(size_bytes, template, text);
		random_template(template, 'c', "");
		assert_same(size_bytes, template, character);
	}
}

static void star_takes_width_and_precision_from_the_arguments(void **state)
{
	(void)state;
	for (int width = -12; width <= 12; width++) {
		assert_same(TEXT_BYTES, "<%*d>", width, 42);
		assert_same(TEXT_BYTES, "<%0*x>", width, 0x42u);
		assert_same(TEXT_BYTES, "<%*.*s>", width, width, "hello");
		assert_same(TEXT_BYTES, "<%.*s>", width, "hello");
		assert_same(TEXT_BYTES, "<%-*.*lx>", width, width, 0xabcdefUL);
	}
}

static void several_conversions_take_their_arguments_in_order(void **state)
{
	(void)state;
	assert_same(TEXT_BYTES, "%s: %d%% of %#lx %c%c %hhu %zu %lld", "ept", 50, 0xfee00000UL, 'o',
		'k', 7, sizeof(int), -5LL);
}

static void more_arguments_than_registers_are_found(void **state)
{
	(void)state;
	assert_same(TEXT_BYTES, "%d %lx %d %lx %d %lx %d %lx %d %lx", 1, 2UL, 3, 4UL, 5, 6UL, 7,
		8UL, 9, 10UL);
}

static void precision_reads_no_byte_beyond(void **state)
{
	char *text = malloc(3);
	char buffer[TEXT_BYTES];

	(void)state;
	assert_non_null(text);
	memcpy(text, "abc", 3);
	assert_int_equal(format(buffer, sizeof(buffer), "%.3s", text), 3);
	assert_string_equal(buffer, "abc");
	free(text);
}

static void null_string_is_said_to_be_null(void **state)
{
	const char *volatile text = NULL;
	char buffer[TEXT_BYTES];

	(void)state;
	format(buffer, sizeof(buffer), "<%s>", text);
	assert_string_equal(buffer, "<(null)>");
}

static void pointers_are_hex_with_0x(void **state)
{
	char buffer[TEXT_BYTES];

	(void)state;
	assert_same(TEXT_BYTES, "<%p> <%20p>", (void *)0xfee00000, (void *)UINT64_MAX);
	format(buffer, sizeof(buffer), "%p", NULL);
	assert_string_equal(buffer, "0x0");
}

static void unknown_conversion_is_printed_as_it_stands(void **state)
{
	static const char *const templates[] = {"%q", "%", "%-", "%08", "a%lly", "%5.2!x", "%l"};
	char buffer[TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(templates); i++) {
		assert_int_equal(
			format(buffer, sizeof(buffer), templates[i], 0), strlen(templates[i]));
		assert_string_equal(buffer, templates[i]);
	}
}

static void text_is_cut_to_the_size(void **state)
{
	(void)state;
	assert_int_equal(format(NULL, 0, "%s", "hello"), 5);
	/* volatile: the compiler warns of the cut that is wanted here. */
	for (volatile size_t size_bytes = 0; size_bytes < 9; size_bytes++) {
		assert_same(size_bytes, "%s-%d", "hello", 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_the_librarys),
		cmocka_unit_test(strings_and_characters_are_the_librarys),
		cmocka_unit_test(star_takes_width_and_precision_from_the_arguments),
		cmocka_unit_test(several_conversions_take_their_arguments_in_order),
		cmocka_unit_test(more_arguments_than_registers_are_found),
		cmocka_unit_test(precision_reads_no_byte_beyond),
		cmocka_unit_test(null_string_is_said_to_be_null),
		cmocka_unit_test(pointers_are_hex_with_0x),
		cmocka_unit_test(unknown_conversion_is_printed_as_it_stands),
		cmocka_unit_test(text_is_cut_to_the_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
