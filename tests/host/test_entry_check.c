/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/entry_check.c vmx/entry_check_activity.c vmx/entry_check_controls.c
 * vmx/entry_check_guest.c vmx/entry_check_host.c vmx/entry_check_misc.c
 * vmx/entry_check_msr_loading.c vmx/entry_check_segments.c vmx/entry_check_shared.c
 * vmx/entry_check_transitions.c vmx/vmcs_names.c tests/host/entry_check_vmcs.c
 * vmx/instruction_error.c
 */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "entry_check_vmcs.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct entry_case guests[] = {
	{.name = "64_bit_guest_breaks_no_rule", .guest = GUEST_64_BIT},
	{.name = "32_bit_paging_guest_breaks_no_rule", .guest = GUEST_32_BIT_PAGING},
	{.name = "pae_guest_breaks_no_rule", .guest = GUEST_PAE},
	{.name = "real_mode_guest_breaks_no_rule", .guest = GUEST_REAL_MODE},
	{.name = "virtual_8086_guest_breaks_no_rule", .guest = GUEST_VIRTUAL_8086},
};

static void failures_come_in_the_order_of_the_areas(void **state)
{
	struct vmx_capability capability = valid_capability();
	struct entry_check_failure failures[3];

	(void)state;
	valid_vmcs(GUEST_64_BIT);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, 0);
	fake_vmcs_set(VMCS_HOST_CS_SELECTOR, 0);
	fake_vmcs_set(VMCS_VIRTUAL_PROCESSOR_ID, 0);
	assert_int_equal(entry_check(&capability, failures, 3), 3);
	assert_int_equal(failures[0].area, ENTRY_CHECK_CONTROLS);
	assert_string_equal(failures[0].title, "VM-Execution Control Fields");
	assert_int_equal(failures[1].area, ENTRY_CHECK_HOST_STATE);
	assert_string_equal(
		failures[1].title, "Checks on Host Segment and Descriptor-Table Registers");
	assert_int_equal(failures[2].area, ENTRY_CHECK_GUEST_STATE);
	assert_string_equal(failures[2].title, "Checks on Guest RIP, RFLAGS, and SSP");
}

static void failures_beyond_the_capacity_are_counted_only(void **state)
{
	struct vmx_capability capability = valid_capability();
	struct entry_check_failure failures[2];

	(void)state;
	valid_vmcs(GUEST_64_BIT);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, 0);
	fake_vmcs_set(VMCS_VIRTUAL_PROCESSOR_ID, 0);
	memset(failures, 0x5a, sizeof(failures));
	assert_int_equal(entry_check(&capability, failures, 1), 2);
	assert_int_equal(failures[0].field, VMCS_VIRTUAL_PROCESSOR_ID);
	assert_int_equal(failures[1].field, 0x5a5a5a5a);
	assert_int_equal(entry_check(&capability, NULL, 0), 2);
}

