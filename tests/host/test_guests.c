/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/guests.c boot/guest_options.c lib/choice.c lib/command_line.c
 * lib/format.c lib/status.c */
#include "boot/guests.h"

#include "boot/demo_image.h"
#include "fake_log.h"
#include "hypercall/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

const uint8_t demo_image_start[8] = {0};
const uint8_t demo_image_end[8] = {0};

/* Has a test of its own. */
enum status hypercall_policy_parse(const char *list, uint64_t *refused_rows)
{
	*refused_rows = 1;
	return strcmp(list, "good") == 0 ? STATUS_OK : STATUS_INVALID;
}

static struct guest_list guests;
static struct boot_info info;
static uint8_t image[16];

static void add_line(const char *line)
{
	info.modules[info.module_count++] = (struct boot_module){image, sizeof(image), line};
}

static int set_up(void **state)
{
	(void)state;
	memset(&guests, 0xff, sizeof(guests));
	memset(&info, 0, sizeof(info));
	fake_log_clear();
	return 0;
}

/* Reads the lines added so far; wants as many guests. */
static void read_guests(size_t count)
{
	guests_from_modules(&info, &guests);
	assert_int_equal(guests.count, count);
}

static const struct guest_entry *only_guest(const char *line)
{
	(void)set_up(NULL);
	add_line(line);
	read_guests(1);
	return &guests.entries[0];
}

static void expect_error(const char *line, const char *error)
{
	const struct guest_entry *entry = only_guest(line);

	if (strstr(entry->error, error) == NULL) {
		fail_msg("%s: the error is: %s", line, entry->error);
	}
}

static void a_name_is_enough(void **state)
{
	const struct guest_entry *entry = only_guest("guest=one");

	(void)state;
	assert_string_equal(entry->error, "");
	assert_string_equal(entry->config.name, "one");
	assert_int_equal(entry->config.kind, VM_KIND_GUESS);
	assert_int_equal(entry->config.populate, VM_POPULATE_BOOT);
	assert_int_equal(entry->config.memory_size_bytes, MIB(128));
	assert_string_equal(entry->config.command_line, "");
	assert_int_equal(entry->config.module_count, 0);
	assert_ptr_equal(entry->config.image.bytes, image);
	assert_int_equal(entry->config.image.size_bytes, sizeof(image));
	assert_string_equal(entry->config.image.name, "one");
}

static void all_options_are_taken_in_any_order(void **state)
{
	const struct guest_entry *entry =
		only_guest("mem=64M populate=touch guest=a.b_c-d+9 kind=flat -- quiet x=1");

	(void)state;
	assert_string_equal(entry->error, "");
	assert_string_equal(entry->config.name, "a.b_c-d+9");
	assert_int_equal(entry->config.kind, VM_KIND_FLAT);
	assert_int_equal(entry->config.populate, VM_POPULATE_TOUCH);
	assert_int_equal(entry->config.memory_size_bytes, MIB(64));
	assert_string_equal(entry->config.command_line, "quiet x=1");
	assert_int_equal(only_guest("guest=a kind=multiboot")->config.kind, VM_KIND_MULTIBOOT);
	assert_int_equal(only_guest("guest=a kind=linux")->config.kind, VM_KIND_LINUX);
	assert_int_equal(only_guest("guest=a populate=boot")->config.populate, VM_POPULATE_BOOT);
}

static void bad_words_make_a_guest_that_is_not_started(void **state)
{
	(void)state;
	expect_error("guest=a memory=5M", "unknown option \"memory\"");
	expect_error("guest=a quiet", "unknown option \"quiet\"");
	expect_error("guest=a initrd=a", "unknown option \"initrd\"");
	expect_error("guest=a kind=elf", "option kind must be multiboot, flat or linux");
	expect_error("guest=a kind", "option kind must be");
	expect_error("guest=a populate=never", "option populate must be boot or touch");
	expect_error("guest=a mem=lots", "option mem must be a size");
	expect_error("guest=a mem", "option mem must be a size");
	expect_error("guest=a kind=x mem=y", "option kind");
}

