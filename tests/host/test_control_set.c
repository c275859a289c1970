/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/control_set.c vmx/controls.c vmx/requirements.c vmx/capability.c */
#include "vmx/control_set.h"

#include "cpu_models.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "lib/bits.h"
#include "vmx/control_bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct vmx_capability capability_of(const char *name)
{
	struct vmx_capability capability;

	fake_log_clear();
	cpu_model_install(cpu_model_find(name));
	vmx_capability_read(&capability);
	return capability;
}

static void expect_allowed(uint32_t value, struct control_capability capability)
{
	assert_int_equal(value & capability.allowed0, capability.allowed0);
	assert_int_equal(value & ~capability.allowed1, 0);
}

static void each_model_that_can_run_gets_words_that_it_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < cpu_models_count; i++) {
		struct vmx_capability capability;
		struct control_set controls;

		if (!cpu_models[i].can_run) {
			continue;
		}
		capability = capability_of(cpu_models[i].name);
		assert_int_equal(control_set_make(&capability, &controls), STATUS_OK);
		expect_allowed(controls.pin, capability.pin);
		expect_allowed(controls.primary, capability.primary);
		expect_allowed(controls.secondary, capability.secondary);
		expect_allowed(controls.exit, capability.exit);
		expect_allowed(controls.entry, capability.entry);
		assert_string_equal(fake_log_text(), "");
	}
}

static void guests_run_with_what_we_rely_on(void **state)
{
	const struct vmx_capability capability = capability_of("corei7_haswell_4770");
	struct control_set controls;

	(void)state;
	assert_int_equal(control_set_make(&capability, &controls), STATUS_OK);
	assert_true((controls.secondary & SECONDARY_ENABLE_EPT) != 0);
	assert_true((controls.secondary & SECONDARY_UNRESTRICTED_GUEST) != 0);
	assert_true((controls.secondary & SECONDARY_ENABLE_VPID) != 0);
	assert_true((controls.primary & PRIMARY_USE_MSR_BITMAPS) != 0);
	assert_true((controls.primary & PRIMARY_USE_IO_BITMAPS) != 0);
	assert_true((controls.primary & PRIMARY_HLT_EXITING) != 0);
	assert_int_equal(controls.primary & (PRIMARY_CR3_LOAD_EXITING | PRIMARY_CR3_STORE_EXITING |
						    PRIMARY_INVLPG_EXITING |
						    PRIMARY_MOV_DR_EXITING | PRIMARY_RDTSC_EXITING),
		0);
	assert_true((controls.pin & PIN_EXTERNAL_INTERRUPT_EXITING) != 0);
	assert_true((controls.pin & PIN_NMI_EXITING) != 0);
	assert_true((controls.exit & EXIT_LOAD_IA32_EFER) != 0);
	assert_true((controls.exit & EXIT_HOST_ADDRESS_SPACE_SIZE) != 0);
	assert_int_equal(controls.entry & ENTRY_IA32E_MODE_GUEST, 0);
}

static void a_missing_control_is_named(void **state)
{
	struct vmx_capability capability = capability_of("corei7_haswell_4770");
	struct control_set controls;

	(void)state;
	capability.secondary.allowed1 &= ~(uint32_t)SECONDARY_UNRESTRICTED_GUEST;
	assert_int_equal(control_set_make(&capability, &controls), STATUS_UNSUPPORTED);
	assert_string_equal(fake_log_text(), "error: vmx: secondary controls lack bits=0x80\n");
}

static void all_missing_words_are_named(void **state)
{
	struct vmx_capability capability = capability_of("corei7_haswell_4770");
	struct control_set controls;

	(void)state;
	memset(&capability, 0, sizeof(capability));
	assert_int_equal(control_set_make(&capability, &controls), STATUS_UNSUPPORTED);
	assert_non_null(strstr(fake_log_text(), "pin-based controls lack"));
	assert_non_null(strstr(fake_log_text(), "primary controls lack"));
	assert_non_null(strstr(fake_log_text(), "secondary controls lack"));
	assert_non_null(strstr(fake_log_text(), "VM-exit controls lack"));
	assert_non_null(strstr(fake_log_text(), "VM-entry controls lack"));
}

static bool has_vpid(uint64_t ept_vpid_cap)
{
	struct vmx_capability capability = capability_of("corei7_haswell_4770");
	struct control_set controls;

	capability.ept_vpid_cap = ept_vpid_cap;
	assert_int_equal(control_set_make(&capability, &controls), STATUS_OK);
	return (controls.secondary & SECONDARY_ENABLE_VPID) != 0;
}

static void a_vpid_that_cannot_be_invalidated_is_not_used(void **state)
{
	const uint64_t ept = EPT_CAP_INVEPT | EPT_CAP_INVEPT_ALL;

	(void)state;
	assert_false(has_vpid(ept));
	assert_false(has_vpid(ept | EPT_CAP_INVVPID));
	assert_false(has_vpid(ept | EPT_CAP_INVVPID | EPT_CAP_INVVPID_ADDRESS));
	assert_false(has_vpid(ept | EPT_CAP_INVVPID_SINGLE | EPT_CAP_INVVPID_ALL));
	assert_true(has_vpid(ept | EPT_CAP_INVVPID | EPT_CAP_INVVPID_ALL));
	assert_true(has_vpid(ept | EPT_CAP_INVVPID | EPT_CAP_INVVPID_SINGLE | EPT_CAP_INVVPID_ALL));
}

/* Of a VPID that another hypervisor used before, only all-context INVVPID clears the translations.
 */
static void a_vpid_is_not_used_where_those_of_before_our_start_stay(void **state)
{
	const uint64_t ept = EPT_CAP_INVEPT | EPT_CAP_INVEPT_ALL;

	(void)state;
	assert_false(has_vpid(ept | EPT_CAP_INVVPID | EPT_CAP_INVVPID_SINGLE));
}

static void encls_exits_where_the_cpu_has_it(void **state)
{
	struct vmx_capability capability = capability_of("corei7_haswell_4770");
	struct control_set controls;

	(void)state;
	assert_int_equal(control_set_make(&capability, &controls), STATUS_OK);
	assert_int_equal(controls.secondary & SECONDARY_ENABLE_ENCLS_EXITING, 0);
	capability.secondary.allowed1 |= (uint32_t)SECONDARY_ENABLE_ENCLS_EXITING;
	assert_int_equal(control_set_make(&capability, &controls), STATUS_OK);
	assert_true((controls.secondary & SECONDARY_ENABLE_ENCLS_EXITING) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_model_that_can_run_gets_words_that_it_allows),
		cmocka_unit_test(guests_run_with_what_we_rely_on),
		cmocka_unit_test(a_missing_control_is_named),
		cmocka_unit_test(all_missing_words_are_named),
		cmocka_unit_test(a_vpid_that_cannot_be_invalidated_is_not_used),
		cmocka_unit_test(a_vpid_is_not_used_where_those_of_before_our_start_stay),
		cmocka_unit_test(encls_exits_where_the_cpu_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
