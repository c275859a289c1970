/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3C "VM-Execution Control Fields" under "Checks on VMX Controls". */
#include "cpu/msr.h"
#include "vmx/control_bits.h"
#include "vmx/entry_check_rules.h"

#define EPTP_SUPERVISOR_SHADOW_STACK    BIT(7)
#define EPTP_RESERVED                   BITS_MASK(11, 8)
#define EPT_CAP_SUPERVISOR_SHADOW_STACK BIT(23)
#define EPTP_WALK_LENGTH_4_MINUS_1      3
#define EPTP_WALK_LENGTH_5_MINUS_1      4

/* The VM-function controls: SDM Vol. 3C "VM-Function Controls". */
#define VM_FUNCTION_EPTP_SWITCHING BIT(0)

#define NOTIFICATION_VECTOR_RESERVED BITS_MASK(15, 8)
#define POSTED_INTERRUPT_ALIGNMENT   64

#define TPR_THRESHOLD_RESERVED BITS_MASK(31, 4)

/* The virtual TPR in the virtual-APIC page, of which bits 7:4 are the priority class. */
#define VTPR_OFFSET     0x80
#define VTPR_CLASS_HIGH 7
#define VTPR_CLASS_LOW  4

/*
 * A control that needs another to have a value: where the `if` control is is_on, all of the `then`
 * controls must be must_be_on.
 */
struct control_relation {
	enum control_word word;
	uint64_t mask;
	bool is_on;
	enum control_word needed_word;
	uint64_t needed_mask;
	bool must_be_on;
	uint32_t field; /* The word of the control that must not be as it is. */
	const char *rule;
};

static const struct control_relation relations[] = {
	{CONTROL_PIN, PIN_NMI_EXITING, false, CONTROL_PIN, PIN_VIRTUAL_NMIS, false,
		VMCS_PIN_BASED_CONTROLS, "virtual NMIs needs NMI exiting"},
	{CONTROL_PIN, PIN_VIRTUAL_NMIS, false, CONTROL_PRIMARY, PRIMARY_NMI_WINDOW_EXITING, false,
		VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, "NMI-window exiting needs virtual NMIs"},
	{CONTROL_PRIMARY, PRIMARY_USE_TPR_SHADOW, false, CONTROL_SECONDARY,
		SECONDARY_VIRTUALIZE_X2APIC_MODE, false, VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS,
		"virtualize x2APIC mode needs use TPR shadow"},
	{CONTROL_PRIMARY, PRIMARY_USE_TPR_SHADOW, false, CONTROL_SECONDARY,
		SECONDARY_APIC_REGISTER_VIRTUALIZATION, false,
		VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS,
		"APIC-register virtualization needs use TPR shadow"},
	{CONTROL_PRIMARY, PRIMARY_USE_TPR_SHADOW, false, CONTROL_SECONDARY,
		SECONDARY_VIRTUAL_INTERRUPT_DELIVERY, false,
		VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS,
		"virtual-interrupt delivery needs use TPR shadow"},
	{CONTROL_SECONDARY, SECONDARY_VIRTUALIZE_X2APIC_MODE, true, CONTROL_SECONDARY,
		SECONDARY_VIRTUALIZE_APIC_ACCESSES, false, VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS,
		"virtualize x2APIC mode excludes virtualize APIC accesses"},
	{CONTROL_SECONDARY, SECONDARY_VIRTUAL_INTERRUPT_DELIVERY, true, CONTROL_PIN,
		PIN_EXTERNAL_INTERRUPT_EXITING, true, VMCS_PIN_BASED_CONTROLS,
		"virtual-interrupt delivery needs external-interrupt exiting"},
	{CONTROL_PIN, PIN_PROCESS_POSTED_INTERRUPTS, true, CONTROL_SECONDARY,
		SECONDARY_VIRTUAL_INTERRUPT_DELIVERY, true, VMCS_PIN_BASED_CONTROLS,
		"process posted interrupts needs virtual-interrupt delivery"},
	{CONTROL_PIN, PIN_PROCESS_POSTED_INTERRUPTS, true, CONTROL_EXIT, EXIT_ACKNOWLEDGE_INTERRUPT,
		true, VMCS_VM_EXIT_CONTROLS,
		"process posted interrupts needs acknowledge interrupt on exit"},
	{CONTROL_SECONDARY, SECONDARY_ENABLE_PML, true, CONTROL_SECONDARY, SECONDARY_ENABLE_EPT,
		true, VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, "enable PML needs enable EPT"},
	{CONTROL_SECONDARY, SECONDARY_UNRESTRICTED_GUEST, true, CONTROL_SECONDARY,
		SECONDARY_ENABLE_EPT, true, VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS,
		"unrestricted guest needs enable EPT"},
};

