/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3C "Loading MSRs" at VM entry. */
#include "cpu/msr.h"
#include "vmx/entry_check_rules.h"

#define MSR_IA32_SMM_MONITOR_CTL 0x9b
#define MSR_X2APIC_FIRST         0x800
#define MSR_X2APIC_LAST          0x8ff

/* IA32_APIC_BASE: SDM Vol. 3A "Detecting and Enabling x2APIC Mode". */
#define APIC_BASE_X2APIC BIT(10)

/* IA32_VMX_MISC[27:25]: N, for a recommended maximum of 512 * (N + 1) MSRs in an area. */
#define VMX_MISC_MSR_LIST_HIGH 27
#define VMX_MISC_MSR_LIST_LOW  25
#define MSR_LIST_UNIT          512

struct msr_entry {
	uint32_t index;
	uint32_t reserved;
	uint64_t value;
};
_Static_assert(sizeof(struct msr_entry) == 16, "an entry of the area has 16 bytes");

static bool is_x2apic_mode(void)
{
	uint64_t apic_base;

	return insn_rdmsr_safe(MSR_IA32_APIC_BASE, &apic_base) &&
	       (apic_base & APIC_BASE_X2APIC) != 0;
}

static const char *broken_rule(const struct msr_entry *entry)
{
	if (entry->reserved != 0) {
		return "bits 63:32 of an MSR entry must be 0";
	}
	if (entry->index == MSR_IA32_FS_BASE || entry->index == MSR_IA32_GS_BASE) {
		return "IA32_FS_BASE and IA32_GS_BASE must not be in the area";
	}
	if (entry->index >= MSR_X2APIC_FIRST && entry->index <= MSR_X2APIC_LAST &&
		is_x2apic_mode()) {
		return "x2APIC MSRs must not be in the area in x2APIC mode";
	}
	if (entry->index == MSR_IA32_SMM_MONITOR_CTL) {
		return "IA32_SMM_MONITOR_CTL must not be in the area outside SMM";
	}
	return NULL;
}

void entry_check_msr_loading(struct entry_check *check)
{
	uint64_t count = vmcs_read32(VMCS_VM_ENTRY_MSR_LOAD_COUNT);
	uint64_t list_size =
		bits_get(check->capability->misc, VMX_MISC_MSR_LIST_HIGH, VMX_MISC_MSR_LIST_LOW);
	uint64_t maximum = MSR_LIST_UNIT * (list_size + 1);
	const struct msr_entry *entries;

	if (count == 0) {
		return;
	}
	entry_check_section(check, ENTRY_CHECK_MSR_LOADING, "Loading MSRs");
	if (count > maximum) {
		entry_check_require(check, false, VMCS_VM_ENTRY_MSR_LOAD_COUNT,
			"the MSR-load count should not exceed the recommended maximum");
		return;
	}
	entries = hpa_pointer(hpa(vmcs_read64(VMCS_VM_ENTRY_MSR_LOAD_ADDRESS)));
	for (uint64_t i = 0; i < count; i++) {
		const char *rule = broken_rule(&entries[i]);

		if (rule != NULL) {
			entry_check_record(
				check, VMCS_VM_ENTRY_MSR_LOAD_ADDRESS, entries[i].index, rule);
		}
	}
}
