/* SPDX-License-Identifier: MIT */
/* SOURCES: lib/command_line.c */
#include "lib/command_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_word(const char **cursor, const char *key, const char *value)
{
	struct command_line_word word;

	assert_int_equal(command_line_next(cursor, &word), STATUS_OK);
	assert_string_equal(word.key, key);
	if (value == NULL) {
		assert_null(word.value);
	} else {
		assert_non_null(word.value);
		assert_string_equal(word.value, value);
	}
}

static void assert_no_word(const char **cursor, const char *rest)
{
	struct command_line_word word;

	assert_int_equal(command_line_next(cursor, &word), STATUS_NOT_FOUND);
	assert_string_equal(*cursor, rest);
	assert_string_equal(word.key, "");
	assert_null(word.value);
}

static void words_are_split_at_blanks_and_tabs(void **state)
{
	const char *cursor = "  mode=run\t \tscreen=off flag ";

	(void)state;
	assert_word(&cursor, "mode", "run");
	assert_word(&cursor, "screen", "off");
	assert_word(&cursor, "flag", NULL);
	assert_no_word(&cursor, "");
	assert_no_word(&cursor, "");
}

static void empty_line_has_no_word(void **state)
{
	const char *cursor = "";
	const char *blanks = " \t ";

	(void)state;
	assert_no_word(&cursor, "");
	assert_no_word(&blanks, "");
}

static void value_begins_at_the_first_equals_sign(void **state)
{
	const char *cursor = "a=b=c d= =e =";

	(void)state;
	assert_word(&cursor, "a", "b=c");
	assert_word(&cursor, "d", "");
	assert_word(&cursor, "", "e");
	assert_word(&cursor, "", "");
	assert_no_word(&cursor, "");
}

static void quotes_keep_blanks_and_vanish(void **state)
{
	const char *cursor = "\"guest=my guest\" name=\"a  b\"c \"\" x\"\"y";

	(void)state;
	assert_word(&cursor, "guest", "my guest");
	assert_word(&cursor, "name", "a  bc");
	assert_word(&cursor, "", NULL);
	assert_word(&cursor, "xy", NULL);
	assert_no_word(&cursor, "");
}

static void backslash_takes_the_next_character_as_it_is(void **state)
{
	const char *cursor = "a\\ b=\\\"c\\\\ \"d\\\"e\" \\'f\\'";

	(void)state;
	assert_word(&cursor, "a b", "\"c\\");
	assert_word(&cursor, "d\"e", NULL);
	assert_word(&cursor, "'f'", NULL);
	assert_no_word(&cursor, "");
}

static void two_dashes_alone_end_the_options(void **state)
{
	const char *cursor = "guest=a -- root=/dev/sda";
	const char *last = "--";

	(void)state;
	assert_word(&cursor, "guest", "a");
	assert_no_word(&cursor, " root=/dev/sda");
	assert_no_word(&last, "");
}

static void two_dashes_in_a_word_or_in_quotes_end_nothing(void **state)
{
	const char *cursor = "--x --- \"--\" \\-- -- y";

	(void)state;
	assert_word(&cursor, "--x", NULL);
	assert_word(&cursor, "---", NULL);
	assert_word(&cursor, "--", NULL);
	assert_word(&cursor, "--", NULL);
	assert_no_word(&cursor, " y");
}

static void quote_without_end_is_invalid(void **state)
{
	static const char *const lines[] = {"\"", "a=\"b c", "a\\", "\"a\\", "\"a\\\""};
	struct command_line_word word;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		const char *cursor = lines[i];

		assert_int_equal(command_line_next(&cursor, &word), STATUS_INVALID);
		assert_string_equal(cursor, "");
		assert_no_word(&cursor, "");
	}
}