/* An address field that counts only while a control is on. */
struct structure_address {
	enum control_word word;
	uint64_t mask;
	uint32_t field;
	uint64_t alignment;
	const char *rule_alignment;
};

static const char rule_page_aligned[] = "bits 11:0 of the address must be 0";

static const struct structure_address addresses[] = {
	{CONTROL_PRIMARY, PRIMARY_USE_IO_BITMAPS, VMCS_IO_BITMAP_A_ADDRESS, PAGE_SIZE_4K,
		rule_page_aligned},
	{CONTROL_PRIMARY, PRIMARY_USE_IO_BITMAPS, VMCS_IO_BITMAP_B_ADDRESS, PAGE_SIZE_4K,
		rule_page_aligned},
	{CONTROL_PRIMARY, PRIMARY_USE_MSR_BITMAPS, VMCS_MSR_BITMAPS_ADDRESS, PAGE_SIZE_4K,
		rule_page_aligned},
	{CONTROL_PRIMARY, PRIMARY_USE_TPR_SHADOW, VMCS_VIRTUAL_APIC_ADDRESS, PAGE_SIZE_4K,
		rule_page_aligned},
	{CONTROL_SECONDARY, SECONDARY_VIRTUALIZE_APIC_ACCESSES, VMCS_APIC_ACCESS_ADDRESS,
		PAGE_SIZE_4K, rule_page_aligned},
	{CONTROL_PIN, PIN_PROCESS_POSTED_INTERRUPTS, VMCS_POSTED_INTERRUPT_DESCRIPTOR_ADDRESS,
		POSTED_INTERRUPT_ALIGNMENT, "bits 5:0 of the address must be 0"},
	{CONTROL_SECONDARY, SECONDARY_ENABLE_PML, VMCS_PML_ADDRESS, PAGE_SIZE_4K,
		rule_page_aligned},
	{CONTROL_SECONDARY, SECONDARY_VMCS_SHADOWING, VMCS_VMREAD_BITMAP_ADDRESS, PAGE_SIZE_4K,
		rule_page_aligned},
	{CONTROL_SECONDARY, SECONDARY_VMCS_SHADOWING, VMCS_VMWRITE_BITMAP_ADDRESS, PAGE_SIZE_4K,
		rule_page_aligned},
};

static void check_relations(struct entry_check *check)
{
	for (size_t i = 0; i < ARRAY_COUNT(relations); i++) {
		const struct control_relation *row = &relations[i];
		bool applies = entry_check_has(check, row->word, row->mask) == row->is_on;
		bool is_on = entry_check_has(check, row->needed_word, row->needed_mask);

		entry_check_require(
			check, !applies || is_on == row->must_be_on, row->field, row->rule);
	}
}

static void check_address(struct entry_check *check, const struct structure_address *row)
{
	uint64_t address = entry_check_read(row->field);

	entry_check_require(
		check, is_aligned(address, row->alignment), row->field, row->rule_alignment);
	entry_check_require(check, entry_check_is_structure_address(check, address), row->field,
		"the address must not set bits beyond the physical-address width");
}

static void check_addresses(struct entry_check *check)
{
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		if (entry_check_has(check, addresses[i].word, addresses[i].mask)) {
			check_address(check, &addresses[i]);
		}
	}
}

