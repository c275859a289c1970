/* SPDX-License-Identifier: MIT */
#include "entry_check_vmcs.h"

#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ENTRY_CASES_MAX = 256 };

struct valid_pages valid_pages;
/* Of all the cases of a test program. */
static enum entry_check_area entry_case_area;

struct field_value {
	uint32_t field;
	uint64_t value;
};

struct vmx_capability valid_capability(void)
{
	return (struct vmx_capability){
		.has_vmx = true,
		.basic = VALID_REVISION | VMX_BASIC_TRUE_CONTROLS,
		.misc = VMX_MISC_ACTIVITY_HLT | VMX_MISC_ACTIVITY_SHUTDOWN |
			VMX_MISC_ACTIVITY_WAIT_FOR_SIPI | 4ULL << VMX_MISC_CR3_TARGETS_LOW,
		.cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
		.cr0_fixed1 = UINT32_MAX,
		.cr4_fixed0 = CR4_VMXE,
		.cr4_fixed1 = 0x00f72fff | CR4_PCIDE,
		.ept_vpid_cap =
			EPT_CAP_WALK_LENGTH_4 | EPT_CAP_UC | EPT_CAP_WB | EPT_CAP_ACCESSED_DIRTY,
		.pin = {0x16, 0xff},
		.primary = {0x04006172, 0xfff9fffe},
		.secondary = {0, 0x0217ffff},
		.exit = {0x36dfb, 0x007fffff},
		.entry = {0x11fb, 0x1ffff},
		.physical_address_bits = VALID_PHYSICAL_BITS,
		.linear_address_bits = VALID_LINEAR_BITS,
	};
}

/* The fields that are the same for every guest. */
static void set_controls_and_host(void)
{
	const struct field_value values[] = {
		{VMCS_PIN_BASED_CONTROLS, 0x16 | PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING |
						  PIN_VIRTUAL_NMIS | PIN_VMX_PREEMPTION_TIMER},
		{VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS,
			0x04006172 | PRIMARY_HLT_EXITING | PRIMARY_USE_IO_BITMAPS |
				PRIMARY_USE_MSR_BITMAPS | PRIMARY_USE_TPR_SHADOW |
				PRIMARY_ACTIVATE_SECONDARY},
		{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, SECONDARY_ENABLE_EPT |
								  SECONDARY_ENABLE_VPID |
								  SECONDARY_UNRESTRICTED_GUEST},
		{VMCS_VM_EXIT_CONTROLS, 0x36dfb | EXIT_SAVE_DEBUG_CONTROLS |
						EXIT_HOST_ADDRESS_SPACE_SIZE |
						EXIT_LOAD_IA32_PERF_GLOBAL_CTRL |
						EXIT_ACKNOWLEDGE_INTERRUPT | EXIT_LOAD_IA32_PAT |
						EXIT_LOAD_IA32_EFER | EXIT_SAVE_PREEMPTION_TIMER},
		{VMCS_VM_ENTRY_CONTROLS, 0x11fb | ENTRY_LOAD_DEBUG_CONTROLS |
						 ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL |
						 ENTRY_LOAD_IA32_PAT | ENTRY_LOAD_IA32_EFER},
		{VMCS_CR3_TARGET_COUNT, 4},
		{VMCS_IO_BITMAP_A_ADDRESS, 0x11000},
		{VMCS_IO_BITMAP_B_ADDRESS, 0x12000},
		{VMCS_MSR_BITMAPS_ADDRESS, 0x13000},
		{VMCS_VIRTUAL_APIC_ADDRESS, (uintptr_t)valid_pages.virtual_apic},
		{VMCS_VIRTUAL_PROCESSOR_ID, 1},
		{VMCS_EPT_POINTER, 0x1401e | EPTP_ACCESSED_DIRTY},
		{VMCS_HOST_CR0, CR0_PE | CR0_NE | CR0_WP | CR0_PG},
		{VMCS_HOST_CR3, 0x15000},
		{VMCS_HOST_CR4, CR4_PAE | CR4_VMXE},
		{VMCS_HOST_CS_SELECTOR, 0x08},
		{VMCS_HOST_TR_SELECTOR, 0x18},
		{VMCS_HOST_TR_BASE, 0x16000},
		{VMCS_HOST_GS_BASE, 0xffff800000000000},
		{VMCS_HOST_IA32_PAT, PAT_RESET_VALUE},
		{VMCS_HOST_IA32_EFER, EFER_LME | EFER_LMA | EFER_NXE},
		{VMCS_HOST_IA32_PERF_GLOBAL_CTRL, 0x7000000ff},
		{VMCS_HOST_RIP, 0x100000},
	};

	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		fake_vmcs_set(values[i].field, values[i].value);
	}
}

