/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/mtrr.c */
#include "cpu/mtrr.h"

#include "cpu/cpuid.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
	CAP_FIX_WC = 0x500, /* Fixed ranges and WC; VCNT below. */
	DEF_E_FE = 0xc00,
	DEF_E = 0x800,
	FIX64K = 0x250,
	FIX4K_C0000 = 0x268,
	ADDRESS_BITS = 40,
};

#define ADDRESS_MASK ((1ULL << ADDRESS_BITS) - 1)
#define VALID        0x800ULL

/* IA32_MTRR_PHYSMASKn of a range of this size. */
static uint64_t mask_of(uint64_t size_bytes)
{
	return (ADDRESS_MASK & ~(size_bytes - 1)) | VALID;
}

static void set_variable(unsigned index, uint64_t base, enum memory_type type, uint64_t mask)
{
	fake_msr_set(0x200 + 2 * index, base | (uint64_t)type);
	fake_msr_set(0x201 + 2 * index, mask);
}

/* A CPU with `count` variable ranges, none valid, and all fixed ranges write-back. */
static void set_cpu(unsigned count, uint64_t def_type)
{
	static const uint32_t fixed[] = {
		0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

	fake_insn_reset();
	fake_cpuid_set(1, 0, (struct cpuid_result){.edx = (uint32_t)CPUID_1_EDX_MTRR});
	fake_cpuid_set(CPUID_LEAF_EXTENDED, 0, (struct cpuid_result){.eax = 0x80000008});
	fake_cpuid_set(
		CPUID_LEAF_ADDRESS_SIZES, 0, (struct cpuid_result){.eax = 0x3000 | ADDRESS_BITS});
	fake_msr_set(0xfe, CAP_FIX_WC | count);
	fake_msr_set(0x2ff, def_type);
	for (unsigned i = 0; i < count; i++) {
		set_variable(i, 0, MEMORY_TYPE_UC, 0);
	}
	for (unsigned i = 0; i < ARRAY_COUNT(fixed); i++) {
		fake_msr_set(fixed[i], 0x0606060606060606);
	}
}

static struct mtrr read(void)
{
	struct mtrr mtrr;

	assert_int_equal(mtrr_read(&mtrr), STATUS_OK);
	return mtrr;
}

static enum memory_type type_at(const struct mtrr *mtrr, uint64_t address)
{
	uint64_t end;
	const enum memory_type type = mtrr_type(mtrr, address, &end);

	assert_true(end > address);
	return type;
}

static void a_cpu_without_them_has_none(void **state)
{
	struct mtrr mtrr;

	(void)state;
	fake_insn_reset();
	assert_int_equal(mtrr_read(&mtrr), STATUS_NOT_FOUND);
	set_cpu(8, 0x406);
	assert_int_equal(mtrr_read(&mtrr), STATUS_UNSUPPORTED);
}

static void as_many_are_read_as_the_cpu_has(void **state)
{
	struct mtrr mtrr;

	(void)state;
	set_cpu(MTRR_VARIABLE_MAX, DEF_E | MEMORY_TYPE_WB);
	set_variable(MTRR_VARIABLE_MAX - 1, GIB(1), MEMORY_TYPE_UC, mask_of(GIB(1)));
	mtrr = read();
	assert_int_equal(type_at(&mtrr, GIB(1)), MEMORY_TYPE_UC);
	/* With fewer, the register is not one of them. */
	fake_msr_set(0xfe, CAP_FIX_WC | (MTRR_VARIABLE_MAX - 1));
	mtrr = read();
	assert_int_equal(type_at(&mtrr, GIB(1)), MEMORY_TYPE_WB);
	fake_msr_set(0xfe, CAP_FIX_WC);
	mtrr = read();
	assert_int_equal(mtrr.variable_count, 0);
}

static void more_than_have_numbers_are_refused(void **state)
{
	struct mtrr mtrr;

	(void)state;
	set_cpu(MTRR_VARIABLE_MAX, DEF_E_FE | MEMORY_TYPE_WB);
	for (unsigned count = MTRR_VARIABLE_MAX + 1; count <= UINT8_MAX; count++) {
		fake_msr_set(0xfe, CAP_FIX_WC | count);
		assert_int_equal(mtrr_read(&mtrr), STATUS_RANGE);
	}
}

static void a_register_that_is_missing_is_refused(void **state)
{
	static const uint32_t msrs[] = {0xfe, 0x2ff, 0x200, 0x20f, 0x250, 0x26f};
	struct mtrr mtrr;

	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(msrs); i++) {
		set_cpu(8, DEF_E_FE | MEMORY_TYPE_WB);
		fake_msr_remove(msrs[i]);
		assert_int_equal(mtrr_read(&mtrr), STATUS_RANGE);
	}
}

