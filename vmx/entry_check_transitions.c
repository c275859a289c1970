/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3C "VM-Exit Control Fields", "VM-Entry Control Fields" under "Checks on VMX Controls".
 */
#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/entry_check_rules.h"

/* An entry of an MSR-store or MSR-load area: SDM Vol. 3C "VM-Exit Controls for MSRs". */
#define MSR_AREA_ENTRY_SIZE 16

#define INTERRUPTION_RESERVED  BITS_MASK(30, 12)
#define ERROR_CODE_RESERVED    BITS_MASK(31, 16)
#define INTERRUPTION_TYPE_1    1
#define INSTRUCTION_LENGTH_MAX 15

/* SDM Vol. 3A "Error Code": the vectors that push one. */
#define VECTORS_WITH_ERROR_CODE                                                                    \
	(BIT(VECTOR_DF) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) |      \
		BIT(VECTOR_PF) | BIT(VECTOR_AC))

struct msr_area {
	enum vmcs_field_32 count;
	enum vmcs_field_64 address;
};

static void check_msr_area(struct entry_check *check, struct msr_area area)
{
	uint64_t count = vmcs_read32(area.count);
	uint64_t address = vmcs_read64(area.address);
	uint64_t last = address + count * MSR_AREA_ENTRY_SIZE - 1;

	if (count == 0) {
		return;
	}
	entry_check_require(check, is_aligned(address, MSR_AREA_ENTRY_SIZE), area.address,
		"bits 3:0 of the MSR area's address must be 0");
	if (!entry_check_is_structure_address(check, address)) {
		entry_check_require(check, false, area.address,
			"the address must not set bits beyond the physical-address width");
		return;
	}
	entry_check_require(check, entry_check_is_structure_address(check, last), area.count,
		"the MSR area's last byte must lie within the physical-address width");
}

void entry_check_exit_controls(struct entry_check *check)
{
	entry_check_section(check, ENTRY_CHECK_CONTROLS, "VM-Exit Control Fields");
	entry_check_reserved_controls(check, CONTROL_EXIT);
	entry_check_require(check,
		entry_check_has(check, CONTROL_PIN, PIN_VMX_PREEMPTION_TIMER) ||
			!entry_check_has(check, CONTROL_EXIT, EXIT_SAVE_PREEMPTION_TIMER),
		VMCS_VM_EXIT_CONTROLS,
		"save VMX-preemption timer value needs activate VMX-preemption timer");
	check_msr_area(check,
		(struct msr_area){VMCS_VM_EXIT_MSR_STORE_COUNT, VMCS_VM_EXIT_MSR_STORE_ADDRESS});
	check_msr_area(check,
		(struct msr_area){VMCS_VM_EXIT_MSR_LOAD_COUNT, VMCS_VM_EXIT_MSR_LOAD_ADDRESS});
}

static void check_type_and_vector(struct entry_check *check)
{
	uint64_t info = check->interruption_info;
	uint64_t vector = bits_get(info, INTERRUPTION_VECTOR_HIGH, INTERRUPTION_VECTOR_LOW);
	bool has_monitor_trap_flag =
		(check->capability->primary.allowed1 & PRIMARY_MONITOR_TRAP_FLAG) != 0;
	bool is_other_event = entry_check_injects(check, INTERRUPTION_OTHER_EVENT);

	entry_check_require(check,
		!entry_check_injects(check, INTERRUPTION_TYPE_1) &&
			(!is_other_event || has_monitor_trap_flag),
		VMCS_VM_ENTRY_INTERRUPTION_INFO, "the interruption type must not be reserved");
	entry_check_require(check,
		!entry_check_injects(check, INTERRUPTION_NMI) || vector == VECTOR_NMI,
		VMCS_VM_ENTRY_INTERRUPTION_INFO, "an NMI's vector must be 2");
	entry_check_require(check,
		!entry_check_injects(check, INTERRUPTION_HARDWARE_EXCEPTION) ||
			vector < VECTOR_COUNT,
		VMCS_VM_ENTRY_INTERRUPTION_INFO,
		"a hardware exception's vector must be at most 31");
	entry_check_require(check, !is_other_event || vector == 0, VMCS_VM_ENTRY_INTERRUPTION_INFO,
		"the vector of an other event must be 0");
}

