/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/xsave_layout.c lib/format.c */
#include "cpu/xsave_layout.h"

#include "cpu/cpuid.h"
#include "cpu/registers.h"
#include "fake_insn.h"
#include "fake_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LEGACY     (XCR0_X87 | XCR0_SSE)
#define MPX        (XCR0_BNDREG | XCR0_BNDCSR)
#define AVX512     (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define AMX        (BIT(17) | BIT(18))
#define KEPT       (LEGACY | XCR0_AVX | AVX512 | XCR0_PKRU)
#define EVERYTHING (KEPT | MPX | AMX)

static struct xsave_layout layout;

static void install(uint64_t components)
{
	fake_insn_reset();
	fake_log_clear();
	fake_cpuid_set(CPUID_LEAF_BASIC, 0, (struct cpuid_result){.eax = CPUID_LEAF_XSAVE});
	fake_cpuid_set(
		CPUID_LEAF_FEATURES, 0, (struct cpuid_result){.ecx = (uint32_t)CPUID_1_ECX_XSAVE});
	fake_xsave_install(components);
	fake_cpu.xcr0 = XCR0_X87;
}

static struct cpuid_result part(uint32_t number)
{
	return insn_cpuid(CPUID_LEAF_XSAVE, number);
}

static uint64_t components_of(uint64_t components)
{
	install(components);
	xsave_layout_read(&layout);
	return layout.components;
}

static void the_known_components_are_kept(void **state)
{
	(void)state;
	assert_int_equal(components_of(EVERYTHING), KEPT);
	assert_int_equal(layout.area_bytes, 2696);
	assert_int_equal(fake_cpu.xcr0, KEPT);
	for (unsigned i = 0; i < XSAVE_COMPONENTS; i++) {
		assert_int_equal(layout.parts[i].offset, fake_xsave_layout.parts[i].offset);
		assert_int_equal(layout.parts[i].size_bytes, fake_xsave_layout.parts[i].size_bytes);
		assert_int_equal(layout.parts[i].is_aligned, fake_xsave_layout.parts[i].is_aligned);
	}
	assert_true(strstr(fake_log_text(), "masked=0x60018") != NULL);
}

static void the_area_is_as_large_as_what_is_kept(void **state)
{
	static const uint64_t sets[] = {LEGACY, LEGACY | XCR0_AVX, LEGACY | XCR0_AVX | AVX512,
		LEGACY | XCR0_PKRU, LEGACY | XCR0_AVX | XCR0_PKRU, KEPT};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sets); i++) {
		assert_int_equal(components_of(sets[i]), sets[i]);
		assert_int_equal(layout.area_bytes, fake_xsave_bytes(sets[i]));
		assert_int_equal(components_of(sets[i] | MPX | AMX), sets[i]);
		assert_int_equal(layout.area_bytes, fake_xsave_bytes(sets[i]));
	}
}

static void what_goes_together_is_kept_together(void **state)
{
	(void)state;
	assert_int_equal(components_of(KEPT & ~XCR0_OPMASK), KEPT & ~AVX512);
	assert_int_equal(components_of(KEPT & ~XCR0_HI16_ZMM), KEPT & ~AVX512);
	assert_int_equal(components_of(KEPT & ~XCR0_AVX), LEGACY | XCR0_PKRU);
}

static void without_xsave_nothing_is_kept_by_it(void **state)
{
	(void)state;
	install(EVERYTHING);
	fake_cpuid_set(CPUID_LEAF_FEATURES, 0, (struct cpuid_result){0});
	xsave_layout_read(&layout);
	assert_int_equal(layout.components, 0);
	assert_int_equal(layout.area_bytes, XSAVE_FIXED_BYTES);
	assert_int_equal(fake_cpu.xcr0, XCR0_X87);
	install(EVERYTHING);
	fake_cpuid_set(CPUID_LEAF_BASIC, 0, (struct cpuid_result){.eax = CPUID_LEAF_XSAVE - 1});
	xsave_layout_read(&layout);
	assert_int_equal(layout.components, 0);
	/* FXSAVE keeps SSE state; XSAVE for x87 alone would not. */
	assert_int_equal(components_of(XCR0_X87), 0);
}