static void what_no_range_names_has_the_default_type(void **state)
{
	struct mtrr mtrr;
	uint64_t end;

	(void)state;
	set_cpu(8, DEF_E | MEMORY_TYPE_WT);
	set_variable(3, GIB(2), MEMORY_TYPE_WB, mask_of(GIB(2)));
	mtrr = read();
	assert_int_equal(mtrr_type(&mtrr, MIB(1), &end), MEMORY_TYPE_WT);
	assert_int_equal(end, GIB(2));
	assert_int_equal(mtrr_type(&mtrr, GIB(3), &end), MEMORY_TYPE_WB);
	assert_int_equal(end, GIB(4));
	assert_int_equal(mtrr_type(&mtrr, GIB(4), &end), MEMORY_TYPE_WT);
	assert_int_equal(end, UINT64_MAX);
}

static void where_ranges_overlap_the_manual_says_which_wins(void **state)
{
	static const struct {
		enum memory_type a;
		enum memory_type b;
		enum memory_type both;
	} rules[] = {
		{MEMORY_TYPE_WB, MEMORY_TYPE_WB, MEMORY_TYPE_WB},
		{MEMORY_TYPE_WC, MEMORY_TYPE_WC, MEMORY_TYPE_WC},
		{MEMORY_TYPE_UC, MEMORY_TYPE_WB, MEMORY_TYPE_UC},
		{MEMORY_TYPE_UC, MEMORY_TYPE_WT, MEMORY_TYPE_UC},
		{MEMORY_TYPE_WT, MEMORY_TYPE_WB, MEMORY_TYPE_WT},
		/* Undefined: not write-back at least. */
		{MEMORY_TYPE_WC, MEMORY_TYPE_WB, MEMORY_TYPE_UC},
		{MEMORY_TYPE_WP, MEMORY_TYPE_WB, MEMORY_TYPE_UC},
	};

	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_COUNT(rules); i++) {
		const bool is_swapped = i % 2 != 0;
		struct mtrr mtrr;

		set_cpu(2, DEF_E | MEMORY_TYPE_UC);
		set_variable(is_swapped ? 1 : 0, 0, rules[i / 2].a, mask_of(GIB(4)));
		set_variable(is_swapped ? 0 : 1, GIB(1), rules[i / 2].b, mask_of(GIB(1)));
		mtrr = read();
		assert_int_equal(type_at(&mtrr, GIB(1) + MIB(5)), rules[i / 2].both);
		assert_int_equal(type_at(&mtrr, GIB(2)), rules[i / 2].a);
		assert_int_equal(type_at(&mtrr, GIB(4)), MEMORY_TYPE_UC);
	}
}

/* Bits above MAXPHYADDR do not count, in the base as in the mask. */
static void masks_have_the_width_of_physical_addresses(void **state)
{
	struct mtrr mtrr;
	uint64_t end;

	(void)state;
	set_cpu(1, DEF_E | MEMORY_TYPE_UC);
	set_variable(0, GIB(1), MEMORY_TYPE_WB, ~(GIB(1) - 1) | VALID);
	mtrr = read();
	assert_int_equal(mtrr_type(&mtrr, GIB(1), &end), MEMORY_TYPE_WB);
	assert_int_equal(end, GIB(2));
	/* A CPU of 36 bits by default, whose firmware sets a mask of 36. */
	fake_cpuid_set(CPUID_LEAF_EXTENDED, 0, (struct cpuid_result){.eax = 0x80000004});
	set_variable(0, GIB(32), MEMORY_TYPE_WB, 0xf80000800);
	mtrr = read();
	assert_int_equal(mtrr.physical_address_bits, 36);
	assert_int_equal(type_at(&mtrr, GIB(33)), MEMORY_TYPE_WB);
	assert_int_equal(type_at(&mtrr, GIB(34)), MEMORY_TYPE_UC);
	assert_int_equal(type_at(&mtrr, GIB(31)), MEMORY_TYPE_UC);
}

