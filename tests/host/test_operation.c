/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/operation.c vmx/capability.c */
#include "vmx/operation.h"

#include "cpu/msr.h"
#include "cpu/registers.h"
#include "cpu_models.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "lib/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static _Alignas(4096) uint8_t region[4096];

static struct vmx_capability capability_with(uint64_t feature_control)
{
	struct vmx_capability capability;

	cpu_model_install(cpu_model_find("corei7_haswell_4770"));
	if ((feature_control & FEATURE_CONTROL_LOCK) != 0) {
		fake_msr_set_read_only(MSR_IA32_FEATURE_CONTROL, feature_control);
	} else {
		fake_msr_set(MSR_IA32_FEATURE_CONTROL, feature_control);
	}
	vmx_capability_read(&capability);
	fake_log_clear();
	fake_cpu.cr0 = CR0_PE | CR0_ET | CR0_PG | CR0_WP;
	fake_cpu.cr4 = CR4_PAE;
	memset(region, 0, sizeof(region));
	return capability;
}

static uint64_t feature_control(void)
{
	uint64_t value;

	assert_true(fake_msr_get(MSR_IA32_FEATURE_CONTROL, &value));
	return value;
}

static void locked_with_vmx_on_is_taken_as_it_is(void **state)
{
	const struct vmx_capability capability = capability_with(5);

	(void)state;
	assert_int_equal(vmx_operation_enter(&capability, region), STATUS_OK);
	assert_int_equal(feature_control(), 5);
	assert_int_equal(fake_cpu.vmxon_count, 1);
	assert_non_null(strstr(fake_log_text(), "locked by the firmware with VMX on"));
}

static void locked_with_vmx_off_is_unsupported(void **state)
{
	const uint64_t values[] = {1, 3, 0xff01 & ~4ULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		const struct vmx_capability capability = capability_with(values[i]);

		assert_int_equal(vmx_operation_enter(&capability, region), STATUS_UNSUPPORTED);
		assert_int_equal(fake_cpu.vmxon_count, 0);
		assert_int_equal(fake_cpu.cr4, CR4_PAE);
		assert_non_null(strstr(fake_log_text(), "locked by the firmware with VMX off"));
	}
}

static void unlocked_is_locked_with_vmx_on(void **state)
{
	const uint64_t values[] = {0, 4, 2, 0x100};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		const struct vmx_capability capability = capability_with(values[i]);

		assert_int_equal(vmx_operation_enter(&capability, region), STATUS_OK);
		assert_int_equal(feature_control(), values[i] | 5);
		assert_int_equal(fake_cpu.vmxon_count, 1);
		assert_non_null(strstr(fake_log_text(), "was unlocked"));
	}
}

static void a_feature_control_that_refuses_is_unsupported(void **state)
{
	const struct vmx_capability capability = capability_with(0);

	(void)state;
	fake_msr_set_read_only(MSR_IA32_FEATURE_CONTROL, 0);
	assert_int_equal(vmx_operation_enter(&capability, region), STATUS_UNSUPPORTED);
	assert_non_null(strstr(fake_log_text(), "error: vmx: IA32_FEATURE_CONTROL refuses"));
	assert_int_equal(fake_cpu.vmxon_count, 0);
}

static void the_fixed_bits_are_set_and_the_region_has_the_revision(void **state)
{
	const struct vmx_capability capability = capability_with(5);

	(void)state;
	assert_int_equal(vmx_operation_enter(&capability, region), STATUS_OK);
	assert_int_equal(fake_cpu.cr0, CR0_PE | CR0_ET | CR0_PG | CR0_WP | CR0_NE);
	assert_int_equal(fake_cpu.cr4, CR4_PAE | CR4_VMXE);
	assert_int_equal(fake_cpu.vmxon_region.value, (uintptr_t)region);
	assert_memory_equal(region, "\x2b\0\0\0\0\0\0\0", 8);
}

static void a_failed_vmxon_leaves_no_vmxe(void **state)
{
	const enum vmx_result results[] = {VMX_FAIL_INVALID, VMX_FAIL_VALID};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(results); i++) {
		const struct vmx_capability capability = capability_with(5);

		fake_cpu.vmxon_result = results[i];
		assert_int_equal(vmx_operation_enter(&capability, region), STATUS_UNSUPPORTED);
		assert_int_equal(fake_cpu.cr4, CR4_PAE);
		assert_non_null(strstr(fake_log_text(), "error: vmx: VMXON failed"));
	}
}

static void leaving_switches_vmx_off(void **state)
{
	const struct vmx_capability capability = capability_with(5);

	(void)state;
	assert_int_equal(vmx_operation_enter(&capability, region), STATUS_OK);
	vmx_operation_leave();
	assert_int_equal(fake_cpu.vmxoff_count, 1);
	assert_int_equal(fake_cpu.cr4, CR4_PAE);
}

static void invept_takes_one_context_where_the_cpu_can(void **state)
{
	struct vmx_capability capability = capability_with(5);

	(void)state;
	vmx_invalidate_ept(&capability, 0x123401e);
	assert_int_equal(fake_cpu.invept_type, 1);
	assert_int_equal(fake_cpu.invept_descriptor.first, 0x123401e);
	assert_int_equal(fake_cpu.invept_descriptor.second, 0);
	capability.ept_vpid_cap &= ~EPT_CAP_INVEPT_SINGLE;
	vmx_invalidate_ept(&capability, 0x123401e);
	assert_int_equal(fake_cpu.invept_type, 2);
	assert_int_equal(fake_cpu.invept_descriptor.first, 0);
	fake_cpu.invept_result = VMX_FAIL_VALID;
	vmx_invalidate_ept(&capability, 0x123401e);
	assert_non_null(strstr(fake_log_text(), "error: vmx: INVEPT failed"));
}

static void invvpid_takes_one_context_where_the_cpu_can(void **state)
{
	struct vmx_capability capability = capability_with(5);

	(void)state;
	vmx_invalidate_vpid(&capability, 7);
	assert_int_equal(fake_cpu.invvpid_type, 1);
	assert_int_equal(fake_cpu.invvpid_descriptor.first, 7);
	capability.ept_vpid_cap &= ~EPT_CAP_INVVPID_SINGLE;
	vmx_invalidate_vpid(&capability, 7);
	assert_int_equal(fake_cpu.invvpid_type, 2);
	assert_int_equal(fake_cpu.invvpid_descriptor.first, 0);
	capability.ept_vpid_cap &= ~EPT_CAP_INVVPID_ALL;
	vmx_invalidate_vpid(&capability, 7);
	assert_int_equal(fake_cpu.invvpid_count, 2);
	capability.ept_vpid_cap |= EPT_CAP_INVVPID_ALL;
	capability.ept_vpid_cap &= ~EPT_CAP_INVVPID;
	vmx_invalidate_vpid(&capability, 7);
	assert_int_equal(fake_cpu.invvpid_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locked_with_vmx_on_is_taken_as_it_is),
		cmocka_unit_test(locked_with_vmx_off_is_unsupported),
		cmocka_unit_test(unlocked_is_locked_with_vmx_on),
		cmocka_unit_test(a_feature_control_that_refuses_is_unsupported),
		cmocka_unit_test(the_fixed_bits_are_set_and_the_region_has_the_revision),
		cmocka_unit_test(a_failed_vmxon_leaves_no_vmxe),
		cmocka_unit_test(leaving_switches_vmx_off),
		cmocka_unit_test(invept_takes_one_context_where_the_cpu_can),
		cmocka_unit_test(invvpid_takes_one_context_where_the_cpu_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