static void set_guest_registers(void)
{
	const struct field_value values[] = {
		{VMCS_LINK_POINTER, UINT64_MAX},
		{VMCS_GUEST_CR4, CR4_VMXE},
		{VMCS_GUEST_DR7, DR7_FIXED1},
		{VMCS_GUEST_IA32_PAT, PAT_RESET_VALUE},
		{VMCS_GUEST_IA32_PERF_GLOBAL_CTRL, 0x7000000ff},
		{VMCS_GUEST_IA32_SYSENTER_ESP, 0xffffffff80000000},
		{VMCS_GUEST_GDTR_LIMIT, 0xffff},
		{VMCS_GUEST_IDTR_LIMIT, 0xffff},
		{VMCS_GUEST_LDTR_ACCESS_RIGHTS, ACCESS_RIGHTS_UNUSABLE},
		{VMCS_GUEST_TR_ACCESS_RIGHTS, 0x8b},
		{VMCS_GUEST_TR_LIMIT, 0x67},
		{VMCS_GUEST_RIP, 0x7c00},
		{VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF},
	};

	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		fake_vmcs_set(values[i].field, values[i].value);
	}
}

struct segment_values {
	uint64_t selector;
	uint64_t base;
	uint64_t limit;
	uint64_t access_rights;
};

/* Segment fields follow each other in steps of 2, from ES to TR. */
static void set_segments(struct segment_values code, struct segment_values data)
{
	for (uint32_t offset = 0; offset <= VMCS_GUEST_GS_BASE - VMCS_GUEST_ES_BASE; offset += 2) {
		bool is_code = VMCS_GUEST_ES_SELECTOR + offset == VMCS_GUEST_CS_SELECTOR;
		const struct segment_values *values = is_code ? &code : &data;

		fake_vmcs_set(VMCS_GUEST_ES_SELECTOR + offset, values->selector);
		fake_vmcs_set(VMCS_GUEST_ES_BASE + offset, values->base);
		fake_vmcs_set(VMCS_GUEST_ES_LIMIT + offset, values->limit);
		fake_vmcs_set(VMCS_GUEST_ES_ACCESS_RIGHTS + offset, values->access_rights);
	}
}

static void set_64_bit(void)
{
	const struct segment_values code = {0x08, 0, UINT32_MAX, 0xa09b};
	const struct segment_values data = {0x10, 0, UINT32_MAX, 0xc093};
	const struct change changes[] = {
		{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_IA32E_MODE_GUEST},
		{VMCS_GUEST_CR0, WHOLE, CR0_PE | CR0_NE | CR0_WP | CR0_PG},
		{VMCS_GUEST_CR4, 0, CR4_PAE},
		{VMCS_GUEST_CR3, WHOLE, 0x20000},
		{VMCS_GUEST_IA32_EFER, WHOLE, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE},
		{VMCS_GUEST_RIP, WHOLE, 0xffffffff81000000},
	};

	set_segments(code, data);
	apply_changes(changes, ARRAY_COUNT(changes));
}

static void set_32_bit(uint64_t cr4)
{
	const struct segment_values code = {0x08, 0, UINT32_MAX, 0xc09b};
	const struct segment_values data = {0x10, 0, UINT32_MAX, 0xc093};
	const struct change changes[] = {
		{VMCS_GUEST_CR0, WHOLE, CR0_PE | CR0_NE | CR0_WP | CR0_PG},
		{VMCS_GUEST_CR4, 0, cr4}, {VMCS_GUEST_CR3, WHOLE, 0x20000},
		{VMCS_GUEST_PDPTE0, WHOLE, 0x21001}, {VMCS_GUEST_PDPTE1, WHOLE, 0x22019},
		{VMCS_GUEST_PDPTE2, WHOLE, 0xfffffffffffffffe}, /* Not present: no rule. */
	};

	set_segments(code, data);
	apply_changes(changes, ARRAY_COUNT(changes));
}