static void longest_word_fits_and_one_more_does_not(void **state)
{
	char line[COMMAND_LINE_WORD_MAX + 8];
	struct command_line_word word;
	const char *cursor = line;

	(void)state;
	memset(line, 'a', sizeof(line));
	line[1] = '=';
	strcpy(line + COMMAND_LINE_WORD_MAX - 1, " b");
	assert_int_equal(command_line_next(&cursor, &word), STATUS_OK);
	assert_int_equal(strlen(word.value), COMMAND_LINE_WORD_MAX - 3);
	assert_word(&cursor, "b", NULL);

	strcpy(line + COMMAND_LINE_WORD_MAX - 1, "a b");
	cursor = line;
	assert_int_equal(command_line_next(&cursor, &word), STATUS_RANGE);
	assert_int_equal(strlen(word.value), COMMAND_LINE_WORD_MAX - 3);
	assert_word(&cursor, "b", NULL);
}

static void assert_rest(const char *text, size_t size_bytes, enum status status, const char *want)
{
	char buffer[64];

	memset(buffer, 'x', sizeof(buffer));
	assert_int_equal(command_line_rest(text, buffer, size_bytes), status);
	assert_string_equal(buffer, want);
	assert_int_equal(buffer[sizeof(buffer) - 1], 'x');
}

static void rest_is_unquoted_with_single_blanks(void **state)
{
	(void)state;
	assert_rest(" root=/dev/sda \t  quiet ", 63, STATUS_OK, "root=/dev/sda quiet");
	assert_rest("\"a  b\"  c\\ \\ d", 63, STATUS_OK, "a  b c  d");
	assert_rest("  \"  a\"", 63, STATUS_OK, "  a");
	assert_rest("a -- b", 63, STATUS_OK, "a -- b");
	assert_rest(" \t ", 63, STATUS_OK, "");
	assert_rest("", 1, STATUS_OK, "");
}

static void rest_that_does_not_fit_is_cut(void **state)
{
	char untouched = 'x';

	(void)state;
	assert_rest("abc", 4, STATUS_OK, "abc");
	assert_rest("abc", 3, STATUS_RANGE, "ab");
	assert_rest("a b", 2, STATUS_RANGE, "a");
	assert_rest("abc", 1, STATUS_RANGE, "");
	assert_int_equal(command_line_rest("", &untouched, 0), STATUS_RANGE);
	assert_int_equal(untouched, 'x');
}

static void rest_with_a_broken_quote_is_invalid(void **state)
{
	(void)state;
	assert_rest("a \"b c", 63, STATUS_INVALID, "a b c");
	assert_rest("a\\", 63, STATUS_INVALID, "a");
}

typedef enum status (*reader)(const struct command_line_word *, uint64_t, uint64_t, uint64_t *);

static void assert_reads(reader read, const char *text, enum status status, uint64_t want)
{
	const uint64_t untouched = 77;
	struct command_line_word word = {.value = text};
	uint64_t number = untouched;

	assert_int_equal(read(&word, 0, UINT64_MAX, &number), status);
	assert_int_equal(number, status == STATUS_OK ? want : untouched);
}

static void number_is_decimal_or_hex(void **state)
{
	(void)state;
	assert_reads(command_line_number, "115200", STATUS_OK, 115200);
	assert_reads(command_line_number, "0x3F8", STATUS_OK, 0x3f8);
	assert_reads(command_line_number, "010", STATUS_OK, 10);
	assert_reads(command_line_number, "18446744073709551615", STATUS_OK, UINT64_MAX);
	assert_reads(command_line_number, "0xffffffffffffffff", STATUS_OK, UINT64_MAX);
	assert_reads(command_line_number, "000000000000000000000000000000001", STATUS_OK, 1);
}

static void strange_number_is_invalid(void **state)
{
	static const char *const texts[] = {
		NULL, "", "0x", "x", "1a", "-1", "+1", " 1", "1 ", "0xg", "1.5", "4K", "0X10"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		assert_reads(command_line_number, texts[i], STATUS_INVALID, 0);
	}
}

