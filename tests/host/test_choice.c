/* SPDX-License-Identifier: MIT */
/* SOURCES: lib/choice.c lib/format.c */
#include "lib/choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum colour { COLOUR_RED, COLOUR_GREEN, COLOUR_BLUE };

struct thing {
	uint8_t before;
	bool is_large;
	uint8_t between;
	enum colour colour;
	uint8_t behind;
};

static const struct choice colours[] = {
	{"red", COLOUR_RED}, {"green", COLOUR_GREEN}, {"blue", COLOUR_BLUE}};
static const struct choice sizes[] = {{"small", false}, {"large", true}};
static const struct choice lonely[] = {{"only", 7}};
static const struct choice_option options[] = {
	CHOICE_OPTION("colour", colours, struct thing, colour),
	CHOICE_OPTION("size", sizes, struct thing, is_large),
	CHOICE_OPTION("lonely", lonely, struct thing, colour),
};

static void options_are_found_by_their_key(void **state)
{
	(void)state;
	assert_ptr_equal(choice_option_find(options, 3, "size"), &options[1]);
	assert_null(choice_option_find(options, 1, "size"));
	assert_null(choice_option_find(options, 3, "siz"));
	assert_null(choice_option_find(options, 3, ""));
}

static void words_set_their_field_and_no_other(void **state)
{
	struct thing thing;

	(void)state;
	memset(&thing, 0x55, sizeof(thing));
	assert_true(choice_take(&options[0], "blue", &thing));
	assert_true(choice_take(&options[1], "large", &thing));
	assert_int_equal(thing.colour, COLOUR_BLUE);
	assert_true(thing.is_large);
	assert_true(choice_take(&options[1], "small", &thing));
	assert_false(thing.is_large);
	assert_int_equal(thing.before, 0x55);
	assert_int_equal(thing.between, 0x55);
	assert_int_equal(thing.behind, 0x55);
}

static void other_words_change_nothing(void **state)
{
	struct thing thing = {.colour = COLOUR_GREEN};

	(void)state;
	assert_false(choice_take(&options[0], "blu", &thing));
	assert_false(choice_take(&options[0], "large", &thing));
	assert_false(choice_take(&options[0], "", &thing));
	assert_false(choice_take(&options[0], NULL, &thing));
	assert_int_equal(thing.colour, COLOUR_GREEN);
}

static void words_are_listed_as_in_a_sentence(void **state)
{
	char text[32];

	(void)state;
	choice_format(&options[0], text, sizeof(text));
	assert_string_equal(text, "red, green or blue");
	choice_format(&options[1], text, sizeof(text));
	assert_string_equal(text, "small or large");
	choice_format(&options[2], text, sizeof(text));
	assert_string_equal(text, "only");
	choice_format(&options[0], text, 8);
	assert_string_equal(text, "red, gr");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_found_by_their_key),
		cmocka_unit_test(words_set_their_field_and_no_other),
		cmocka_unit_test(other_words_change_nothing),
		cmocka_unit_test(words_are_listed_as_in_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
