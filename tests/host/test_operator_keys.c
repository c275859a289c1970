/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/operator_keys.c vm/guest_input.c devices/uart16550.c */
#include "exits/operator_keys.h"

#include "cpu/console.h"
#include "fake_log.h"
#include "hypercall/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *typed;
static unsigned counters_shown;
static unsigned registers_shown;

bool console_read(uint8_t *byte)
{
	if (*typed == '\0') {
		return false;
	}
	*byte = (uint8_t)*typed++;
	return true;
}

void hypercall_report_counters(const struct vcpu *vcpu)
{
	(void)vcpu;
	counters_shown++;
}

void vcpu_report_state(struct vcpu *vcpu)
{
	(void)vcpu;
	registers_shown++;
}

static const char *pulled(const char *text)
{
	static char bytes[64];
	static struct vcpu vcpu;
	size_t count = 0;
	uint8_t byte;

	typed = text;
	counters_shown = 0;
	registers_shown = 0;
	fake_log_clear();
	while (count < sizeof(bytes) - 1 && operator_keys_pull(&vcpu, &byte)) {
		bytes[count++] = (char)byte;
	}
	bytes[count] = '\0';
	return bytes;
}

static void plain_bytes_are_the_guests(void **state)
{
	(void)state;
	assert_string_equal(pulled("cr\x02 h\r"), "cr\x02 h\r");
	assert_int_equal(counters_shown + registers_shown, 0);
	assert_string_equal(fake_log_text(), "");
}

static void keys_behind_ctrl_a_are_obeyed_and_do_not_reach_the_guest(void **state)
{
	(void)state;
	assert_string_equal(pulled("a\x01"
				   "cb\x01"
				   "r\x01"
				   "rd"),
		"abd");
	assert_int_equal(counters_shown, 1);
	assert_int_equal(registers_shown, 2);
}

static void ctrl_a_twice_is_one_for_the_guest(void **state)
{
	(void)state;
	assert_string_equal(pulled("\x01\x01"
				   "c"),
		"\x01"
		"c");
	assert_int_equal(counters_shown, 0);
}

static void a_key_may_come_later_than_its_prefix(void **state)
{
	(void)state;
	assert_string_equal(pulled("x\x01"), "x");
	assert_string_equal(pulled("cy"), "y");
	assert_int_equal(counters_shown, 1);
}

static void other_keys_show_the_list(void **state)
{
	(void)state;
	assert_string_equal(pulled("\x01?z"), "z");
	assert_non_null(strstr(fake_log_text(), "Ctrl-A c: counters"));
	assert_string_equal(pulled("\x01h"), "");
	assert_non_null(strstr(fake_log_text(), "Ctrl-A Ctrl-A"));
}

static void a_guest_with_a_line_of_its_own_gets_nothing_from_the_console(void **state)
{
	static struct vm vm;
	static struct vcpu vcpu;

	(void)state;
	vcpu.vm = &vm;
	uart16550_reset(&vm.uart);
	guest_input_init(&vm.input, &vm.uart);
	(void)pulled("");
	typed = "abc\x01"
		"c";
	operator_keys_poll(&vcpu);
	assert_int_equal(counters_shown, 1);
	assert_int_equal(uart16550_read(&vm.uart, 5) & 1, 0);
	assert_string_equal(typed, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_bytes_are_the_guests),
		cmocka_unit_test(keys_behind_ctrl_a_are_obeyed_and_do_not_reach_the_guest),
		cmocka_unit_test(ctrl_a_twice_is_one_for_the_guest),
		cmocka_unit_test(a_key_may_come_later_than_its_prefix),
		cmocka_unit_test(other_keys_show_the_list),
		cmocka_unit_test(a_guest_with_a_line_of_its_own_gets_nothing_from_the_console),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
