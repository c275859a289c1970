/* SPDX-License-Identifier: MIT */
/* Breakages of SDM Vol. 3C "Checks on VMX Controls". */
#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/entry_break_rows.h"
#include "vmx/vmcs.h"

/*
 * Controls that every CPU demands to be 1, also by its TRUE capability MSRs, and one that none
 * lets be 1. SDM Vol. 3D Appendix A "VM-Execution Controls", "VM-Exit Controls", "VM-Entry
 * Controls".
 */
#define PIN_DEFAULT1            BIT(1)
#define PRIMARY_DEFAULT1        BIT(26)
#define EXIT_DEFAULT1           BIT(0)
#define ENTRY_DEFAULT1          BIT(12)
#define CONTROL_ALWAYS_RESERVED BIT(31)
#define PRIMARY_RESERVED        BIT(0)

/* One more than IA32_VMX_MISC[24:16] can tell. */
#define CR3_TARGETS_TOO_MANY 0x200

#define MISALIGNED_MSR_AREA 8

#define EPTP_MEMORY_TYPE     BITS_MASK(EPTP_MEMORY_TYPE_HIGH, EPTP_MEMORY_TYPE_LOW)
#define EPTP_MEMORY_TYPE_WC  1
#define EPTP_WALK_LENGTH     BITS_MASK(EPTP_WALK_LENGTH_HIGH, EPTP_WALK_LENGTH_LOW)
#define EPTP_RESERVED_BIT    BIT(11)
#define VM_FUNCTION_RESERVED BIT(63)

#define INJECT_RESERVED_TYPE      INJECT(1, 0)
#define INJECT_NMI_VECTOR_3       INJECT(INTERRUPTION_NMI, VECTOR_BP)
#define INJECT_SOFTWARE_INTERRUPT INJECT(INTERRUPTION_SOFTWARE_INTERRUPT, VECTOR_COUNT)
#define INTERRUPTION_RESERVED_BIT BIT(20)

#define ERROR_CODE_TOO_WIDE         BIT(16)
#define INSTRUCTION_LENGTH_TOO_HIGH 16