static void set_real_mode(void)
{
	const struct segment_values code = {0xf000, 0xf0000, 0xffff, 0x93};
	const struct segment_values data = {0x40, 0x400, 0xffff, 0x93};

	set_segments(code, data);
	fake_vmcs_set(VMCS_GUEST_CR0, CR0_NE | CR0_NW | CR0_CD);
}

static void set_virtual_8086(void)
{
	const struct segment_values code = {0xf000, 0xf0000, 0xffff, 0xf3};
	const struct segment_values data = {0x1234, 0x12340, 0xffff, 0xf3};

	set_32_bit(0);
	set_segments(code, data);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF | RFLAGS_VM);
}

void valid_vmcs(enum valid_guest guest)
{
	fake_insn_reset();
	memset(&valid_pages, 0, sizeof(valid_pages));
	valid_pages.linked_vmcs[0] = VALID_REVISION;
	fake_cpuid_set(0, 0, (struct cpuid_result){.eax = 0x16});
	/* Eight general and three fixed counters. */
	fake_cpuid_set(0xa, 0, (struct cpuid_result){.eax = 0x0805, .edx = 3});
	set_controls_and_host();
	set_guest_registers();
	switch (guest) {
	case GUEST_64_BIT:
		set_64_bit();
		break;
	case GUEST_32_BIT_PAGING:
		set_32_bit(0);
		break;
	case GUEST_PAE:
		set_32_bit(CR4_PAE);
		break;
	case GUEST_REAL_MODE:
		set_real_mode();
		break;
	default:
		set_virtual_8086();
		break;
	}
}

void apply_changes(const struct change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t field = changes[i].field;

		if ((changes[i].clear | changes[i].set) != 0) {
			fake_vmcs_set(
				field, (fake_vmcs_get(field) & ~changes[i].clear) | changes[i].set);
		}
	}
}

static size_t run_case(
	const struct entry_case *row, struct entry_check_failure *failures, size_t capacity)
{
	struct vmx_capability capability = valid_capability();

	valid_vmcs(row->guest);
	apply_changes(row->changes, ARRAY_COUNT(row->changes));
	if (row->adjust != NULL) {
		row->adjust(&capability);
	}
	return entry_check(&capability, failures, capacity);
}

/* cmocka test functions over `*state`, a const struct entry_case. */
static void entry_case_breaks(void **state)
{
	const struct entry_case *row = *state;
	struct entry_check_failure failures[4] = {{0}};
	size_t count = run_case(row, failures, ARRAY_COUNT(failures));

	assert_int_not_equal(count, 0);
	assert_string_equal(failures[0].rule, row->rule);
	assert_int_equal(failures[0].field, row->field);
	assert_int_equal(failures[0].area, entry_case_area);
	assert_int_equal(count, 1 + row->others);
	assert_non_null(vmcs_field_name(failures[0].field));
	assert_true(strlen(failures[0].title) > 0);
	assert_int_equal(failures[0].value, fake_vmcs_get(row->field));
	assert_int_equal(fake_cpu.vmwrite_count, 0);
}

static void entry_case_is_valid(void **state)
{
	const struct entry_case *row = *state;
	struct entry_check_failure failure = {0};
	size_t count = run_case(row, &failure, 1);

	if (count != 0) {
		fail_msg("%s: %s", row->name, failure.rule);
	}
}

static void fill_tests(struct CMUnitTest *tests, const struct entry_case *cases, size_t count,
	void (*run)(void **))
{
	for (size_t i = 0; i < count; i++) {
		tests[i] = (struct CMUnitTest){
			.name = cases[i].name,
			.test_func = run,
			.initial_state = (void *)(uintptr_t)&cases[i],
		};
	}
}

int entry_case_run(enum entry_check_area area, const struct entry_case *broken, size_t broken_count,
	const struct entry_case *valid, size_t valid_count)
{
	static struct CMUnitTest tests[ENTRY_CASES_MAX];

	if (broken_count + valid_count > ENTRY_CASES_MAX) {
		abort();
	}
	entry_case_area = area;
	fill_tests(tests, broken, broken_count, entry_case_breaks);
	fill_tests(&tests[broken_count], valid, valid_count, entry_case_is_valid);
	return _cmocka_run_group_tests("tests", tests, broken_count + valid_count, NULL, NULL);
}
