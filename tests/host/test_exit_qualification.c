/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/exit_qualification.c */
#include "vmx/exit_qualification.h"

#include "lib/bits.h"
#include "vmx/control_bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void mov_to_and_from_cr_names_both_registers(void **state)
{
	struct cr_access access = exit_cr_access(0x0);

	(void)state;
	assert_int_equal(access.type, CR_ACCESS_MOV_TO_CR);
	assert_int_equal(access.cr_number, 0);
	assert_int_equal(access.register_number, 0);
	access = exit_cr_access(0x0f18);
	assert_int_equal(access.type, CR_ACCESS_MOV_FROM_CR);
	assert_int_equal(access.cr_number, 8);
	assert_int_equal(access.register_number, 15);
	access = exit_cr_access(0x0403);
	assert_int_equal(access.type, CR_ACCESS_MOV_TO_CR);
	assert_int_equal(access.cr_number, 3);
	assert_int_equal(access.register_number, 4);
}

static void clts_and_lmsw_are_told_apart(void **state)
{
	struct cr_access access = exit_cr_access(0x20);

	(void)state;
	assert_int_equal(access.type, CR_ACCESS_CLTS);
	access = exit_cr_access(0xfff10030);
	assert_int_equal(access.type, CR_ACCESS_LMSW);
	assert_false(access.is_lmsw_memory);
	assert_int_equal(access.lmsw_source, 0xfff1);
	access = exit_cr_access(0x00010070);
	assert_true(access.is_lmsw_memory);
	assert_int_equal(access.lmsw_source, 1);
}

static void cr_access_ignores_reserved_bits(void **state)
{
	struct cr_access access = exit_cr_access(0xffffffff0000f080);

	(void)state;
	assert_int_equal(access.type, CR_ACCESS_MOV_TO_CR);
	assert_int_equal(access.cr_number, 0);
	assert_int_equal(access.register_number, 0);
	assert_false(access.is_lmsw_memory);
	assert_int_equal(access.lmsw_source, 0);
}

static void mov_dr_has_direction_and_both_registers(void **state)
{
	struct dr_access access = exit_dr_access(0x0f17);

	(void)state;
	assert_int_equal(access.dr_number, 7);
	assert_int_equal(access.register_number, 15);
	assert_true(access.is_read);
	access = exit_dr_access(0xfffffffffffff0e8);
	assert_int_equal(access.dr_number, 0);
	assert_int_equal(access.register_number, 0);
	assert_false(access.is_read);
}

static void io_size_is_in_bytes_and_0_where_not_used(void **state)
{
	static const uint8_t sizes[] = {1, 2, 0, 4, 0, 0, 0, 0};

	(void)state;
	for (uint64_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		assert_int_equal(exit_io_access(i).size_bytes, sizes[i]);
		assert_int_equal(exit_io_access(i | 0xfffffffffffffff8).size_bytes, sizes[i]);
	}
}

static void io_flags_are_one_bit_each(void **state)
{
	(void)state;
	for (unsigned bit = 3; bit < 64; bit++) {
		struct io_access access = exit_io_access(BIT(bit));

		assert_int_equal(access.is_in, bit == 3);
		assert_int_equal(access.is_string, bit == 4);
		assert_int_equal(access.has_repeat, bit == 5);
		assert_int_equal(access.is_immediate, bit == 6);
		assert_int_equal(access.port != 0, bit >= 16 && bit <= 31);
	}
	assert_int_equal(exit_io_access(0xcf8 << 16).port, 0xcf8);
	assert_int_equal(exit_io_access(0xffff0000).port, 0xffff);
}

static void rep_outsb_at_a_port_decodes(void **state)
{
	struct io_access access = exit_io_access(0x03f80030);

	(void)state;
	assert_int_equal(access.port, 0x3f8);
	assert_int_equal(access.size_bytes, 1);
	assert_false(access.is_in);
	assert_true(access.is_string);
	assert_true(access.has_repeat);
	assert_false(access.is_immediate);
}

static void ins_outs_information_has_address_size_and_segment(void **state)
{
	static const uint8_t sizes[] = {2, 4, 8, 0, 0, 0, 0, 0};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		assert_int_equal(exit_io_string_information(i << 7).address_size_bytes, sizes[i]);
	}
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(exit_io_string_information(i << 15).segment, i);
	}
	assert_int_equal(exit_io_string_information(0xfffc7c7f).segment, SEGMENT_ES);
	assert_int_equal(exit_io_string_information(0xfffc7c7f).address_size_bytes, 2);
	assert_int_equal(exit_io_string_information(SEGMENT_GS << 15).segment, SEGMENT_GS);
}

static void ept_violation_flags_are_one_bit_each(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		struct ept_violation violation = exit_ept_violation(BIT(bit));

		assert_int_equal(violation.is_read, bit == 0);
		assert_int_equal(violation.is_write, bit == 1);
		assert_int_equal(violation.is_fetch, bit == 2);
		assert_int_equal(violation.was_readable, bit == 3);
		assert_int_equal(violation.was_writable, bit == 4);
		assert_int_equal(violation.was_executable, bit == 5);
		assert_int_equal(violation.has_linear_address, bit == 7);
		assert_false(violation.is_final_translation);
		assert_int_equal(violation.has_nmi_unblocking, bit == 12);
	}
}

