/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/msr_mtrr.c */
#include "cpu/msr.h"
#include "lib/bits.h"
#include "vm/msr_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ADDRESS_BITS = 40 };

static const uint32_t fixed_msrs[] = {
	0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

static bool write_mtrr(struct vcpu_msrs *msrs, uint32_t msr, uint64_t value)
{
	return msr_mtrr_write(msrs, msr, value, ADDRESS_BITS);
}

static bool is_type(unsigned type)
{
	return type == 0 || type == 1 || type == 4 || type == 5 || type == 6;
}

static void the_capability_tells_of_8_variable_and_the_fixed_ranges(void **state)
{
	struct vcpu_msrs msrs = {0};
	uint64_t value;

	(void)state;
	assert_true(msr_mtrr_read(&msrs, MSR_IA32_MTRRCAP, &value));
	assert_int_equal(value, 8 | BIT(8) | BIT(10));
	assert_false(write_mtrr(&msrs, MSR_IA32_MTRRCAP, value));
}

static void only_mtrrs_are_answered(void **state)
{
	struct vcpu_msrs msrs = {0};
	uint64_t value;

	(void)state;
	for (uint32_t msr = 0; msr < 0x400; msr++) {
		bool is_mtrr = msr == 0xfe || msr == 0x2ff || (msr >= 0x200 && msr < 0x210);

		for (size_t i = 0; i < ARRAY_COUNT(fixed_msrs); i++) {
			is_mtrr = is_mtrr || msr == fixed_msrs[i];
		}
		assert_int_equal(msr_mtrr_read(&msrs, msr, &value), is_mtrr);
		assert_int_equal(write_mtrr(&msrs, msr, 0), is_mtrr && msr != 0xfe);
	}
	assert_false(msr_mtrr_read(&msrs, UINT32_MAX, &value));
	assert_false(msr_mtrr_read(&msrs, 0xc0000080, &value));
}

/* A valid value for each fixed range: number + 1 in binary, a byte of type WB for each 1. */
static uint64_t fixed_value(uint32_t number)
{
	uint64_t value = 0;

	for (unsigned bit = 0; bit < 8; bit++) {
		value |= (uint64_t)((number + 1) >> bit & 1) * MEMORY_TYPE_WB << bit * 8;
	}
	return value;
}

static void each_mtrr_keeps_its_own_value(void **state)
{
	struct vcpu_msrs msrs = {0};
	uint64_t value;

	(void)state;
	for (uint32_t i = 0; i < 16; i++) {
		assert_true(write_mtrr(&msrs, 0x200 + i, (uint64_t)(i + 1) << 12));
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(fixed_msrs); i++) {
		assert_true(write_mtrr(&msrs, fixed_msrs[i], fixed_value(i)));
	}
	for (uint32_t i = 0; i < 16; i++) {
		assert_true(msr_mtrr_read(&msrs, 0x200 + i, &value));
		assert_int_equal(value, (uint64_t)(i + 1) << 12);
	}
	for (uint32_t i = 0; i < ARRAY_COUNT(fixed_msrs); i++) {
		assert_true(msr_mtrr_read(&msrs, fixed_msrs[i], &value));
		assert_int_equal(value, fixed_value(i));
	}
}

static void every_byte_of_a_fixed_range_is_a_memory_type(void **state)
{
	struct vcpu_msrs msrs = {0};

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		for (unsigned byte = 0; byte < 8; byte++) {
			assert_int_equal(write_mtrr(&msrs, 0x26f, (uint64_t)type << byte * 8),
				is_type(type));
		}
	}
	assert_int_equal(msrs.mtrr_fixed[10], (uint64_t)6 << 56);
}

static void a_base_takes_type_and_address(void **state)
{
	struct vcpu_msrs msrs = {0};

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		const bool is_address = bit >= 12 && bit < ADDRESS_BITS;

		assert_int_equal(
			write_mtrr(&msrs, 0x202, BIT(bit)), is_address || bit == 0 || bit == 2);
	}
	for (unsigned type = 0; type < 256; type++) {
		assert_int_equal(write_mtrr(&msrs, 0x20e, 0xf000 | type), is_type(type));
	}
}

static void a_mask_takes_valid_and_address(void **state)
{
	struct vcpu_msrs msrs = {0};

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		assert_int_equal(
			write_mtrr(&msrs, 0x203, BIT(bit)), bit >= 11 && bit < ADDRESS_BITS);
	}
	assert_true(msr_mtrr_write(&msrs, 0x203, BIT(51), 52));
	assert_false(msr_mtrr_write(&msrs, 0x203, BIT(36), 36));
}

static void the_default_type_has_a_type_and_two_enables(void **state)
{
	struct vcpu_msrs msrs = {0};

	(void)state;
	for (unsigned bit = 8; bit < 64; bit++) {
		assert_int_equal(write_mtrr(&msrs, 0x2ff, BIT(bit)), bit == 10 || bit == 11);
	}
	for (unsigned type = 0; type < 256; type++) {
		assert_int_equal(write_mtrr(&msrs, 0x2ff, 0xc00 | type), is_type(type));
	}
	assert_int_equal(msrs.mtrr_def_type, 0xc06);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_capability_tells_of_8_variable_and_the_fixed_ranges),
		cmocka_unit_test(only_mtrrs_are_answered),
		cmocka_unit_test(each_mtrr_keeps_its_own_value),
		cmocka_unit_test(every_byte_of_a_fixed_range_is_a_memory_type),
		cmocka_unit_test(a_base_takes_type_and_address),
		cmocka_unit_test(a_mask_takes_valid_and_address),
		cmocka_unit_test(the_default_type_has_a_type_and_two_enables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
