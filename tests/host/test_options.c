/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/options.c cpu/serial.c lib/choice.c lib/command_line.c lib/format.c
 * lib/status.c */
#include "boot/options.h"
#include "fake_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct options parse(const char *command_line)
{
	struct options options;

	fake_log_clear();
	options_parse(command_line, &options);
	return options;
}

static void assert_defaults(const struct options *options)
{
	assert_int_equal(options->mode, BOOT_MODE_RUN);
	assert_int_equal(options->console.base, 0x3f8);
	assert_int_equal(options->console.speed, 115200);
	assert_int_equal(options->guest_serial.base, 0);
	assert_true(options->has_screen);
	assert_int_equal(options->end, END_ACTION_HALT);
	assert_int_equal(options->apic, APIC_AUTO);
	assert_int_equal(options->timer, TIMER_AUTO);
	assert_int_equal(options->large_pages, LARGE_PAGES_AUTO);
	assert_int_equal(options->cpus, 0);
	assert_false(options->are_guests_in_turn);
}

static void an_empty_line_gives_the_defaults(void **state)
{
	struct options options = parse("");

	(void)state;
	assert_defaults(&options);
	options = parse(" \t ");
	assert_defaults(&options);
	assert_string_equal(fake_log_text(), "");
}

static void every_option_is_read(void **state)
{
	struct options options =
		parse("mode=doctor console=com3,38400 guest_serial=0x2f8,9600 screen=off end=reset "
		      "apic=software timer=host large_pages=split cpus=3");

	(void)state;
	assert_int_equal(options.mode, BOOT_MODE_DOCTOR);
	assert_int_equal(options.console.base, 0x3e8);
	assert_int_equal(options.console.speed, 38400);
	assert_int_equal(options.guest_serial.base, 0x2f8);
	assert_int_equal(options.guest_serial.speed, 9600);
	assert_false(options.has_screen);
	assert_int_equal(options.end, END_ACTION_RESET);
	assert_int_equal(options.apic, APIC_SOFTWARE);
	assert_int_equal(options.timer, TIMER_HOST);
	assert_int_equal(options.large_pages, LARGE_PAGES_SPLIT);
	assert_int_equal(options.cpus, 3);
	assert_string_equal(fake_log_text(), "");
}

static void every_word_of_a_choice_is_known(void **state)
{
	(void)state;
	assert_int_equal(parse("mode=run").mode, BOOT_MODE_RUN);
	assert_int_equal(parse("mode=selftest").mode, BOOT_MODE_SELFTEST);
	assert_int_equal(parse("mode=trap").mode, BOOT_MODE_TRAP);
	assert_int_equal(parse("end=halt").end, END_ACTION_HALT);
	assert_int_equal(parse("end=poweroff").end, END_ACTION_POWEROFF);
	assert_true(parse("screen=on").has_screen);
	assert_int_equal(parse("apic=auto").apic, APIC_AUTO);
	assert_int_equal(parse("apic=hardware").apic, APIC_HARDWARE);
	assert_int_equal(parse("timer=auto").timer, TIMER_AUTO);
	assert_int_equal(parse("large_pages=executable").large_pages, LARGE_PAGES_EXECUTABLE);
	assert_int_equal(parse("large_pages=auto").large_pages, LARGE_PAGES_AUTO);
	assert_true(parse("guests=inturn").are_guests_in_turn);
	assert_false(parse("guests=inturn guests=together").are_guests_in_turn);
	assert_int_equal(parse("cpus=1").cpus, 1);
	assert_int_equal(parse("cpus=64").cpus, 64);
	assert_int_equal(parse("console=com1").console.base, 0x3f8);
	assert_int_equal(parse("console=com2").console.base, 0x2f8);
	assert_int_equal(parse("console=com4").console.base, 0x2e8);
	assert_string_equal(fake_log_text(), "");
}

static void none_and_console_mean_no_port(void **state)
{
	struct options options = parse("console=none guest_serial=com2 guest_serial=console");

	(void)state;
	assert_int_equal(options.console.base, 0);
	assert_int_equal(options.guest_serial.base, 0);
	assert_string_equal(fake_log_text(), "");
}

static void a_wrong_word_is_named_and_changes_nothing(void **state)
{
	static const char *const words[] = {
		"mode=fly",
		"mode=",
		"mode",
		"Mode=run",
		"screen=maybe",
		"end=explode",
		"apic=firm",
		"large_pages=some",
		"timer=preemption",
		"guests=both",
		"guests",
		"cpus=0",
		"cpus=65",
		"cpus=all",
		"cpus=-1",
		"console=com5",
		"console=com1,",
		"console=com1,12345",
		"console=com1,115200,8",
		"console=,9600",
		"console=0xfffc",
		"console=0x10000",
		"console=0",
		"console=com1,0x100000001",
		"guest_serial=none",
		"guest_serial=-1",
		"nonsense",
		"nonsense=1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		struct options options = parse(words[i]);

		assert_defaults(&options);
		assert_non_null(strstr(fake_log_text(), "warning: options: "));
		assert_non_null(strstr(fake_log_text(), words[i]));
	}
}

static void what_follows_a_wrong_word_is_still_read(void **state)
{
	struct options options = parse("mode=doctor mode=fly end=reset");

	(void)state;
	assert_int_equal(options.mode, BOOT_MODE_DOCTOR);
	assert_int_equal(options.end, END_ACTION_RESET);
}

static void words_behind_the_dashes_are_not_ours(void **state)
{
	struct options options = parse("end=reset -- mode=doctor nonsense");

	(void)state;
	assert_int_equal(options.mode, BOOT_MODE_RUN);
	assert_string_equal(fake_log_text(), "");
}

static void overlong_and_unended_words_are_passed_over(void **state)
{
	char line[2048];
	struct options options;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(&line[sizeof(line) - sizeof(" end=reset")], " end=reset", sizeof(" end=reset"));
	options = parse(line);
	assert_int_equal(options.end, END_ACTION_RESET);
	assert_non_null(strstr(fake_log_text(), "warning: options: "));
	options = parse("mode=doctor \"end=reset");
	assert_int_equal(options.mode, BOOT_MODE_DOCTOR);
	assert_int_equal(options.end, END_ACTION_HALT);
	assert_non_null(strstr(fake_log_text(), "warning: options: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_line_gives_the_defaults),
		cmocka_unit_test(every_option_is_read),
		cmocka_unit_test(every_word_of_a_choice_is_known),
		cmocka_unit_test(none_and_console_mean_no_port),
		cmocka_unit_test(a_wrong_word_is_named_and_changes_nothing),
		cmocka_unit_test(what_follows_a_wrong_word_is_still_read),
		cmocka_unit_test(words_behind_the_dashes_are_not_ours),
		cmocka_unit_test(overlong_and_unended_words_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