static void names_have_safe_characters(void **state)
{
	(void)state;
	expect_error("guest=", "option guest must be a name");
	expect_error("guest=a/b", "option guest must be a name");
	expect_error("guest=a\x1b[m", "option guest must be a name");
	expect_error("\"guest=a b\"", "option guest must be a name");
	expect_error("guest=0123456789012345678901234567890x", "option guest must be a name");
	assert_string_equal(only_guest("guest=0123456789012345678901234567890")->error, "");
}

static void memory_has_bounds_and_whole_pages(void **state)
{
	(void)state;
	assert_int_equal(only_guest("guest=a mem=1M")->config.memory_size_bytes, MIB(1));
	assert_int_equal(only_guest("guest=a mem=512G")->config.memory_size_bytes, GIB(512));
	assert_string_equal(only_guest("guest=a mem=1028K")->error, "");
	expect_error("guest=a mem=1027K", "option mem");
	expect_error("guest=a mem=1048577", "option mem");
	expect_error("guest=a mem=1023K", "option mem");
	expect_error("guest=a mem=513G", "option mem");
	expect_error("guest=a mem=0", "option mem");
	expect_error("guest=a mem=99999999999999999999", "option mem");
	expect_error("guest=a mem=18014398509481985K", "option mem");
}

static void processors_and_weight_have_bounds(void **state)
{
	(void)state;
	assert_int_equal(only_guest("guest=a")->config.vcpu_count, 1);
	assert_int_equal(only_guest("guest=a vcpus=64")->config.vcpu_count, 64);
	assert_int_equal(only_guest("guest=a")->config.weight, 256);
	assert_int_equal(only_guest("guest=a weight=1")->config.weight, 1);
	assert_int_equal(only_guest("guest=a weight=1024")->config.weight, 1024);
	expect_error("guest=a vcpus=0", "option vcpus must be a number from 1 to 64");
	expect_error("guest=a vcpus=65", "option vcpus must be");
	assert_int_equal(guests.entries[0].config.vcpu_count, 1);
	expect_error("guest=a vcpus=4294967297", "option vcpus must be");
	expect_error("guest=a vcpus", "option vcpus must be");
	expect_error("guest=a vcpus=2x", "option vcpus must be");
	expect_error("guest=a weight=0", "option weight must be a number from 1 to 1024");
	expect_error("guest=a weight=1025", "option weight must be");
	expect_error("guest=a weight=-1", "option weight must be");
}

static void cpus_are_numbers_and_ranges(void **state)
{
	(void)state;
	assert_int_equal(only_guest("guest=a")->config.cpus, 0);
	assert_int_equal(only_guest("guest=a cpus=0")->config.cpus, 1);
	assert_int_equal(only_guest("guest=a cpus=0,2-3")->config.cpus, 0xd);
	assert_int_equal(only_guest("guest=a cpus=5-5,1,1")->config.cpus, 0x22);
	assert_int_equal(only_guest("guest=a cpus=63")->config.cpus, 1ULL << 63);
	assert_int_equal(only_guest("guest=a cpus=0-63")->config.cpus, UINT64_MAX);
	assert_string_equal(guests.entries[0].error, "");
}

static void wrong_cpus_are_refused(void **state)
{
	static const char *const lines[] = {"cpus", "cpus=", "cpus=64", "cpus=0-64", "cpus=3-2",
		"cpus=1,", "cpus=,1", "cpus=1-", "cpus=-1", "cpus=1-2-3", "cpus=a", "cpus=1;2",
		"cpus=0x1", "cpus=4294967296", "cpus=18446744073709551616", "cpus=1,,2"};
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(line, sizeof(line), "guest=a %s", lines[i]);
		expect_error(line, "option cpus must be numbers of processors from 0 to 63");
		assert_int_equal(guests.entries[0].config.cpus, 0);
	}
}