/* Real-address mode pushes no error codes; only an unrestricted guest can be in it. */
static bool can_push_error_code(const struct entry_check *check)
{
	return entry_check_injects(check, INTERRUPTION_HARDWARE_EXCEPTION) &&
	       (!entry_check_has(check, CONTROL_SECONDARY, SECONDARY_UNRESTRICTED_GUEST) ||
		       (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PE) != 0);
}

static void check_error_code(struct entry_check *check)
{
	uint64_t info = check->interruption_info;
	uint64_t vector = bits_get(info, INTERRUPTION_VECTOR_HIGH, INTERRUPTION_VECTOR_LOW);
	bool has_error_code = (info & INTERRUPTION_HAS_ERROR_CODE) != 0;
	bool pushes = vector < VECTOR_COUNT && (VECTORS_WITH_ERROR_CODE & BIT(vector)) != 0;
	bool is_free = (check->capability->basic & VMX_BASIC_ANY_ERROR_CODE) != 0;
	bool can_push = can_push_error_code(check);

	entry_check_require(check, !has_error_code || (can_push && (pushes || is_free)),
		VMCS_VM_ENTRY_INTERRUPTION_INFO,
		"the deliver-error-code bit must be 0 for an event without an error code");
	entry_check_require(check, has_error_code || !can_push || !pushes || is_free,
		VMCS_VM_ENTRY_INTERRUPTION_INFO,
		"the deliver-error-code bit must be 1 for an exception with an error code");
	entry_check_require(check, (info & INTERRUPTION_RESERVED) == 0,
		VMCS_VM_ENTRY_INTERRUPTION_INFO,
		"reserved bits 30:12 of the interruption information must be 0");
	if (has_error_code) {
		uint32_t error_code = vmcs_read32(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE);

		entry_check_require(check, (error_code & ERROR_CODE_RESERVED) == 0,
			VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE,
			"bits 31:16 of the exception error code must be 0");
	}
}

static void check_instruction_length(struct entry_check *check)
{
	uint32_t length;

	if (!entry_check_injects(check, INTERRUPTION_SOFTWARE_INTERRUPT) &&
		!entry_check_injects(check, INTERRUPTION_PRIVILEGED_SOFTWARE_EXCEPTION) &&
		!entry_check_injects(check, INTERRUPTION_SOFTWARE_EXCEPTION)) {
		return;
	}
	length = vmcs_read32(VMCS_VM_ENTRY_INSTRUCTION_LENGTH);
	entry_check_require(check,
		length != 0 || (check->capability->misc & VMX_MISC_INJECT_LENGTH_0) != 0,
		VMCS_VM_ENTRY_INSTRUCTION_LENGTH,
		"the instruction length must not be 0 on this CPU");
	entry_check_require(check, length <= INSTRUCTION_LENGTH_MAX,
		VMCS_VM_ENTRY_INSTRUCTION_LENGTH, "the instruction length must be at most 15");
}

static void check_smm_controls(struct entry_check *check)
{
	entry_check_require(check, !entry_check_has(check, CONTROL_ENTRY, ENTRY_TO_SMM),
		VMCS_VM_ENTRY_CONTROLS, "entry to SMM must be 0 outside SMM");
	entry_check_require(check,
		!entry_check_has(check, CONTROL_ENTRY, ENTRY_DEACTIVATE_DUAL_MONITOR),
		VMCS_VM_ENTRY_CONTROLS, "deactivate dual-monitor treatment must be 0 outside SMM");
	entry_check_require(check,
		!entry_check_has(
			check, CONTROL_ENTRY, ENTRY_TO_SMM | ENTRY_DEACTIVATE_DUAL_MONITOR),
		VMCS_VM_ENTRY_CONTROLS, "entry to SMM excludes deactivate dual-monitor treatment");
}

void entry_check_entry_controls(struct entry_check *check)
{
	entry_check_section(check, ENTRY_CHECK_CONTROLS, "VM-Entry Control Fields");
	entry_check_reserved_controls(check, CONTROL_ENTRY);
	if (check->interruption_info != 0) {
		check_type_and_vector(check);
		check_error_code(check);
		check_instruction_length(check);
	}
	check_msr_area(check,
		(struct msr_area){VMCS_VM_ENTRY_MSR_LOAD_COUNT, VMCS_VM_ENTRY_MSR_LOAD_ADDRESS});
	check_smm_controls(check);
}