/* SDM Vol. 3A "MTRRs": a mask may have zeros between ones; the range is then of many pieces. */
static void a_range_of_many_pieces_is_followed(void **state)
{
	struct mtrr mtrr;
	uint64_t end;

	(void)state;
	set_cpu(1, DEF_E | MEMORY_TYPE_WB);
	/* Each second MiB, by bit 20 alone. */
	set_variable(0, MIB(1), MEMORY_TYPE_UC, MIB(1) | VALID);
	mtrr = read();
	for (uint64_t mib = 1; mib < 64; mib++) {
		assert_int_equal(mtrr_type(&mtrr, MIB(mib), &end),
			mib % 2 != 0 ? MEMORY_TYPE_UC : MEMORY_TYPE_WB);
		assert_int_equal(end, MIB(mib + 1));
	}
	/* A mask of no bits is all of memory. */
	set_variable(0, 0, MEMORY_TYPE_UC, VALID);
	mtrr = read();
	assert_int_equal(mtrr_type(&mtrr, GIB(100), &end), MEMORY_TYPE_UC);
	assert_int_equal(end, UINT64_MAX);
}

static void the_first_mib_has_ranges_of_its_own(void **state)
{
	struct mtrr mtrr;
	uint64_t end;

	(void)state;
	set_cpu(1, DEF_E_FE | MEMORY_TYPE_WB);
	set_variable(0, 0, MEMORY_TYPE_UC, mask_of(GIB(1)));
	fake_msr_set(FIX64K, 0x0606060604060606);
	fake_msr_set(FIX4K_C0000, 0x0506060606060606);
	fake_msr_set(0x26f, 0x0006060606060606);
	mtrr = read();
	/* The fixed ranges come before the variable ones. */
	assert_int_equal(mtrr_type(&mtrr, 0, &end), MEMORY_TYPE_WB);
	assert_int_equal(end, 0x10000);
	assert_int_equal(mtrr_type(&mtrr, 0x3ffff, &end), MEMORY_TYPE_WT);
	assert_int_equal(end, 0x40000);
	assert_int_equal(mtrr_type(&mtrr, 0x80000, &end), MEMORY_TYPE_WB);
	assert_int_equal(end, 0x84000);
	assert_int_equal(mtrr_type(&mtrr, 0xc7fff, &end), MEMORY_TYPE_WP);
	assert_int_equal(end, 0xc8000);
	assert_int_equal(mtrr_type(&mtrr, 0xfffff, &end), MEMORY_TYPE_UC);
	assert_int_equal(end, 0x100000);
	assert_int_equal(type_at(&mtrr, 0x100000), MEMORY_TYPE_UC);
	/* With FE off, or none, the variable ones hold there too. */
	fake_msr_set(0x2ff, DEF_E | MEMORY_TYPE_WB);
	mtrr = read();
	assert_int_equal(type_at(&mtrr, 0), MEMORY_TYPE_UC);
	fake_msr_set(0x2ff, DEF_E_FE | MEMORY_TYPE_WB);
	fake_msr_set(0xfe, 1);
	mtrr = read();
	assert_int_equal(type_at(&mtrr, 0), MEMORY_TYPE_UC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cpu_without_them_has_none),
		cmocka_unit_test(as_many_are_read_as_the_cpu_has),
		cmocka_unit_test(more_than_have_numbers_are_refused),
		cmocka_unit_test(a_register_that_is_missing_is_refused),
		cmocka_unit_test(what_no_range_names_has_the_default_type),
		cmocka_unit_test(where_ranges_overlap_the_manual_says_which_wins),
		cmocka_unit_test(masks_have_the_width_of_physical_addresses),
		cmocka_unit_test(a_range_of_many_pieces_is_followed),
		cmocka_unit_test(the_first_mib_has_ranges_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