static void final_translation_counts_only_with_a_linear_address(void **state)
{
	(void)state;
	assert_false(exit_ept_violation(0x101).is_final_translation);
	assert_true(exit_ept_violation(0x181).is_final_translation);
	assert_false(exit_ept_violation(0x081).is_final_translation);
}

static void debug_exception_bits_are_told_apart(void **state)
{
	(void)state;
	for (unsigned bit = 4; bit < 64; bit++) {
		struct debug_exception debug = exit_debug_exception(BIT(bit));

		assert_int_equal(debug.breakpoints, 0);
		assert_int_equal(debug.is_bus_lock, bit == 11);
		assert_int_equal(debug.is_register_access, bit == 13);
		assert_int_equal(debug.is_single_step, bit == 14);
		assert_int_equal(debug.is_in_rtm, bit == 16);
	}
	for (uint64_t i = 0; i < 16; i++) {
		assert_int_equal(exit_debug_exception(i).breakpoints, i);
		assert_false(exit_debug_exception(i).is_single_step);
	}
}

static void task_switch_has_source_and_selector(void **state)
{
	struct task_switch task_switch = exit_task_switch(0xc0000028);

	(void)state;
	assert_int_equal(task_switch.source, TASK_SWITCH_TASK_GATE);
	assert_int_equal(task_switch.tss_selector, 0x28);
	assert_int_equal(exit_task_switch(0x0000ffff).source, TASK_SWITCH_CALL);
	assert_int_equal(exit_task_switch(0x0000ffff).tss_selector, 0xffff);
	assert_int_equal(exit_task_switch(0x40000000).source, TASK_SWITCH_IRET);
	assert_int_equal(exit_task_switch(0x80000000).source, TASK_SWITCH_JMP);
	assert_int_equal(exit_task_switch(0xffffffff3fff0000).source, TASK_SWITCH_CALL);
	assert_int_equal(exit_task_switch(0xffffffff3fff0000).tss_selector, 0);
}

static void interruption_information_decodes_a_page_fault(void **state)
{
	struct interruption_information found = exit_interruption_information(0x80000b0e);

	(void)state;
	assert_true(found.is_valid);
	assert_int_equal(found.vector, 14);
	assert_int_equal(found.type, INTERRUPTION_HARDWARE_EXCEPTION);
	assert_true(found.has_error_code);
	assert_false(found.has_nmi_unblocking);
}

static void interruption_flags_are_one_bit_each(void **state)
{
	(void)state;
	for (unsigned bit = 11; bit < 32; bit++) {
		struct interruption_information found =
			exit_interruption_information((uint32_t)BIT(bit));

		assert_int_equal(found.has_error_code, bit == 11);
		assert_int_equal(found.has_nmi_unblocking, bit == 12);
		assert_int_equal(found.is_valid, bit == 31);
		assert_int_equal(found.vector, 0);
		assert_int_equal(found.type, 0);
	}
	for (uint32_t type = 0; type < 8; type++) {
		assert_int_equal(exit_interruption_information(type << 8 | 0xff).type, type);
		assert_int_equal(exit_interruption_information(type << 8 | 0xff).vector, 0xff);
	}
}

static void an_apic_access_has_offset_and_type(void **state)
{
	struct apic_access access = exit_apic_access(0x10b0);

	(void)state;
	assert_int_equal(access.type, APIC_ACCESS_WRITE);
	assert_int_equal(access.offset, 0xb0);
	access = exit_apic_access(UINT64_MAX << 16 | 0xffff);
	assert_int_equal(access.type, APIC_ACCESS_PHYSICAL);
	assert_int_equal(access.offset, 0xfff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mov_to_and_from_cr_names_both_registers),
		cmocka_unit_test(clts_and_lmsw_are_told_apart),
		cmocka_unit_test(cr_access_ignores_reserved_bits),
		cmocka_unit_test(mov_dr_has_direction_and_both_registers),
		cmocka_unit_test(io_size_is_in_bytes_and_0_where_not_used),
		cmocka_unit_test(io_flags_are_one_bit_each),
		cmocka_unit_test(rep_outsb_at_a_port_decodes),
		cmocka_unit_test(ins_outs_information_has_address_size_and_segment),
		cmocka_unit_test(ept_violation_flags_are_one_bit_each),
		cmocka_unit_test(final_translation_counts_only_with_a_linear_address),
		cmocka_unit_test(debug_exception_bits_are_told_apart),
		cmocka_unit_test(task_switch_has_source_and_selector),
		cmocka_unit_test(interruption_information_decodes_a_page_fault),
		cmocka_unit_test(interruption_flags_are_one_bit_each),
		cmocka_unit_test(an_apic_access_has_offset_and_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