static void words_of_few_choices_are_known(void **state)
{
	(void)state;
	assert_int_equal(only_guest("guest=a")->config.restart, VM_RESTART_NEVER);
	assert_int_equal(only_guest("guest=a restart=never")->config.restart, VM_RESTART_NEVER);
	assert_int_equal(only_guest("guest=a restart=reset")->config.restart, VM_RESTART_RESET);
	assert_int_equal(only_guest("guest=a restart=always")->config.restart, VM_RESTART_ALWAYS);
	assert_false(only_guest("guest=a")->config.may_manage);
	assert_true(only_guest("guest=a manage=yes")->config.may_manage);
	assert_false(only_guest("guest=a manage=no")->config.may_manage);
	assert_false(only_guest("guest=a start=boot")->config.is_stopped_at_boot);
	assert_true(only_guest("guest=a start=manual")->config.is_stopped_at_boot);
	assert_int_equal(only_guest("guest=a vmmcall=ud")->config.vmmcall, VM_VMMCALL_UD);
	assert_int_equal(only_guest("guest=a vmmcall=patch")->config.vmmcall, VM_VMMCALL_PATCH);
	assert_true(only_guest("guest=a trace=calls")->config.is_tracing_calls);
	assert_false(only_guest("guest=a trace=off")->config.is_tracing_calls);
	assert_string_equal(guests.entries[0].error, "");
}

static void other_words_than_the_few_are_refused(void **state)
{
	(void)state;
	expect_error("guest=a restart=sometimes", "option restart must be never, reset or always");
	expect_error("guest=a restart", "option restart must be never, reset or always");
	expect_error("guest=a manage=maybe", "option manage must be no or yes");
	expect_error("guest=a start=", "option start must be boot or manual");
	expect_error("guest=a vmmcall=UD", "option vmmcall must be patch or ud");
	expect_error("guest=a trace=on", "option trace must be off or calls");
}

static void calls_are_the_policys(void **state)
{
	(void)state;
	assert_int_equal(only_guest("guest=a hypercalls=good")->config.refused_calls, 1);
	expect_error("guest=a hypercalls=bad", "option hypercalls must be all, none");
	expect_error("guest=a hypercalls", "option hypercalls must be all, none");
}

static void a_name_is_given_once(void **state)
{
	(void)state;
	add_line("guest=same");
	add_line("guest=same kind=flat");
	add_line("guest=other");
	read_guests(3);
	assert_string_equal(guests.entries[0].error, "");
	assert_string_equal(guests.entries[1].error, "the name is taken");
	assert_string_equal(guests.entries[2].error, "");
}

static void quoting_is_undone(void **state)
{
	(void)state;
	assert_string_equal(
		only_guest("\"guest=a\" -- \"two  blanks\"  a\\ b \\\"q\\\"")->config.command_line,
		"two  blanks a b \"q\"");
	assert_string_equal(only_guest("guest=a -- x -- y")->config.command_line, "x -- y");
	assert_string_equal(only_guest("guest=a -- guest=b")->config.name, "a");
	expect_error("guest=a -- \"open", "command line is malformed or too long");
	expect_error("guest=a -- end\\", "command line is malformed or too long");
	expect_error("guest=a \"mem=1M", "options are");
}

static void a_command_line_has_2047_bytes(void **state)
{
	static char line[4096];

	(void)state;
	snprintf(line, sizeof(line), "guest=a -- %02047d", 1);
	assert_string_equal(only_guest(line)->error, "");
	assert_int_equal(strlen(guests.entries[0].config.command_line), 2047);
	snprintf(line, sizeof(line), "guest=a -- %02048d", 1);
	expect_error(line, "command line is malformed or too long");
}

static void a_word_too_long_is_an_error(void **state)
{
	static char line[1024];

	(void)state;
	snprintf(line, sizeof(line), "guest=a %0300d", 1);
	expect_error(line, "options are");
}

static void a_module_goes_to_its_guest_before_it_or_after(void **state)
{
	(void)state;
	add_line("initrd=b -- first \"of  b\"");
	add_line("guest=a");
	add_line("guest=b");
	add_line("initrd=b");
	read_guests(2);
	assert_int_equal(guests.entries[0].config.module_count, 0);
	assert_int_equal(guests.entries[1].config.module_count, 2);
	assert_string_equal(guests.entries[1].config.modules[0].command_line, "first of  b");
	assert_string_equal(guests.entries[1].config.modules[1].command_line, "");
	assert_ptr_equal(guests.entries[1].config.modules[0].image.bytes, image);
	assert_string_equal(fake_log_text(), "");
}