/* Where a CPU puts component 9, and what then is kept. */
static void expect_pkru_masked(uint32_t size_bytes, uint32_t offset, uint32_t flags)
{
	install(EVERYTHING);
	fake_cpuid_set(CPUID_LEAF_XSAVE, 9, (struct cpuid_result){size_bytes, offset, flags, 0});
	xsave_layout_read(&layout);
	assert_int_equal(layout.components, KEPT & ~XCR0_PKRU);
	assert_int_equal(layout.area_bytes, 2688);
	assert_int_equal(layout.parts[9].size_bytes, 0);
	assert_true(strstr(fake_log_text(), "component 9 has no place") != NULL);
}

static void a_component_without_a_place_of_its_own_is_masked(void **state)
{
	(void)state;
	expect_pkru_masked(8, XSAVE_AREA_BYTES_MAX - 7, 0);
	expect_pkru_masked(XSAVE_AREA_BYTES_MAX, 2688, 0);
	expect_pkru_masked(8, UINT32_MAX, 0);
	expect_pkru_masked(UINT32_MAX, UINT32_MAX, 0);
	expect_pkru_masked(UINT32_MAX, 2688, 0);
	expect_pkru_masked(0, 2688, 0);
	expect_pkru_masked(8, 0, 0);
	expect_pkru_masked(8, XSAVE_FIXED_BYTES - 1, 0);
	expect_pkru_masked(8, 2687, 0);
	expect_pkru_masked(8, 576, 0);
	expect_pkru_masked(8, 2688, (uint32_t)CPUID_D_N_ECX_SUPERVISOR);
}

static void a_component_at_the_very_end_is_kept(void **state)
{
	(void)state;
	install(EVERYTHING);
	fake_cpuid_set(CPUID_LEAF_XSAVE, 9,
		(struct cpuid_result){.eax = 8, .ebx = XSAVE_AREA_BYTES_MAX - 8});
	xsave_layout_read(&layout);
	assert_int_equal(layout.components, KEPT);
	assert_int_equal(layout.area_bytes, XSAVE_AREA_BYTES_MAX);
}

static void one_of_avx512_without_a_place_masks_all_of_it(void **state)
{
	(void)state;
	install(EVERYTHING);
	fake_cpuid_set(CPUID_LEAF_XSAVE, 7,
		(struct cpuid_result){.eax = 1024, .ebx = XSAVE_AREA_BYTES_MAX});
	xsave_layout_read(&layout);
	assert_int_equal(layout.components, KEPT & ~AVX512);
	assert_int_equal(layout.parts[5].size_bytes | layout.parts[6].size_bytes, 0);
	assert_int_equal(fake_cpu.xcr0, KEPT & ~AVX512);
}

/* Bochs has no sub-leaf for PKRU: its end is where the area ends with it. */
static void pkru_without_a_subleaf_ends_with_the_area(void **state)
{
	(void)state;
	install(EVERYTHING);
	fake_cpuid_set(CPUID_LEAF_XSAVE, 9, (struct cpuid_result){0});
	xsave_layout_read(&layout);
	assert_int_equal(layout.components, KEPT);
	assert_int_equal(layout.area_bytes, 2696);
	assert_int_equal(layout.parts[9].offset, 2688);
	assert_int_equal(layout.parts[9].size_bytes, 8);
	assert_null(xsave_layout_difference(&layout));
	/* Nor is the area larger with it: no place is known. */
	install(EVERYTHING);
	fake_cpuid_set(CPUID_LEAF_XSAVE, 9, (struct cpuid_result){0});
	fake_cpu.has_xsave_sizes = false;
	fake_cpuid_set(CPUID_LEAF_XSAVE, 0, (struct cpuid_result){.eax = KEPT, .ebx = 2688});
	xsave_layout_read(&layout);
	assert_int_equal(layout.components, KEPT & ~XCR0_PKRU);
}

/* CPUID's size of all that is enabled is not that of the parts. */
static void the_larger_size_holds(void **state)
{
	(void)state;
	install(EVERYTHING);
	fake_cpu.has_xsave_sizes = false;
	fake_cpuid_set(CPUID_LEAF_XSAVE, 0, (struct cpuid_result){.eax = KEPT, .ebx = 4000});
	xsave_layout_read(&layout);
	assert_int_equal(layout.components, KEPT);
	assert_int_equal(layout.area_bytes, 4000);
	assert_non_null(strstr(fake_log_text(), "sizes differ"));
	fake_cpuid_set(CPUID_LEAF_XSAVE, 0, (struct cpuid_result){.eax = KEPT, .ebx = 576});
	xsave_layout_read(&layout);
	assert_int_equal(layout.area_bytes, 2696);
}