static void check_cr3_target_count(struct entry_check *check)
{
	uint64_t maximum = bits_get(
		check->capability->misc, VMX_MISC_CR3_TARGETS_HIGH, VMX_MISC_CR3_TARGETS_LOW);

	entry_check_require(check, vmcs_read32(VMCS_CR3_TARGET_COUNT) <= maximum,
		VMCS_CR3_TARGET_COUNT, "the CR3-target count must not exceed what the CPU has");
}

/* Byte 80H of the virtual-APIC page is compared only if APIC accesses are not virtualized. */
static bool is_threshold_within_vtpr(const struct entry_check *check, uint32_t threshold)
{
	uint64_t page = vmcs_read64(VMCS_VIRTUAL_APIC_ADDRESS);
	const uint8_t *bytes;

	if (entry_check_has(check, CONTROL_SECONDARY, SECONDARY_VIRTUALIZE_APIC_ACCESSES) ||
		!is_aligned(page, PAGE_SIZE_4K) || !entry_check_is_structure_address(check, page)) {
		return true;
	}
	bytes = hpa_pointer(hpa(page));
	return threshold <= bits_get(bytes[VTPR_OFFSET], VTPR_CLASS_HIGH, VTPR_CLASS_LOW);
}

static void check_tpr_threshold(struct entry_check *check)
{
	uint32_t threshold;

	if (!entry_check_has(check, CONTROL_PRIMARY, PRIMARY_USE_TPR_SHADOW) ||
		entry_check_has(check, CONTROL_SECONDARY, SECONDARY_VIRTUAL_INTERRUPT_DELIVERY)) {
		return;
	}
	threshold = vmcs_read32(VMCS_TPR_THRESHOLD);
	if ((threshold & TPR_THRESHOLD_RESERVED) != 0) {
		entry_check_require(check, false, VMCS_TPR_THRESHOLD,
			"bits 31:4 of the TPR threshold must be 0");
		return;
	}
	entry_check_require(check, is_threshold_within_vtpr(check, threshold), VMCS_TPR_THRESHOLD,
		"the TPR threshold must not exceed bits 7:4 of VTPR");
}

static bool is_eptp_memory_type(const struct entry_check *check, uint64_t eptp)
{
	uint64_t capability = check->capability->ept_vpid_cap;

	switch (bits_get(eptp, EPTP_MEMORY_TYPE_HIGH, EPTP_MEMORY_TYPE_LOW)) {
	case MEMORY_TYPE_UC:
		return (capability & EPT_CAP_UC) != 0;
	case MEMORY_TYPE_WB:
		return (capability & EPT_CAP_WB) != 0;
	default:
		return false;
	}
}

static bool is_eptp_walk_length(const struct entry_check *check, uint64_t eptp)
{
	uint64_t capability = check->capability->ept_vpid_cap;

	switch (bits_get(eptp, EPTP_WALK_LENGTH_HIGH, EPTP_WALK_LENGTH_LOW)) {
	case EPTP_WALK_LENGTH_4_MINUS_1:
		return (capability & EPT_CAP_WALK_LENGTH_4) != 0;
	case EPTP_WALK_LENGTH_5_MINUS_1:
		return (capability & EPT_CAP_WALK_LENGTH_5) != 0;
	default:
		return false;
	}
}