static void number_over_64_bits_is_out_of_range(void **state)
{
	(void)state;
	assert_reads(command_line_number, "18446744073709551616", STATUS_RANGE, 0);
	assert_reads(command_line_number, "18446744073709551617", STATUS_RANGE, 0);
	assert_reads(command_line_number, "184467440737095516150", STATUS_RANGE, 0);
	assert_reads(command_line_number, "0x10000000000000000", STATUS_RANGE, 0);
	assert_reads(command_line_number, "0x10000000000000000x", STATUS_INVALID, 0);
}

static void number_is_held_to_its_bounds(void **state)
{
	struct command_line_word word = {.value = "5"};
	uint64_t number = 0;

	(void)state;
	assert_int_equal(command_line_number(&word, 5, 5, &number), STATUS_OK);
	assert_int_equal(number, 5);
	assert_int_equal(command_line_number(&word, 6, 9, &number), STATUS_RANGE);
	assert_int_equal(command_line_number(&word, 0, 4, &number), STATUS_RANGE);
}

static void size_takes_a_suffix(void **state)
{
	(void)state;
	assert_reads(command_line_size, "4096", STATUS_OK, 4096);
	assert_reads(command_line_size, "4K", STATUS_OK, KIB(4));
	assert_reads(command_line_size, "128M", STATUS_OK, MIB(128));
	assert_reads(command_line_size, "2g", STATUS_OK, GIB(2));
	assert_reads(command_line_size, "0x10m", STATUS_OK, MIB(16));
	assert_reads(command_line_size, "17179869183G", STATUS_OK, GIB(17179869183));
}

static void strange_size_is_refused(void **state)
{
	static const char *const invalid[] = {
		NULL, "", "M", "4MB", "4KK", "4T", "4 M", "-4K", "0xK"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(invalid); i++) {
		assert_reads(command_line_size, invalid[i], STATUS_INVALID, 0);
	}
	assert_reads(command_line_size, "17179869184G", STATUS_RANGE, 0);
	assert_reads(command_line_size, "18446744073709551616K", STATUS_RANGE, 0);
	assert_reads(command_line_size, "17179869185G", STATUS_RANGE, 0);
}

static void size_is_held_to_its_bounds(void **state)
{
	struct command_line_word word = {.value = "4K"};
	uint64_t size_bytes = 0;

	(void)state;
	assert_int_equal(command_line_size(&word, KIB(4), KIB(4), &size_bytes), STATUS_OK);
	assert_int_equal(size_bytes, KIB(4));
	assert_int_equal(command_line_size(&word, KIB(4) + 1, MIB(1), &size_bytes), STATUS_RANGE);
	assert_int_equal(command_line_size(&word, 0, KIB(4) - 1, &size_bytes), STATUS_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split_at_blanks_and_tabs),
		cmocka_unit_test(empty_line_has_no_word),
		cmocka_unit_test(value_begins_at_the_first_equals_sign),
		cmocka_unit_test(quotes_keep_blanks_and_vanish),
		cmocka_unit_test(backslash_takes_the_next_character_as_it_is),
		cmocka_unit_test(two_dashes_alone_end_the_options),
		cmocka_unit_test(two_dashes_in_a_word_or_in_quotes_end_nothing),
		cmocka_unit_test(quote_without_end_is_invalid),
		cmocka_unit_test(longest_word_fits_and_one_more_does_not),
		cmocka_unit_test(rest_is_unquoted_with_single_blanks),
		cmocka_unit_test(rest_that_does_not_fit_is_cut),
		cmocka_unit_test(rest_with_a_broken_quote_is_invalid),
		cmocka_unit_test(number_is_decimal_or_hex),
		cmocka_unit_test(strange_number_is_invalid),
		cmocka_unit_test(number_over_64_bits_is_out_of_range),
		cmocka_unit_test(number_is_held_to_its_bounds),
		cmocka_unit_test(size_takes_a_suffix),
		cmocka_unit_test(strange_size_is_refused),
		cmocka_unit_test(size_is_held_to_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