static void a_size_beyond_the_limit_leaves_x87_and_sse(void **state)
{
	(void)state;
	install(EVERYTHING);
	fake_cpu.has_xsave_sizes = false;
	fake_cpuid_set(CPUID_LEAF_XSAVE, 0,
		(struct cpuid_result){.eax = KEPT, .ebx = XSAVE_AREA_BYTES_MAX + 1});
	xsave_layout_read(&layout);
	assert_int_equal(layout.components, LEGACY);
	assert_int_equal(layout.area_bytes, XSAVE_FIXED_BYTES);
	assert_int_equal(fake_cpu.xcr0, LEGACY);
}

/* --- Other processors --- */

static void an_equal_processor_differs_in_nothing(void **state)
{
	(void)state;
	(void)components_of(EVERYTHING);
	install(EVERYTHING);
	assert_null(xsave_layout_difference(&layout));
	assert_int_equal(fake_cpu.xcr0, KEPT);
	/* What guests do not have may differ. */
	install(KEPT);
	assert_null(xsave_layout_difference(&layout));
}

static void a_processor_that_lacks_a_component_differs(void **state)
{
	(void)state;
	(void)components_of(EVERYTHING);
	for (unsigned i = 0; i < XSAVE_COMPONENTS; i++) {
		if ((KEPT & BIT(i)) != 0) {
			install(EVERYTHING & ~BIT(i));
			assert_non_null(xsave_layout_difference(&layout));
			assert_int_equal(fake_cpu.xcr0, XCR0_X87);
		}
	}
	install(EVERYTHING);
	fake_cpuid_set(CPUID_LEAF_FEATURES, 0, (struct cpuid_result){0});
	assert_non_null(xsave_layout_difference(&layout));
	assert_int_equal(fake_cpu.xcr0, XCR0_X87);
}

static void a_processor_with_other_places_or_sizes_differs(void **state)
{
	(void)state;
	(void)components_of(EVERYTHING);
	for (uint32_t i = 2; i < XSAVE_COMPONENTS; i++) {
		struct cpuid_result other;

		if ((KEPT & BIT(i)) == 0) {
			continue;
		}
		install(EVERYTHING);
		other = part(i);
		other.eax += 8;
		fake_cpuid_set(CPUID_LEAF_XSAVE, i, other);
		assert_non_null(xsave_layout_difference(&layout));
		install(EVERYTHING);
		other = part(i);
		other.ebx += 64;
		fake_cpuid_set(CPUID_LEAF_XSAVE, i, other);
		assert_non_null(xsave_layout_difference(&layout));
		install(EVERYTHING);
		other = part(i);
		other.ecx ^= (uint32_t)CPUID_D_N_ECX_ALIGNED;
		fake_cpuid_set(CPUID_LEAF_XSAVE, i, other);
		assert_non_null(xsave_layout_difference(&layout));
	}
	install(EVERYTHING);
	fake_cpu.has_xsave_sizes = false;
	fake_cpuid_set(CPUID_LEAF_XSAVE, 0,
		(struct cpuid_result){.eax = (uint32_t)EVERYTHING, .ebx = 2697});
	assert_non_null(xsave_layout_difference(&layout));
}

/* FXSAVE writes the same on all. */
static void without_xsave_none_differs(void **state)
{
	(void)state;
	layout = (struct xsave_layout){.area_bytes = XSAVE_FIXED_BYTES};
	install(EVERYTHING);
	assert_null(xsave_layout_difference(&layout));
	assert_int_equal(fake_cpu.xcr0, XCR0_X87);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_known_components_are_kept),
		cmocka_unit_test(the_area_is_as_large_as_what_is_kept),
		cmocka_unit_test(what_goes_together_is_kept_together),
		cmocka_unit_test(without_xsave_nothing_is_kept_by_it),
		cmocka_unit_test(a_component_without_a_place_of_its_own_is_masked),
		cmocka_unit_test(a_component_at_the_very_end_is_kept),
		cmocka_unit_test(one_of_avx512_without_a_place_masks_all_of_it),
		cmocka_unit_test(pkru_without_a_subleaf_ends_with_the_area),
		cmocka_unit_test(the_larger_size_holds),
		cmocka_unit_test(a_size_beyond_the_limit_leaves_x87_and_sse),
		cmocka_unit_test(an_equal_processor_differs_in_nothing),
		cmocka_unit_test(a_processor_that_lacks_a_component_differs),
		cmocka_unit_test(a_processor_with_other_places_or_sizes_differs),
		cmocka_unit_test(without_xsave_none_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
