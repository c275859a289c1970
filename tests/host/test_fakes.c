/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/vmcs_names.c */
#include "fake_insn.h"
#include "fake_log.h"
#include "fake_panic.h"
#include "vmx/vmcs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int reset(void **state)
{
	(void)state;
	fake_insn_reset();
	fake_log_clear();
	return 0;
}

static void vmcs_keeps_and_counts(void **state)
{
	(void)state;
	vmcs_write_natural(VMCS_GUEST_RIP, UINT64_MAX);
	assert_int_equal(vmcs_read_natural(VMCS_GUEST_RIP), UINT64_MAX);
	assert_int_equal(fake_cpu.vmread_count, 1);
	assert_int_equal(fake_cpu.vmwrite_count, 1);
}

static void vmcs_cuts_to_the_fields_width(void **state)
{
	(void)state;
	insn_vmwrite(VMCS_GUEST_ES_SELECTOR, 0x12345678);
	assert_int_equal(insn_vmread(VMCS_GUEST_ES_SELECTOR), 0x5678);
}

static void absent_field_fails(void **state)
{
	uint64_t value = 1;

	(void)state;
	fake_vmcs_set(VMCS_EPTP_INDEX, 5);
	fake_vmcs_set_absent(VMCS_EPTP_INDEX, true);
	assert_int_equal(insn_vmread_checked(VMCS_EPTP_INDEX, &value), VMX_FAIL_VALID);
	assert_int_equal(value, 0);
	insn_vmwrite(VMCS_EPTP_INDEX, 1);
	assert_int_equal(fake_cpu.vmwrite_refused_count, 1);
	assert_int_equal(insn_vmread_checked(UINT32_MAX, &value), VMX_FAIL_VALID);
}

static void exit_information_is_read_only(void **state)
{
	(void)state;
	fake_vmcs_set(VMCS_EXIT_REASON, 18);
	vmcs_write32(VMCS_EXIT_REASON, 0);
	assert_int_equal(vmcs_read32(VMCS_EXIT_REASON), 18);
}

static void msrs_exist_once_set(void **state)
{
	uint64_t value;

	(void)state;
	assert_false(insn_rdmsr_safe(0x3a, &value));
	assert_false(insn_wrmsr_safe(0x3a, 1));
	fake_msr_set(0x3a, 5);
	assert_true(insn_wrmsr_safe(0x3a, 7));
	assert_int_equal(insn_rdmsr(0x3a), 7);
	fake_msr_set_read_only(0x3a, 5);
	assert_false(insn_wrmsr_safe(0x3a, 7));
	fake_msr_remove(0x3a);
	assert_false(insn_rdmsr_safe(0x3a, &value));
}

static void cpuid_gives_what_was_set(void **state)
{
	(void)state;
	fake_cpuid_set(7, 1, (struct cpuid_result){1, 2, 3, 4});
	assert_int_equal(insn_cpuid(7, 1).edx, 4);
	assert_int_equal(insn_cpuid(7, 0).edx, 0);
}

static void ports_read_queued_then_set_then_ones(void **state)
{
	(void)state;
	assert_int_equal(insn_in16(0x3f8), 0xffff);
	fake_port_set(0x3f8, 3);
	fake_port_queue(0x3f8, 1);
	fake_port_queue(0x3f8, 2);
	assert_int_equal(insn_in8(0x3f8), 1);
	assert_int_equal(insn_in8(0x3f8), 2);
	assert_int_equal(insn_in8(0x3f8), 3);
	assert_int_equal(insn_in8(0x3f8), 3);
	insn_out16(0x604, 0x2000);
	assert_int_equal(fake_port_write_count(), 1);
	assert_int_equal(fake_port_write_at(0).port, 0x604);
	assert_int_equal(fake_port_write_at(0).width_bytes, 2);
	assert_int_equal(fake_port_write_at(0).value, 0x2000);
}

static void log_has_the_lines_as_on_a_console(void **state)
{
	(void)state;
	log_warn("vm0", "odd port=%#x", 0xf4);
	log_info("trivet", "end status=%d", 0);
	assert_string_equal(fake_log_text(), "warning: vm0: odd port=0xf4\ntrivet: end status=0\n");
}

static void call_panic(void *argument)
{
	panic("value=%d", *(const int *)argument);
}

static void call_nothing(void *argument)
{
	(void)argument;
}

static void panic_is_caught_where_expected(void **state)
{
	int value = 5;

	(void)state;
	assert_true(fake_panics(call_panic, &value));
	assert_string_equal(fake_panic_text(), "value=5");
	assert_false(fake_panics(call_nothing, NULL));
	assert_string_equal(fake_panic_text(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(vmcs_keeps_and_counts, reset),
		cmocka_unit_test_setup(vmcs_cuts_to_the_fields_width, reset),
		cmocka_unit_test_setup(absent_field_fails, reset),
		cmocka_unit_test_setup(exit_information_is_read_only, reset),
		cmocka_unit_test_setup(msrs_exist_once_set, reset),
		cmocka_unit_test_setup(cpuid_gives_what_was_set, reset),
		cmocka_unit_test_setup(ports_read_queued_then_set_then_ones, reset),
		cmocka_unit_test_setup(log_has_the_lines_as_on_a_console, reset),
		cmocka_unit_test_setup(panic_is_caught_where_expected, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
