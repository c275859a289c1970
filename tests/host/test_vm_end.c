/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vm.c lib/format.c
 * vm/vcpu_post.c vm/posted_interrupts.c */
#include "vm/vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static unsigned status_of(enum vm_end end, uint32_t code)
{
	struct vm vm = {0};

	vm_end(&vm, end, code, "%s", "");
	return vm_end_status(&vm);
}

static void an_exit_code_gives_its_low_8_bits(void **state)
{
	(void)state;
	assert_int_equal(status_of(VM_END_DEBUG_EXIT, 0), 0);
	assert_int_equal(status_of(VM_END_DEBUG_EXIT, 1), 1);
	assert_int_equal(status_of(VM_END_CALL, 255), 255);
	assert_int_equal(status_of(VM_END_CALL, 0xabcdef42), 0x42);
}

static void a_code_whose_low_8_bits_are_0_is_not_success(void **state)
{
	(void)state;
	assert_int_equal(status_of(VM_END_DEBUG_EXIT, 256), 255);
	assert_int_equal(status_of(VM_END_CALL, 0x80000000), 255);
	assert_int_equal(status_of(VM_END_CALL, 0xffffff00), 255);
}

static void other_ends_have_their_own_status(void **state)
{
	(void)state;
	assert_int_equal(status_of(VM_END_POWER_OFF, 7), 0);
	assert_int_equal(status_of(VM_END_RESET, 7), 0);
	assert_int_equal(status_of(VM_END_HALTED, 0), 124);
	assert_int_equal(status_of(VM_END_CRASHED, 0), 126);
	assert_int_equal(status_of(VM_END_NOT_STARTED, 0), 126);
}

static void only_the_first_end_counts(void **state)
{
	struct vm vm = {0};

	(void)state;
	vm_end(&vm, VM_END_CRASHED, 3, "first %d", 1);
	vm_end(&vm, VM_END_DEBUG_EXIT, 0, "second");
	assert_int_equal(vm.end, VM_END_CRASHED);
	assert_int_equal(vm.end_code, 3);
	assert_string_equal(vm.end_reason, "first 1");
}

static void a_long_reason_is_cut(void **state)
{
	struct vm vm = {0};

	(void)state;
	vm_end(&vm, VM_END_CRASHED, 0, "%0500d", 1);
	assert_int_equal(strlen(vm.end_reason), VM_REASON_MAX - 1);
}

static void every_end_has_its_words(void **state)
{
	(void)state;
	assert_string_equal(vm_end_name(VM_END_DEBUG_EXIT), "debug-exit port");
	assert_string_equal(vm_end_name(VM_END_CALL), "end call");
	assert_string_equal(vm_end_name(VM_END_POWER_OFF), "power-off");
	assert_string_equal(vm_end_name(VM_END_RESET), "reset");
	assert_string_equal(vm_end_name(VM_END_HALTED), "halted for good");
	assert_string_equal(vm_end_name(VM_END_CRASHED), "crashed");
	assert_string_equal(vm_end_name(VM_END_NOT_STARTED), "not started");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exit_code_gives_its_low_8_bits),
		cmocka_unit_test(a_code_whose_low_8_bits_are_0_is_not_success),
		cmocka_unit_test(other_ends_have_their_own_status),
		cmocka_unit_test(only_the_first_end_counts),
		cmocka_unit_test(a_long_reason_is_cut),
		cmocka_unit_test(every_end_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