static void check_eptp(struct entry_check *check)
{
	uint64_t capability = check->capability->ept_vpid_cap;
	uint64_t eptp = vmcs_read64(VMCS_EPT_POINTER);
	uint64_t beyond = bits_get(eptp, 63, check->capability->physical_address_bits);

	entry_check_require(check, is_eptp_memory_type(check, eptp), VMCS_EPT_POINTER,
		"the EPT memory type must be one that the CPU has");
	entry_check_require(check, is_eptp_walk_length(check, eptp), VMCS_EPT_POINTER,
		"the EPT page-walk length must be one that the CPU has");
	entry_check_require(check,
		(eptp & EPTP_ACCESSED_DIRTY) == 0 || (capability & EPT_CAP_ACCESSED_DIRTY) != 0,
		VMCS_EPT_POINTER, "bit 6 needs accessed and dirty flags for EPT");
	entry_check_require(check,
		(eptp & EPTP_SUPERVISOR_SHADOW_STACK) == 0 ||
			(capability & EPT_CAP_SUPERVISOR_SHADOW_STACK) != 0,
		VMCS_EPT_POINTER, "bit 7 needs supervisor shadow-stack control for EPT");
	entry_check_require(check, (eptp & EPTP_RESERVED) == 0, VMCS_EPT_POINTER,
		"reserved bits 11:8 of EPTP must be 0");
	entry_check_require(check, beyond == 0, VMCS_EPT_POINTER,
		"EPTP must not set bits beyond the physical-address width");
}

static void check_vm_functions(struct entry_check *check)
{
	static const struct structure_address eptp_list = {CONTROL_SECONDARY,
		SECONDARY_ENABLE_VM_FUNCTIONS, VMCS_EPTP_LIST_ADDRESS, PAGE_SIZE_4K,
		rule_page_aligned};
	uint64_t functions = vmcs_read64(VMCS_VM_FUNCTION_CONTROLS);

	entry_check_require(check, (functions & ~VM_FUNCTION_EPTP_SWITCHING) == 0,
		VMCS_VM_FUNCTION_CONTROLS, "reserved VM-function controls must be 0");
	if ((functions & VM_FUNCTION_EPTP_SWITCHING) != 0) {
		entry_check_require(check,
			entry_check_has(check, CONTROL_SECONDARY, SECONDARY_ENABLE_EPT),
			VMCS_VM_FUNCTION_CONTROLS, "EPTP switching needs enable EPT");
		check_address(check, &eptp_list);
	}
}

static void check_values(struct entry_check *check)
{
	if (entry_check_has(check, CONTROL_PIN, PIN_PROCESS_POSTED_INTERRUPTS)) {
		uint16_t vector = vmcs_read16(VMCS_POSTED_INTERRUPT_NOTIFICATION_VECTOR);

		entry_check_require(check, (vector & NOTIFICATION_VECTOR_RESERVED) == 0,
			VMCS_POSTED_INTERRUPT_NOTIFICATION_VECTOR,
			"bits 15:8 of the notification vector must be 0");
	}
	if (entry_check_has(check, CONTROL_SECONDARY, SECONDARY_ENABLE_VPID)) {
		entry_check_require(check, vmcs_read16(VMCS_VIRTUAL_PROCESSOR_ID) != 0,
			VMCS_VIRTUAL_PROCESSOR_ID, "the VPID must not be 0");
	}
	if (entry_check_has(check, CONTROL_SECONDARY, SECONDARY_ENABLE_EPT)) {
		check_eptp(check);
	}
	if (entry_check_has(check, CONTROL_SECONDARY, SECONDARY_ENABLE_VM_FUNCTIONS)) {
		check_vm_functions(check);
	}
	if (entry_check_has(check, CONTROL_SECONDARY, SECONDARY_USE_TSC_SCALING)) {
		entry_check_require(check, vmcs_read64(VMCS_TSC_MULTIPLIER) != 0,
			VMCS_TSC_MULTIPLIER, "the TSC multiplier must not be 0");
	}
}

void entry_check_execution_controls(struct entry_check *check)
{
	entry_check_section(check, ENTRY_CHECK_CONTROLS, "VM-Execution Control Fields");
	entry_check_reserved_controls(check, CONTROL_PIN);
	entry_check_reserved_controls(check, CONTROL_PRIMARY);
	if (entry_check_has(check, CONTROL_PRIMARY, PRIMARY_ACTIVATE_SECONDARY)) {
		entry_check_reserved_controls(check, CONTROL_SECONDARY);
	}
	check_cr3_target_count(check);
	check_relations(check);
	check_addresses(check);
	check_tpr_threshold(check);
	check_values(check);
}
