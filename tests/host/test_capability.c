/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/capability.c */
#include "vmx/capability.h"

#include "cpu/msr.h"
#include "cpu_models.h"
#include "fake_insn.h"
#include "lib/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct vmx_capability read_model(const char *name)
{
	struct vmx_capability capability;

	cpu_model_install(cpu_model_find(name));
	memset(&capability, 0xff, sizeof(capability));
	vmx_capability_read(&capability);
	return capability;
}

static void controls_come_from_the_true_msrs(void **state)
{
	struct vmx_capability capability = read_model("corei7_haswell_4770");

	(void)state;
	assert_true(capability.has_vmx);
	assert_int_equal(capability.basic, 0x00d810000000002b);
	assert_int_equal(capability.feature_control, 5);
	assert_int_equal(capability.pin.allowed0, 0x16);
	assert_int_equal(capability.pin.allowed1, 0x7f);
	assert_int_equal(capability.primary.allowed0, 0x04006172);
	assert_int_equal(capability.primary.allowed1, 0xf7f9fffe);
	assert_int_equal(capability.exit.allowed0, 0x36dfb);
	assert_int_equal(capability.exit.allowed1, 0x7fffff);
	assert_int_equal(capability.entry.allowed0, 0x11fb);
	assert_int_equal(capability.entry.allowed1, 0xffff);
}

static void without_true_msrs_the_plain_ones_count(void **state)
{
	struct vmx_capability capability;

	(void)state;
	cpu_model_install(cpu_model_find("corei7_haswell_4770"));
	fake_msr_set(MSR_IA32_VMX_BASIC, 0x00d810000000002b & ~VMX_BASIC_TRUE_CONTROLS);
	fake_msr_remove(MSR_IA32_VMX_TRUE_PROCBASED_CTLS);
	vmx_capability_read(&capability);
	assert_int_equal(capability.primary.allowed0, 0x0401e172);
	assert_int_equal(capability.exit.allowed0, 0x36dff);
	assert_int_equal(capability.entry.allowed0, 0x11ff);
}

static void other_words_are_read_as_they_are(void **state)
{
	struct vmx_capability capability = read_model("corei3_cnl");

	(void)state;
	assert_int_equal(capability.secondary.allowed0, 0);
	assert_int_equal(capability.secondary.allowed1, 0x02157cff);
	assert_int_equal(capability.ept_vpid_cap, 0x00000f0106334141);
	assert_int_equal(capability.misc, 0x600401e0);
	assert_int_equal(capability.cr0_fixed0, 0x80000021);
	assert_int_equal(capability.cr0_fixed1, 0xffffffff);
	assert_int_equal(capability.cr4_fixed0, 0x2000);
	assert_int_equal(capability.cr4_fixed1, 0x772fff);
	assert_int_equal(capability.physical_address_bits, 40);
	assert_int_equal(capability.linear_address_bits, 48);
	assert_string_equal(capability.vendor, "GenuineIntel");
	assert_false(capability.has_hypervisor);
	assert_string_equal(capability.hypervisor, "");
}

static void without_vmx_no_msr_is_read(void **state)
{
	struct vmx_capability capability = read_model("p4_prescott_celeron_336");

	(void)state;
	assert_false(capability.has_vmx);
	assert_int_equal(capability.basic, 0);
	assert_int_equal(capability.primary.allowed1, 0);
	assert_int_equal(capability.feature_control, 0);
	assert_string_equal(capability.vendor, "GenuineIntel");
}

static void without_ept_and_vpid_their_msr_is_not_read(void **state)
{
	struct vmx_capability capability;

	(void)state;
	cpu_model_install(cpu_model_find("core2_penryn_t9600"));
	fake_msr_set(MSR_IA32_VMX_EPT_VPID_CAP, UINT64_MAX);
	vmx_capability_read(&capability);
	assert_int_equal(capability.secondary.allowed1, 0x41);
	assert_int_equal(capability.ept_vpid_cap, 0);
}

static void vpid_alone_brings_the_ept_vpid_msr(void **state)
{
	struct vmx_capability capability;

	(void)state;
	cpu_model_install(cpu_model_find("corei7_haswell_4770"));
	fake_msr_set(MSR_IA32_VMX_PROCBASED_CTLS2, BIT(32 + 5));
	vmx_capability_read(&capability);
	assert_int_equal(capability.ept_vpid_cap, 0x00000f0106334141);
}

