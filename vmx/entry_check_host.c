/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3C "Checks on Host-State Area" with "Checks Related to Address-Space Size". */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/entry_check_rules.h"

/* A selector's RPL and TI: SDM Vol. 3A "Segment Selectors". */
#define SELECTOR_RPL_AND_TI BITS_MASK(2, 0)

static void check_control_registers(struct entry_check *check)
{
	const struct vmx_capability *capability = check->capability;
	const struct fixed_bits cr0 = {
		.field = VMCS_HOST_CR0,
		.fixed0 = capability->cr0_fixed0,
		.fixed1 = capability->cr0_fixed1,
		.rule_ones = "a CR0 bit that VMX operation fixes to 1 must be 1",
		.rule_zeros = "a CR0 bit that VMX operation fixes to 0 must be 0",
	};
	const struct fixed_bits cr4 = {
		.field = VMCS_HOST_CR4,
		.fixed0 = capability->cr4_fixed0,
		.fixed1 = capability->cr4_fixed1,
		.rule_ones = "a CR4 bit that VMX operation fixes to 1 must be 1",
		.rule_zeros = "a CR4 bit that VMX operation fixes to 0 must be 0",
	};
	bool has_cet = (vmcs_read_natural(VMCS_HOST_CR4) & CR4_CET) != 0;
	bool has_write_protect = (vmcs_read_natural(VMCS_HOST_CR0) & CR0_WP) != 0;

	entry_check_fixed_bits(check, &cr0);
	entry_check_fixed_bits(check, &cr4);
	entry_check_require(
		check, !has_cet || has_write_protect, VMCS_HOST_CR4, "CR4.CET needs CR0.WP");
	entry_check_cr3(check, VMCS_HOST_CR3);
}

static void check_efer(struct entry_check *check)
{
	bool is_64_bit = entry_check_has(check, CONTROL_EXIT, EXIT_HOST_ADDRESS_SPACE_SIZE);
	uint64_t efer = vmcs_read64(VMCS_HOST_IA32_EFER);

	entry_check_efer_reserved(check, VMCS_HOST_IA32_EFER);
	entry_check_require(check, ((efer & EFER_LMA) != 0) == is_64_bit, VMCS_HOST_IA32_EFER,
		"IA32_EFER.LMA must equal host address-space size");
	entry_check_require(check, ((efer & EFER_LME) != 0) == is_64_bit, VMCS_HOST_IA32_EFER,
		"IA32_EFER.LME must equal host address-space size");
}

static void check_msrs(struct entry_check *check)
{
	static const uint32_t canonical[] = {
		VMCS_HOST_IA32_SYSENTER_ESP,
		VMCS_HOST_IA32_SYSENTER_EIP,
	};

	entry_check_canonical_fields(check, canonical, ARRAY_COUNT(canonical));
	if (entry_check_has(check, CONTROL_EXIT, EXIT_LOAD_IA32_PERF_GLOBAL_CTRL)) {
		entry_check_perf_global_ctrl(check, VMCS_HOST_IA32_PERF_GLOBAL_CTRL);
	}
	if (entry_check_has(check, CONTROL_EXIT, EXIT_LOAD_IA32_PAT)) {
		entry_check_pat(check, VMCS_HOST_IA32_PAT);
	}
	if (entry_check_has(check, CONTROL_EXIT, EXIT_LOAD_IA32_EFER)) {
		check_efer(check);
	}
}

static void check_segments(struct entry_check *check)
{
	static const uint32_t selectors[] = {
		VMCS_HOST_ES_SELECTOR,
		VMCS_HOST_CS_SELECTOR,
		VMCS_HOST_SS_SELECTOR,
		VMCS_HOST_DS_SELECTOR,
		VMCS_HOST_FS_SELECTOR,
		VMCS_HOST_GS_SELECTOR,
		VMCS_HOST_TR_SELECTOR,
	};
	static const uint32_t canonical[] = {
		VMCS_HOST_FS_BASE,
		VMCS_HOST_GS_BASE,
		VMCS_HOST_GDTR_BASE,
		VMCS_HOST_IDTR_BASE,
		VMCS_HOST_TR_BASE,
	};
	bool is_64_bit = entry_check_has(check, CONTROL_EXIT, EXIT_HOST_ADDRESS_SPACE_SIZE);

	for (size_t i = 0; i < ARRAY_COUNT(selectors); i++) {
		entry_check_require(check,
			(entry_check_read(selectors[i]) & SELECTOR_RPL_AND_TI) == 0, selectors[i],
			"RPL and TI of a host selector must be 0");
	}
	entry_check_require(check, vmcs_read16(VMCS_HOST_CS_SELECTOR) != 0, VMCS_HOST_CS_SELECTOR,
		"the host's CS selector must not be 0");
	entry_check_require(check, vmcs_read16(VMCS_HOST_TR_SELECTOR) != 0, VMCS_HOST_TR_SELECTOR,
		"the host's TR selector must not be 0");
	entry_check_require(check, is_64_bit || vmcs_read16(VMCS_HOST_SS_SELECTOR) != 0,
		VMCS_HOST_SS_SELECTOR, "a 32-bit host's SS selector must not be 0");
	entry_check_canonical_fields(check, canonical, ARRAY_COUNT(canonical));
}

static void check_32_bit_host(struct entry_check *check)
{
	entry_check_require(check, false, VMCS_VM_EXIT_CONTROLS,
		"host address-space size must be 1 in IA-32e mode");
	entry_check_require(check, !entry_check_has(check, CONTROL_ENTRY, ENTRY_IA32E_MODE_GUEST),
		VMCS_VM_ENTRY_CONTROLS, "IA-32e mode guest needs host address-space size");
	entry_check_require(check, (vmcs_read_natural(VMCS_HOST_CR4) & CR4_PCIDE) == 0,
		VMCS_HOST_CR4, "CR4.PCIDE of a 32-bit host must be 0");
	entry_check_require(check, (vmcs_read_natural(VMCS_HOST_RIP) & HIGH_HALF) == 0,
		VMCS_HOST_RIP, "bits 63:32 of a 32-bit host's RIP must be 0");
}

static void check_64_bit_host(struct entry_check *check)
{
	static const uint32_t canonical[] = {VMCS_HOST_RIP};

	entry_check_require(check, (vmcs_read_natural(VMCS_HOST_CR4) & CR4_PAE) != 0, VMCS_HOST_CR4,
		"CR4.PAE of a 64-bit host must be 1");
	entry_check_canonical_fields(check, canonical, ARRAY_COUNT(canonical));
}

void entry_check_host(struct entry_check *check)
{
	entry_check_section(
		check, ENTRY_CHECK_HOST_STATE, "Checks on Host Control Registers, MSRs, and SSP");
	check_control_registers(check);
	check_msrs(check);
	entry_check_section(check, ENTRY_CHECK_HOST_STATE,
		"Checks on Host Segment and Descriptor-Table Registers");
	check_segments(check);
	entry_check_section(check, ENTRY_CHECK_HOST_STATE, "Checks Related to Address-Space Size");
	if (entry_check_has(check, CONTROL_EXIT, EXIT_HOST_ADDRESS_SPACE_SIZE)) {
		check_64_bit_host(check);
	} else {
		check_32_bit_host(check);
	}
}