static void modules_of_nobody_are_reported_and_left_alone(void **state)
{
	(void)state;
	add_line("initrd=nobody");
	add_line("");
	add_line("some text");
	add_line("-- guest=a");
	read_guests(0);
	assert_non_null(strstr(fake_log_text(), "warning: boot: module left alone: initrd=nobody"));
	assert_non_null(strstr(fake_log_text(), "\"some text\""));
	assert_non_null(strstr(fake_log_text(), "\"-- guest=a\""));
}

static void more_modules_than_fit_are_an_error_of_their_guest(void **state)
{
	(void)state;
	add_line("guest=a");
	for (int i = 0; i < IMAGE_MODULES_MAX; i++) {
		add_line("initrd=a");
	}
	read_guests(1);
	assert_string_equal(guests.entries[0].error, "");
	add_line("initrd=a");
	read_guests(1);
	assert_non_null(strstr(guests.entries[0].error, "more than 8 modules"));
	assert_int_equal(guests.entries[0].config.module_count, IMAGE_MODULES_MAX);
}

static void a_module_text_has_127_bytes(void **state)
{
	static char line[512];

	(void)state;
	add_line("guest=a");
	snprintf(line, sizeof(line), "initrd=a -- %0127d", 1);
	add_line(line);
	read_guests(1);
	assert_string_equal(guests.entries[0].error, "");
	snprintf(line, sizeof(line), "initrd=a -- %0128d", 1);
	read_guests(1);
	assert_non_null(strstr(guests.entries[0].error, "text is malformed or too long"));
}

static void more_guests_than_fit_are_left_out(void **state)
{
	static char lines[GUESTS_MAX + 2][32];

	(void)state;
	for (int i = 0; i < GUESTS_MAX + 2; i++) {
		snprintf(lines[i], sizeof(lines[i]), "guest=g%d", i);
		add_line(lines[i]);
	}
	read_guests(GUESTS_MAX);
	assert_non_null(strstr(fake_log_text(), "guest left out: more than 96 guests"));
	assert_string_equal(guests.entries[GUESTS_MAX - 1].config.name, "g95");
}

static void reading_again_begins_anew(void **state)
{
	(void)state;
	add_line("guest=a mem=x");
	read_guests(1);
	info.modules[0].command_line = "guest=a";
	read_guests(1);
	assert_string_equal(guests.entries[0].error, "");
}

static void the_demo_is_a_guest(void **state)
{
	(void)state;
	read_guests(0);
	guests_add_demo(&guests);
	assert_int_equal(guests.count, 1);
	assert_string_equal(guests.entries[0].config.name, "demo");
	assert_string_equal(guests.entries[0].error, "");
	assert_ptr_equal(guests.entries[0].config.image.bytes, demo_image_start);
}

#define WITH_LINES(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LINES(a_name_is_enough),
		WITH_LINES(all_options_are_taken_in_any_order),
		WITH_LINES(bad_words_make_a_guest_that_is_not_started),
		WITH_LINES(names_have_safe_characters),
		WITH_LINES(memory_has_bounds_and_whole_pages),
		WITH_LINES(processors_and_weight_have_bounds),
		WITH_LINES(cpus_are_numbers_and_ranges),
		WITH_LINES(wrong_cpus_are_refused),
		WITH_LINES(words_of_few_choices_are_known),
		WITH_LINES(other_words_than_the_few_are_refused),
		WITH_LINES(calls_are_the_policys),
		WITH_LINES(a_name_is_given_once),
		WITH_LINES(quoting_is_undone),
		WITH_LINES(a_command_line_has_2047_bytes),
		WITH_LINES(a_word_too_long_is_an_error),
		WITH_LINES(a_module_goes_to_its_guest_before_it_or_after),
		WITH_LINES(modules_of_nobody_are_reported_and_left_alone),
		WITH_LINES(more_modules_than_fit_are_an_error_of_their_guest),
		WITH_LINES(a_module_text_has_127_bytes),
		WITH_LINES(more_guests_than_fit_are_left_out),
		WITH_LINES(reading_again_begins_anew),
		WITH_LINES(the_demo_is_a_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
