/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/itlb_multihit.c vmx/capability.c */
#include "vmx/itlb_multihit.h"

#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "cpu_models.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SIGNATURE_HASWELL = 0x306c3, SIGNATURE_GOLDMONT = 0x506c9 };

#define IF_PSCHANGE_MC_NO BIT(6)

static struct vmx_capability intel(uint32_t signature)
{
	return (struct vmx_capability){.vendor = "GenuineIntel", .signature = signature};
}

static bool is_affected(uint32_t signature)
{
	const struct vmx_capability capability = intel(signature);

	return itlb_multihit_absence(&capability) == NULL;
}

static void cores_and_xeons_are_affected(void **state)
{
	/* Nehalem, Westmere, Sandy Bridge, Ivy Bridge, Haswell, Broadwell, Skylake, Skylake X,
	 * Kaby Lake, Cannon Lake, Comet Lake; and signatures of no model. */
	static const uint32_t signatures[] = {0x106a5, 0x206c2, 0x206a7, 0x306a9, SIGNATURE_HASWELL,
		0x406f1, 0x506e3, 0x50654, 0x906e9, 0x60663, 0xa0652, 0, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(signatures); i++) {
		assert_true(is_affected(signatures[i]));
	}
}

static void each_model_of_the_table_is_free_of_it(void **state)
{
	static const uint32_t signatures[] = {0x30678, 0x406a8, 0x406d8, 0x506a0, 0x406c4, 0x70650,
		SIGNATURE_GOLDMONT, 0x506f1, 0x706a8, 0x80664, 0x50671, 0x80650};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(signatures); i++) {
		assert_false(is_affected(signatures[i]));
		/* Any stepping, but no other family. */
		assert_false(is_affected(signatures[i] ^ 0xf));
		assert_true(is_affected(signatures[i] + (1u << 8)));
	}
}

static void another_vendors_model_of_that_number_is_not_in_the_table(void **state)
{
	const struct vmx_capability capability = {
		.vendor = "CentaurHauls", .signature = SIGNATURE_GOLDMONT};

	(void)state;
	assert_null(itlb_multihit_absence(&capability));
}

static struct vmx_capability read_haswell(uint32_t leaf_7_edx, uint64_t arch_capabilities)
{
	struct vmx_capability capability;

	cpu_model_install(cpu_model_find("corei7_haswell_4770"));
	fake_cpuid_set(CPUID_LEAF_STRUCTURED, 0, (struct cpuid_result){.edx = leaf_7_edx});
	fake_msr_set(MSR_IA32_ARCH_CAPABILITIES, arch_capabilities);
	vmx_capability_read(&capability);
	return capability;
}

static void the_cpus_own_word_counts_where_cpuid_promises_it(void **state)
{
	struct vmx_capability capability =
		read_haswell(CPUID_7_EDX_ARCH_CAPABILITIES, IF_PSCHANGE_MC_NO);

	(void)state;
	assert_string_equal(
		itlb_multihit_absence(&capability), "IA32_ARCH_CAPABILITIES.IF_PSCHANGE_MC_NO");
	capability = read_haswell(CPUID_7_EDX_ARCH_CAPABILITIES, ~IF_PSCHANGE_MC_NO);
	assert_null(itlb_multihit_absence(&capability));
	capability = read_haswell(0, UINT64_MAX);
	assert_int_equal(capability.arch_capabilities, 0);
	assert_null(itlb_multihit_absence(&capability));
}

static void a_processor_that_answers_otherwise_is_another(void **state)
{
	const struct vmx_capability first = read_haswell(CPUID_7_EDX_ARCH_CAPABILITIES, 0);
	struct vmx_capability second = first;

	(void)state;
	second.arch_capabilities = ~IF_PSCHANGE_MC_NO;
	assert_null(vmx_capability_difference(&first, &second));
	second.arch_capabilities = IF_PSCHANGE_MC_NO;
	assert_string_equal(vmx_capability_difference(&first, &second),
		"IA32_ARCH_CAPABILITIES.IF_PSCHANGE_MC_NO");
}

static void the_option_overrules_the_cpu(void **state)
{
	const struct vmx_capability affected = intel(SIGNATURE_HASWELL);
	const struct vmx_capability free_of_it = intel(SIGNATURE_GOLDMONT);

	(void)state;
	assert_false(itlb_multihit_allows_large_pages(&affected, LARGE_PAGES_AUTO));
	assert_true(itlb_multihit_allows_large_pages(&free_of_it, LARGE_PAGES_AUTO));
	assert_true(itlb_multihit_allows_large_pages(&affected, LARGE_PAGES_EXECUTABLE));
	assert_false(itlb_multihit_allows_large_pages(&free_of_it, LARGE_PAGES_SPLIT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cores_and_xeons_are_affected),
		cmocka_unit_test(each_model_of_the_table_is_free_of_it),
		cmocka_unit_test(another_vendors_model_of_that_number_is_not_in_the_table),
		cmocka_unit_test(the_cpus_own_word_counts_where_cpuid_promises_it),
		cmocka_unit_test(a_processor_that_answers_otherwise_is_another),
		cmocka_unit_test(the_option_overrules_the_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
