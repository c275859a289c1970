/* SPDX-License-Identifier: MIT */
#include "vmx/entry_check.h"

#include "vmx/control_bits.h"
#include "vmx/entry_check_rules.h"

void entry_check_section(struct entry_check *check, enum entry_check_area area, const char *title)
{
	check->area = area;
	check->title = title;
}

void entry_check_record(struct entry_check *check, uint32_t field, uint64_t value, const char *rule)
{
	if (check->failure_count < check->capacity) {
		check->failures[check->failure_count] = (struct entry_check_failure){
			.area = check->area,
			.field = field,
			.value = value,
			.rule = rule,
			.title = check->title,
		};
	}
	check->failure_count++;
}

void entry_check_require(struct entry_check *check, bool holds, uint32_t field, const char *rule)
{
	if (!holds) {
		entry_check_record(check, field, entry_check_read(field), rule);
	}
}

bool entry_check_injects(const struct entry_check *check, unsigned type)
{
	return check->interruption_info != 0 &&
	       bits_get(check->interruption_info, INTERRUPTION_TYPE_HIGH, INTERRUPTION_TYPE_LOW) ==
		       type;
}

static void read_controls(struct entry_check *check)
{
	uint32_t info = vmcs_read32(VMCS_VM_ENTRY_INTERRUPTION_INFO);

	check->controls[CONTROL_PIN] = vmcs_read32(VMCS_PIN_BASED_CONTROLS);
	check->controls[CONTROL_PRIMARY] = vmcs_read32(VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS);
	check->controls[CONTROL_EXIT] = vmcs_read32(VMCS_VM_EXIT_CONTROLS);
	check->controls[CONTROL_ENTRY] = vmcs_read32(VMCS_VM_ENTRY_CONTROLS);
	if (entry_check_has(check, CONTROL_PRIMARY, PRIMARY_ACTIVATE_SECONDARY)) {
		check->controls[CONTROL_SECONDARY] =
			vmcs_read32(VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS);
	}
	if ((info & INTERRUPTION_VALID) != 0) {
		check->interruption_info = info;
	}
}

size_t entry_check(const struct vmx_capability *capability, struct entry_check_failure *failures,
	size_t capacity)
{
	struct entry_check check = {
		.capability = capability,
		.failures = failures,
		.capacity = capacity,
	};

	read_controls(&check);
	entry_check_execution_controls(&check);
	entry_check_exit_controls(&check);
	entry_check_entry_controls(&check);
	entry_check_host(&check);
	entry_check_guest_registers(&check);
	entry_check_segments(&check);
	entry_check_descriptor_tables(&check);
	entry_check_rip_rflags(&check);
	entry_check_non_register_state(&check);
	entry_check_pdptes(&check);
	if (check.failure_count == 0) {
		entry_check_msr_loading(&check);
	}
	return check.failure_count;
}