/* Rules that another rule always stands in front of. */
static void rules_behind_others_are_recorded(void **state)
{
	static const struct {
		struct change changes[4];
		const char *rule;
	} cases[] = {
		{{{VMCS_VM_EXIT_CONTROLS, EXIT_HOST_ADDRESS_SPACE_SIZE, 0}},
			"IA-32e mode guest needs host address-space size"},
		{{{VMCS_VM_EXIT_CONTROLS, EXIT_HOST_ADDRESS_SPACE_SIZE, 0},
			 {VMCS_HOST_CR4, 0, CR4_PCIDE}},
			"CR4.PCIDE of a 32-bit host must be 0"},
		{{{VMCS_VM_EXIT_CONTROLS, EXIT_HOST_ADDRESS_SPACE_SIZE, 0},
			 {VMCS_HOST_RIP, 0, BIT(32)}},
			"bits 63:32 of a 32-bit host's RIP must be 0"},
		{{{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_TO_SMM | ENTRY_DEACTIVATE_DUAL_MONITOR}},
			"entry to SMM excludes deactivate dual-monitor treatment"},
		{{{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_TO_SMM}}, "entry to SMM needs blocking by SMI"},
		{{{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_TO_SMM},
			 {VMCS_GUEST_ACTIVITY_STATE, WHOLE, ACTIVITY_WAIT_FOR_SIPI}},
			"entry to SMM excludes the wait-for-SIPI state"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct vmx_capability capability = valid_capability();
		struct entry_check_failure failures[16];
		bool is_recorded = false;
		size_t count;

		valid_vmcs(GUEST_64_BIT);
		apply_changes(cases[i].changes, ARRAY_COUNT(cases[i].changes));
		count = entry_check(&capability, failures, ARRAY_COUNT(failures));
		assert_in_range(count, 2, ARRAY_COUNT(failures));
		for (size_t j = 1; j < count; j++) {
			is_recorded |= strcmp(failures[j].rule, cases[i].rule) == 0;
		}
		if (!is_recorded) {
			fail_msg("not recorded: %s", cases[i].rule);
		}
	}
}

static void failure_holds_the_value_of_the_field(void **state)
{
	struct vmx_capability capability = valid_capability();
	struct entry_check_failure failure;

	(void)state;
	valid_vmcs(GUEST_64_BIT);
	fake_vmcs_set(VMCS_HOST_RIP, 0x1234567890abcdef);
	assert_int_equal(entry_check(&capability, &failure, 1), 1);
	assert_int_equal(failure.value, 0x1234567890abcdef);
	assert_string_equal(vmcs_field_name(failure.field), "HOST_RIP");
}

static void vmcs_of_any_contents_is_survived(void **state)
{
	struct vmx_capability capability = valid_capability();
	uint64_t value = 1;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		valid_vmcs(GUEST_64_BIT);
		for (uint32_t field = 0; field < 0x7000; field += 2) {
			value = value * 6364136223846793005 + 1442695040888963407;
			fake_vmcs_set(field, value >> (value & 63));
		}
		/* Memory that exists: no test can let the check follow a random address. */
		fake_vmcs_set(VMCS_VIRTUAL_APIC_ADDRESS, (uintptr_t)valid_pages.virtual_apic);
		fake_vmcs_set(VMCS_LINK_POINTER, (uintptr_t)valid_pages.linked_vmcs);
		assert_true(entry_check(&capability, NULL, 0) > 0);
	}
}

/* The fields that exist only with a control that the valid VMCS does not set. */
static void optional_fields_are_read_with_their_controls_only(void **state)
{
	static const uint32_t optional[] = {
		VMCS_POSTED_INTERRUPT_NOTIFICATION_VECTOR,
		VMCS_POSTED_INTERRUPT_DESCRIPTOR_ADDRESS,
		VMCS_APIC_ACCESS_ADDRESS,
		VMCS_PML_ADDRESS,
		VMCS_VM_FUNCTION_CONTROLS,
		VMCS_EPTP_LIST_ADDRESS,
		VMCS_VMREAD_BITMAP_ADDRESS,
		VMCS_VMWRITE_BITMAP_ADDRESS,
		VMCS_TSC_MULTIPLIER,
		VMCS_GUEST_IA32_BNDCFGS,
		VMCS_GUEST_PDPTE0,
	};
	struct vmx_capability capability = valid_capability();
	unsigned reads;

	(void)state;
	valid_vmcs(GUEST_64_BIT);
	assert_int_equal(entry_check(&capability, NULL, 0), 0);
	reads = fake_cpu.vmread_count;
	for (size_t i = 0; i < ARRAY_COUNT(optional); i++) {
		fake_vmcs_set(optional[i], UINT64_MAX);
	}
	fake_cpu.vmread_count = 0;
	assert_int_equal(entry_check(&capability, NULL, 0), 0);
	assert_int_equal(fake_cpu.vmread_count, reads);
	assert_int_equal(fake_cpu.vmwrite_count, 0);
}

static size_t check_msr_area(size_t count, struct entry_check_failure *failures, size_t capacity)
{
	struct vmx_capability capability = valid_capability();

	fake_vmcs_set(VMCS_VM_ENTRY_MSR_LOAD_COUNT, count);
	fake_vmcs_set(VMCS_VM_ENTRY_MSR_LOAD_ADDRESS, (uintptr_t)valid_pages.msr_area);
	return entry_check(&capability, failures, capacity);
}