static const struct entry_break control_rows[] = {
	{
		.name = "pin_based_default1_control_is_0",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PIN_BASED_CONTROLS, PIN_DEFAULT1, 0}},
	},
	{
		.name = "pin_based_reserved_control_is_1",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PIN_BASED_CONTROLS, 0, CONTROL_ALWAYS_RESERVED}},
	},
	{
		.name = "primary_default1_control_is_0",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, PRIMARY_DEFAULT1, 0}},
	},
	{
		.name = "primary_reserved_control_is_1",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, 0, PRIMARY_RESERVED}},
	},
	{
		.name = "exit_default1_control_is_0",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_EXIT_CONTROLS, EXIT_DEFAULT1, 0}},
	},
	{
		.name = "entry_default1_control_is_0",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_CONTROLS, ENTRY_DEFAULT1, 0}},
	},
	{
		.name = "cr3_target_count_too_high",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_CR3_TARGET_COUNT, ENTRY_BREAK_WHOLE, CR3_TARGETS_TOO_MANY}},
	},
	{
		.name = "io_bitmap_a_not_aligned",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_IO_BITMAP_A_ADDRESS, 0, 1}},
	},
	{
		.name = "io_bitmap_b_beyond_physical_width",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_IO_BITMAP_B_ADDRESS, 0, ENTRY_BREAK_BEYOND_WIDTH}},
	},
	{
		.name = "msr_bitmaps_not_aligned",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_MSR_BITMAPS_ADDRESS, 0, MISALIGNED_PAGE}},
	},
	{
		.name = "msr_bitmaps_beyond_physical_width",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_MSR_BITMAPS_ADDRESS, 0, ENTRY_BREAK_BEYOND_WIDTH}},
	},
	{
		.name = "virtual_nmis_without_nmi_exiting",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PIN_BASED_CONTROLS, PIN_NMI_EXITING, PIN_VIRTUAL_NMIS}},
		.needs = {CONTROL_PIN, PIN_VIRTUAL_NMIS},
	},
	{
		.name = "nmi_window_exiting_without_virtual_nmis",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PIN_BASED_CONTROLS, PIN_VIRTUAL_NMIS, 0},
			{VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, 0, PRIMARY_NMI_WINDOW_EXITING}},
		.needs = {CONTROL_PRIMARY, PRIMARY_NMI_WINDOW_EXITING},
	},
	{
		.name = "virtual_apic_page_not_aligned",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, 0, PRIMARY_USE_TPR_SHADOW},
			{VMCS_VIRTUAL_APIC_ADDRESS, ENTRY_BREAK_WHOLE, 1}},
		.needs = {CONTROL_PRIMARY, PRIMARY_USE_TPR_SHADOW},
	},
	{
		.name = "virtual_apic_page_beyond_physical_width",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, 0, PRIMARY_USE_TPR_SHADOW},
			{VMCS_VIRTUAL_APIC_ADDRESS, ENTRY_BREAK_WHOLE, ENTRY_BREAK_BEYOND_WIDTH}},
		.needs = {CONTROL_PRIMARY, PRIMARY_USE_TPR_SHADOW},
	},
	{
		.name = "x2apic_mode_without_tpr_shadow",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, PRIMARY_USE_TPR_SHADOW, 0},
			{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS,
				SECONDARY_VIRTUALIZE_APIC_ACCESSES,
				SECONDARY_VIRTUALIZE_X2APIC_MODE}},
		.needs = {CONTROL_SECONDARY, SECONDARY_VIRTUALIZE_X2APIC_MODE},
	},
	{
		.name = "apic_register_virtualization_without_tpr_shadow",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, PRIMARY_USE_TPR_SHADOW, 0},
			{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, 0,
				SECONDARY_APIC_REGISTER_VIRTUALIZATION}},
		.needs = {CONTROL_SECONDARY, SECONDARY_APIC_REGISTER_VIRTUALIZATION},
	},
	{
		.name = "virtual_interrupt_delivery_without_tpr_shadow",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, PRIMARY_USE_TPR_SHADOW, 0},
			{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, 0,
				SECONDARY_VIRTUAL_INTERRUPT_DELIVERY}},
		.needs = {CONTROL_SECONDARY, SECONDARY_VIRTUAL_INTERRUPT_DELIVERY},
	},
	{
		.name = "apic_access_page_not_aligned",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS,
				    SECONDARY_VIRTUALIZE_X2APIC_MODE,
				    SECONDARY_VIRTUALIZE_APIC_ACCESSES},
			{VMCS_APIC_ACCESS_ADDRESS, ENTRY_BREAK_WHOLE, 1}},
		.needs = {CONTROL_SECONDARY, SECONDARY_VIRTUALIZE_APIC_ACCESSES},
	},
	{
		.name = "vpid_is_0",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VIRTUAL_PROCESSOR_ID, ENTRY_BREAK_WHOLE, 0}},
		.needs = {CONTROL_SECONDARY, SECONDARY_ENABLE_VPID},
	},
	{
		.name = "eptp_memory_type_reserved",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_EPT_POINTER, EPTP_MEMORY_TYPE, EPTP_MEMORY_TYPE_WC}},
	},
	{
		.name = "eptp_walk_length_reserved",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_EPT_POINTER, EPTP_WALK_LENGTH, 0}},
	},
	{
		.name = "eptp_reserved_bit",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_EPT_POINTER, 0, EPTP_RESERVED_BIT}},
	},
	{
		.name = "eptp_beyond_physical_width",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_EPT_POINTER, 0, ENTRY_BREAK_BEYOND_WIDTH}},
	},
	{
		.name = "unrestricted_guest_without_ept",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, SECONDARY_ENABLE_EPT, 0}},
	},
	{
		.name = "pml_without_ept",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS,
				    SECONDARY_ENABLE_EPT | SECONDARY_UNRESTRICTED_GUEST,
				    SECONDARY_ENABLE_PML},
			{VMCS_PML_ADDRESS, ENTRY_BREAK_WHOLE, 0}},
		.needs = {CONTROL_SECONDARY, SECONDARY_ENABLE_PML},
	},
	{
		.name = "pml_address_not_aligned",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, 0, SECONDARY_ENABLE_PML},
			{VMCS_PML_ADDRESS, ENTRY_BREAK_WHOLE, 1}},
		.needs = {CONTROL_SECONDARY, SECONDARY_ENABLE_PML},
	},
	{
		.name = "vm_function_reserved",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, 0,
				    SECONDARY_ENABLE_VM_FUNCTIONS},
			{VMCS_VM_FUNCTION_CONTROLS, ENTRY_BREAK_WHOLE, VM_FUNCTION_RESERVED}},
		.needs = {CONTROL_SECONDARY, SECONDARY_ENABLE_VM_FUNCTIONS},
	},
	{
		.name = "vmread_bitmap_not_aligned",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, 0, SECONDARY_VMCS_SHADOWING},
			{VMCS_VMREAD_BITMAP_ADDRESS, ENTRY_BREAK_WHOLE, 1},
			{VMCS_VMWRITE_BITMAP_ADDRESS, ENTRY_BREAK_WHOLE, 0}},
		.needs = {CONTROL_SECONDARY, SECONDARY_VMCS_SHADOWING},
	},
	{
		.name = "vmwrite_bitmap_beyond_physical_width",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, 0, SECONDARY_VMCS_SHADOWING},
			{VMCS_VMREAD_BITMAP_ADDRESS, ENTRY_BREAK_WHOLE, 0},
			{VMCS_VMWRITE_BITMAP_ADDRESS, ENTRY_BREAK_WHOLE, ENTRY_BREAK_BEYOND_WIDTH}},
		.needs = {CONTROL_SECONDARY, SECONDARY_VMCS_SHADOWING},
	},
	{
		.name = "tsc_multiplier_is_0",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, 0, SECONDARY_USE_TSC_SCALING},
			{VMCS_TSC_MULTIPLIER, ENTRY_BREAK_WHOLE, 0}},
		.needs = {CONTROL_SECONDARY, SECONDARY_USE_TSC_SCALING},
	},
	{
		.name = "save_preemption_timer_without_the_timer",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_PIN_BASED_CONTROLS, PIN_VMX_PREEMPTION_TIMER, 0},
			{VMCS_VM_EXIT_CONTROLS, 0, EXIT_SAVE_PREEMPTION_TIMER}},
		.needs = {CONTROL_EXIT, EXIT_SAVE_PREEMPTION_TIMER},
	},
	{
		.name = "exit_msr_store_area_not_aligned",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_EXIT_MSR_STORE_COUNT, ENTRY_BREAK_WHOLE, 1},
			{VMCS_VM_EXIT_MSR_STORE_ADDRESS, ENTRY_BREAK_WHOLE, MISALIGNED_MSR_AREA}},
	},
	{
		.name = "exit_msr_store_area_beyond_physical_width",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_EXIT_MSR_STORE_COUNT, ENTRY_BREAK_WHOLE, 1},
			{VMCS_VM_EXIT_MSR_STORE_ADDRESS, ENTRY_BREAK_WHOLE,
				ENTRY_BREAK_BEYOND_WIDTH}},
	},
	{
		.name = "exit_msr_load_area_not_aligned",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_EXIT_MSR_LOAD_COUNT, ENTRY_BREAK_WHOLE, 1},
			{VMCS_VM_EXIT_MSR_LOAD_ADDRESS, ENTRY_BREAK_WHOLE, MISALIGNED_MSR_AREA}},
	},
	{
		.name = "entry_msr_load_area_not_aligned",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_MSR_LOAD_COUNT, ENTRY_BREAK_WHOLE, 1},
			{VMCS_VM_ENTRY_MSR_LOAD_ADDRESS, ENTRY_BREAK_WHOLE, MISALIGNED_MSR_AREA}},
	},
	{
		.name = "injection_of_reserved_type",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
			INJECT_RESERVED_TYPE}},
	},
	{
		.name = "injection_of_nmi_with_vector_3",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
			INJECT_NMI_VECTOR_3}},
	},
	{
		.name = "injection_of_exception_32",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
			INJECT_EXCEPTION(VECTOR_COUNT)}},
	},
	{
		.name = "injection_with_reserved_bit",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
			INJECT_EXCEPTION(VECTOR_UD) | INTERRUPTION_RESERVED_BIT}},
	},
	{
		.name = "injection_of_ud_with_error_code",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
				    INJECT_EXCEPTION(VECTOR_UD) | INTERRUPTION_HAS_ERROR_CODE},
			{VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, ENTRY_BREAK_WHOLE, 0}},
		.needs_strict_error_codes = true,
	},
	{
		.name = "injection_of_gp_without_error_code",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
			INJECT_EXCEPTION(VECTOR_GP)}},
		.guest = ENTRY_BREAK_PROTECTED_MODE,
		.needs_strict_error_codes = true,
	},
	{
		.name = "injection_with_error_code_too_wide",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
				    INJECT_EXCEPTION(VECTOR_GP) | INTERRUPTION_HAS_ERROR_CODE},
			{VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, ENTRY_BREAK_WHOLE,
				ERROR_CODE_TOO_WIDE}},
		.guest = ENTRY_BREAK_PROTECTED_MODE,
	},
	{
		.name = "injection_with_instruction_length_16",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
				    INJECT_SOFTWARE_INTERRUPT},
			{VMCS_VM_ENTRY_INSTRUCTION_LENGTH, ENTRY_BREAK_WHOLE,
				INSTRUCTION_LENGTH_TOO_HIGH}},
	},
	{
		.name = "deactivate_dual_monitor_outside_smm",
		.area = ENTRY_CHECK_CONTROLS,
		.changes = {{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_DEACTIVATE_DUAL_MONITOR}},
	},
};

const struct entry_break_table entry_break_controls = {control_rows, ARRAY_COUNT(control_rows)};
