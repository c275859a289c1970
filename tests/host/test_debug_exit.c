/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/debug_exit.c */
#include "devices/debug_exit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void write_is_cut_to_its_width(void **state)
{
	static const struct {
		unsigned width_bytes;
		uint32_t value;
	} rows[] = {{1, 0x78}, {2, 0x5678}, {4, 0xf2345678}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct debug_exit debug_exit = {0};

		debug_exit_write(&debug_exit, rows[i].width_bytes, 0xf2345678);
		assert_true(debug_exit.is_written);
		assert_int_equal(debug_exit.value, rows[i].value);
	}
}

static void zero_is_a_code_too(void **state)
{
	struct debug_exit debug_exit = {0};

	(void)state;
	debug_exit_write(&debug_exit, 1, 0xffffff00);
	assert_true(debug_exit.is_written);
	assert_int_equal(debug_exit.value, 0);
}

static void first_write_counts(void **state)
{
	struct debug_exit debug_exit = {0};

	(void)state;
	debug_exit_write(&debug_exit, 4, 1);
	debug_exit_write(&debug_exit, 4, 2);
	assert_int_equal(debug_exit.value, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_is_cut_to_its_width),
		cmocka_unit_test(zero_is_a_code_too),
		cmocka_unit_test(first_write_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