static void msr_area_refuses_what_cannot_be_loaded(void **state)
{
	static const struct {
		uint64_t index_and_reserved;
		const char *rule;
	} cases[] = {
		{MSR_IA32_FS_BASE, "IA32_FS_BASE and IA32_GS_BASE must not be in the area"},
		{MSR_IA32_GS_BASE, "IA32_FS_BASE and IA32_GS_BASE must not be in the area"},
		{0x800, "x2APIC MSRs must not be in the area in x2APIC mode"},
		{0x8ff, "x2APIC MSRs must not be in the area in x2APIC mode"},
		{0x9b, "IA32_SMM_MONITOR_CTL must not be in the area outside SMM"},
		{MSR_IA32_LSTAR | BIT(32), "bits 63:32 of an MSR entry must be 0"},
	};
	struct entry_check_failure failures[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		valid_vmcs(GUEST_64_BIT);
		fake_msr_set(MSR_IA32_APIC_BASE, 0xfee00c00);
		valid_pages.msr_area[0] = MSR_IA32_KERNEL_GS_BASE;
		valid_pages.msr_area[2] = cases[i].index_and_reserved;
		assert_int_equal(check_msr_area(2, failures, 2), 1);
		assert_int_equal(failures[0].area, ENTRY_CHECK_MSR_LOADING);
		assert_string_equal(failures[0].rule, cases[i].rule);
		assert_int_equal(failures[0].field, VMCS_VM_ENTRY_MSR_LOAD_ADDRESS);
		assert_int_equal(failures[0].value, (uint32_t)cases[i].index_and_reserved);
	}
}

static void x2apic_msrs_do_not_count_outside_x2apic_mode(void **state)
{
	(void)state;
	valid_vmcs(GUEST_64_BIT);
	fake_msr_set(MSR_IA32_APIC_BASE, 0xfee00800);
	valid_pages.msr_area[0] = 0x808;
	assert_int_equal(check_msr_area(1, NULL, 0), 0);
}

static void msr_area_is_read_up_to_the_recommended_maximum(void **state)
{
	struct entry_check_failure failure;

	(void)state;
	valid_vmcs(GUEST_64_BIT);
	assert_int_equal(check_msr_area(256, NULL, 0), 0);
	assert_int_equal(check_msr_area(UINT32_MAX, &failure, 1), 1);
	assert_int_equal(failure.field, VMCS_VM_ENTRY_MSR_LOAD_COUNT);
	assert_int_equal(failure.area, ENTRY_CHECK_MSR_LOADING);
	assert_string_equal(
		failure.rule, "the MSR-load count should not exceed the recommended maximum");
}

static void msr_area_is_not_read_after_another_failure(void **state)
{
	struct entry_check_failure failure;

	(void)state;
	valid_vmcs(GUEST_64_BIT);
	valid_pages.msr_area[0] = MSR_IA32_FS_BASE;
	fake_vmcs_set(VMCS_GUEST_RFLAGS, 0);
	assert_int_equal(check_msr_area(1, &failure, 1), 1);
	assert_int_equal(failure.field, VMCS_GUEST_RFLAGS);
}

static void instruction_errors_have_names(void **state)
{
	static const unsigned undefined[] = {0, 14, 21, 27, 29, 1000, UINT32_MAX};
	unsigned count = 0;

	(void)state;
	for (unsigned error = 0; error < 64; error++) {
		count += strcmp(vmx_instruction_error_name(error), "unknown") != 0;
	}
	assert_int_equal(count, 25);
	for (size_t i = 0; i < ARRAY_COUNT(undefined); i++) {
		assert_string_equal(vmx_instruction_error_name(undefined[i]), "unknown");
	}
	assert_string_equal(
		vmx_instruction_error_name(7), "VM entry with invalid control field(s)");
	assert_string_equal(
		vmx_instruction_error_name(8), "VM entry with invalid host-state field(s)");
	assert_string_equal(vmx_instruction_error_name(28), "Invalid operand to INVEPT/INVVPID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_come_in_the_order_of_the_areas),
		cmocka_unit_test(failures_beyond_the_capacity_are_counted_only),
		cmocka_unit_test(rules_behind_others_are_recorded),
		cmocka_unit_test(failure_holds_the_value_of_the_field),
		cmocka_unit_test(vmcs_of_any_contents_is_survived),
		cmocka_unit_test(optional_fields_are_read_with_their_controls_only),
		cmocka_unit_test(msr_area_refuses_what_cannot_be_loaded),
		cmocka_unit_test(x2apic_msrs_do_not_count_outside_x2apic_mode),
		cmocka_unit_test(msr_area_is_read_up_to_the_recommended_maximum),
		cmocka_unit_test(msr_area_is_not_read_after_another_failure),
		cmocka_unit_test(instruction_errors_have_names),
	};

	return entry_case_run(ENTRY_CHECK_GUEST_STATE, NULL, 0, guests, ARRAY_COUNT(guests)) +
	       cmocka_run_group_tests(tests, NULL, NULL);
}
