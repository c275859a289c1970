/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/guest_console.c lib/format.c tests/host/console_output.c */
#include "vm/guest_console.h"

#include "cpu/console.h"
#include "tests/host/console_output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_raw;

static bool raw_byte(void *context, uint8_t byte)
{
	assert_ptr_equal(context, &is_raw);
	if (is_raw) {
		console_write(&byte, 1);
	}
	return is_raw;
}

static struct guest_console started(void)
{
	console_output_clear();
	return (struct guest_console){.name = "vm0"};
}

static void put(struct guest_console *console, const char *text)
{
	for (; *text != '\0'; text++) {
		guest_console_put(console, (uint8_t)*text);
	}
}

static void a_line_comes_out_when_it_ends(void **state)
{
	struct guest_console console = started();

	(void)state;
	put(&console, "hello");
	assert_string_equal(console_output, "");
	put(&console, "\r\n");
	assert_string_equal(console_output, "vm0| hello\n");
}

static void empty_lines_stay(void **state)
{
	struct guest_console console = started();

	(void)state;
	put(&console, "\n\r\n");
	assert_string_equal(console_output, "vm0|\nvm0|\n");
}

static void control_bytes_do_not_reach_the_terminal(void **state)
{
	struct guest_console console = started();

	(void)state;
	put(&console, "a\x1b[31m\x07\x7f\x80\xff\tb");
	guest_console_put(&console, 0);
	put(&console, "\n");
	assert_string_equal(console_output, "vm0| a.[31m....\tb.\n");
}

static void a_percent_sign_is_text(void **state)
{
	struct guest_console console = started();

	(void)state;
	put(&console, "%s%n%100d\n");
	assert_string_equal(console_output, "vm0| %s%n%100d\n");
}

static void a_line_of_full_width_is_one_line(void **state)
{
	struct guest_console console = started();
	char want[256] = "vm0| ";

	(void)state;
	for (int i = 0; i < GUEST_CONSOLE_LINE_MAX; i++) {
		put(&console, "x");
		strcat(want, "x");
	}
	put(&console, "\n");
	strcat(want, "\n");
	assert_string_equal(console_output, want);
}

static void a_longer_line_goes_on_in_the_next(void **state)
{
	struct guest_console console = started();
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 2 * GUEST_CONSOLE_LINE_MAX + 1; i++) {
		put(&console, "x");
	}
	guest_console_flush(&console);
	for (size_t i = 0; i < console_output_length; i++) {
		lines += console_output[i] == '\n';
	}
	assert_int_equal(lines, 3);
	assert_string_equal(console_output + console_output_length - 7, "vm0| x\n");
}

static void flush_puts_out_what_was_begun_and_nothing_else(void **state)
{
	struct guest_console console = started();

	(void)state;
	guest_console_flush(&console);
	assert_string_equal(console_output, "");
	put(&console, "half");
	guest_console_flush(&console);
	guest_console_flush(&console);
	assert_string_equal(console_output, "vm0| half\n");
}

static void raw_bytes_go_out_as_they_are(void **state)
{
	struct guest_console console = started();

	(void)state;
	console.raw_byte = raw_byte;
	console.context = &is_raw;
	is_raw = true;
	put(&console, "a\r\n\x1b\xff");
	guest_console_flush(&console);
	assert_string_equal(console_output, "a\r\n\x1b\xff");
}

static void a_line_that_is_another_guests_now_takes_no_raw_byte(void **state)
{
	struct guest_console console = started();

	(void)state;
	console.raw_byte = raw_byte;
	console.context = &is_raw;
	is_raw = false;
	put(&console, "a\r\n\x1b\n");
	assert_string_equal(console_output, "vm0| a\nvm0| .\n");
}

static void the_longest_name_fits(void **state)
{
	struct guest_console console = started();
	char name[32];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	console.name = name;
	for (int i = 0; i < GUEST_CONSOLE_LINE_MAX; i++) {
		put(&console, "x");
	}
	put(&console, "\n");
	assert_int_equal(console_output_length, 31 + 2 + GUEST_CONSOLE_LINE_MAX + 1);
	assert_int_equal(console_output[console_output_length - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_comes_out_when_it_ends),
		cmocka_unit_test(empty_lines_stay),
		cmocka_unit_test(control_bytes_do_not_reach_the_terminal),
		cmocka_unit_test(a_percent_sign_is_text),
		cmocka_unit_test(a_line_of_full_width_is_one_line),
		cmocka_unit_test(a_longer_line_goes_on_in_the_next),
		cmocka_unit_test(flush_puts_out_what_was_begun_and_nothing_else),
		cmocka_unit_test(raw_bytes_go_out_as_they_are),
		cmocka_unit_test(a_line_that_is_another_guests_now_takes_no_raw_byte),
		cmocka_unit_test(the_longest_name_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