static void without_bit_31_the_secondary_msr_is_not_read(void **state)
{
	struct vmx_capability capability;

	(void)state;
	cpu_model_install(cpu_model_find("corei7_haswell_4770"));
	fake_msr_set(MSR_IA32_VMX_TRUE_PROCBASED_CTLS, 0x77f9fffe04006172);
	vmx_capability_read(&capability);
	assert_int_equal(capability.secondary.allowed1, 0);
	assert_int_equal(capability.ept_vpid_cap, 0);
}

static void a_missing_msr_reads_as_zero(void **state)
{
	struct vmx_capability capability;

	(void)state;
	for (uint32_t i = 0; i < CPU_MODEL_VMX_MSR_COUNT; i++) {
		cpu_model_install(cpu_model_find("corei7_haswell_4770"));
		fake_msr_remove(CPU_MODEL_VMX_MSR_FIRST + i);
		vmx_capability_read(&capability);
		assert_true(capability.has_vmx);
	}
	cpu_model_install(cpu_model_find("corei7_haswell_4770"));
	fake_msr_remove(MSR_IA32_FEATURE_CONTROL);
	vmx_capability_read(&capability);
	assert_int_equal(capability.feature_control, 0);
}

static void an_old_cpuid_has_the_architecture_s_defaults(void **state)
{
	struct vmx_capability capability;

	(void)state;
	fake_insn_reset();
	vmx_capability_read(&capability);
	assert_false(capability.has_vmx);
	assert_int_equal(capability.physical_address_bits, 36);
	assert_int_equal(capability.linear_address_bits, 48);
	assert_string_equal(capability.vendor, "");
}

static void a_hypervisor_below_is_named(void **state)
{
	const struct cpu_model *model = cpu_model_find("corei7_haswell_4770");
	struct vmx_capability capability;

	(void)state;
	cpu_model_install(model);
	cpu_model_set_hypervisor(model, "KVMKVMKVM");
	vmx_capability_read(&capability);
	assert_true(capability.has_hypervisor);
	assert_string_equal(capability.hypervisor, "KVMKVMKVM");
	cpu_model_set_hypervisor(model, "TwelveLetter");
	vmx_capability_read(&capability);
	assert_string_equal(capability.hypervisor, "TwelveLetter");
}

static void cpus_of_one_model_do_not_differ(void **state)
{
	struct vmx_capability first = read_model("corei7_haswell_4770");
	struct vmx_capability second = first;

	(void)state;
	second.feature_control = 0;
	assert_null(vmx_capability_difference(&first, &second));
}

static void a_word_that_differs_is_named(void **state)
{
	struct vmx_capability first = read_model("corei7_haswell_4770");
	struct vmx_capability second = first;

	(void)state;
	second.secondary.allowed1 ^= 1;
	assert_string_equal(vmx_capability_difference(&first, &second), "secondary controls");
	second = first;
	second.ept_vpid_cap ^= EPT_CAP_PAGE_1G;
	assert_string_equal(vmx_capability_difference(&first, &second), "IA32_VMX_EPT_VPID_CAP");
	second.has_vmx = false;
	assert_string_equal(vmx_capability_difference(&first, &second), "VMX");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(controls_come_from_the_true_msrs),
		cmocka_unit_test(without_true_msrs_the_plain_ones_count),
		cmocka_unit_test(other_words_are_read_as_they_are),
		cmocka_unit_test(without_vmx_no_msr_is_read),
		cmocka_unit_test(without_ept_and_vpid_their_msr_is_not_read),
		cmocka_unit_test(vpid_alone_brings_the_ept_vpid_msr),
		cmocka_unit_test(without_bit_31_the_secondary_msr_is_not_read),
		cmocka_unit_test(a_missing_msr_reads_as_zero),
		cmocka_unit_test(an_old_cpuid_has_the_architecture_s_defaults),
		cmocka_unit_test(a_hypervisor_below_is_named),
		cmocka_unit_test(cpus_of_one_model_do_not_differ),
		cmocka_unit_test(a_word_that_differs_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
