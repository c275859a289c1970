/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3C "Checks on Guest Control Registers, Debug Registers, and MSRs". */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/entry_check_rules.h"

/*
 * IA32_DEBUGCTL bits that no CPU with VMX defines: SDM Vol. 3B "IA32_DEBUGCTL MSR". Which of the
 * others exist depends on the model; those are left to the CPU.
 */
#define DEBUGCTL_RESERVED (BITS_MASK(63, 16) | BITS_MASK(5, 3))

/* IA32_BNDCFGS: enable, preserve, then the bound directory's base. */
#define BNDCFGS_RESERVED BITS_MASK(11, 2)
#define BNDCFGS_BASE     BITS_MASK(63, 12)

static void check_cr0(struct entry_check *check)
{
	const struct vmx_capability *capability = check->capability;
	uint64_t cr0 = vmcs_read_natural(VMCS_GUEST_CR0);
	/* VM entry does not change CR0.NW and CR0.CD, so they are not checked. */
	uint64_t unchecked = CR0_NW | CR0_CD;
	struct fixed_bits rule = {
		.field = VMCS_GUEST_CR0,
		.rule_ones = "a CR0 bit that VMX operation fixes to 1 must be 1",
		.rule_zeros = "a CR0 bit that VMX operation fixes to 0 must be 0",
	};

	if (entry_check_has(check, CONTROL_SECONDARY, SECONDARY_UNRESTRICTED_GUEST)) {
		unchecked |= CR0_PE | CR0_PG;
	}
	rule.fixed0 = capability->cr0_fixed0 & ~unchecked;
	rule.fixed1 = capability->cr0_fixed1 | unchecked;
	entry_check_fixed_bits(check, &rule);
	entry_check_require(check, (cr0 & CR0_PG) == 0 || (cr0 & CR0_PE) != 0, VMCS_GUEST_CR0,
		"CR0.PG needs CR0.PE");
}

static void check_cr4(struct entry_check *check)
{
	const struct fixed_bits rule = {
		.field = VMCS_GUEST_CR4,
		.fixed0 = check->capability->cr4_fixed0,
		.fixed1 = check->capability->cr4_fixed1,
		.rule_ones = "a CR4 bit that VMX operation fixes to 1 must be 1",
		.rule_zeros = "a CR4 bit that VMX operation fixes to 0 must be 0",
	};
	bool has_cet = (vmcs_read_natural(VMCS_GUEST_CR4) & CR4_CET) != 0;
	bool has_write_protect = (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_WP) != 0;

	entry_check_fixed_bits(check, &rule);
	entry_check_require(
		check, !has_cet || has_write_protect, VMCS_GUEST_CR4, "CR4.CET needs CR0.WP");
}

static void check_ia32e_mode(struct entry_check *check)
{
	uint64_t cr4 = vmcs_read_natural(VMCS_GUEST_CR4);

	if (entry_check_has(check, CONTROL_ENTRY, ENTRY_IA32E_MODE_GUEST)) {
		entry_check_require(check, (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PG) != 0,
			VMCS_GUEST_CR0, "IA-32e mode guest needs CR0.PG");
		entry_check_require(check, (cr4 & CR4_PAE) != 0, VMCS_GUEST_CR4,
			"IA-32e mode guest needs CR4.PAE");
	} else {
		entry_check_require(check, (cr4 & CR4_PCIDE) == 0, VMCS_GUEST_CR4,
			"CR4.PCIDE needs IA-32e mode guest");
	}
}

static void check_debug_controls(struct entry_check *check)
{
	if (!entry_check_has(check, CONTROL_ENTRY, ENTRY_LOAD_DEBUG_CONTROLS)) {
		return;
	}
	entry_check_require(check, (vmcs_read64(VMCS_GUEST_IA32_DEBUGCTL) & DEBUGCTL_RESERVED) == 0,
		VMCS_GUEST_IA32_DEBUGCTL, "IA32_DEBUGCTL must not set reserved bits");
	entry_check_require(check, (vmcs_read_natural(VMCS_GUEST_DR7) & HIGH_HALF) == 0,
		VMCS_GUEST_DR7, "bits 63:32 of DR7 must be 0");
}

static void check_efer(struct entry_check *check)
{
	uint64_t efer = vmcs_read64(VMCS_GUEST_IA32_EFER);
	bool is_active = (efer & EFER_LMA) != 0;
	bool is_enabled = (efer & EFER_LME) != 0;
	bool is_paging = (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PG) != 0;

	entry_check_efer_reserved(check, VMCS_GUEST_IA32_EFER);
	entry_check_require(check,
		is_active == entry_check_has(check, CONTROL_ENTRY, ENTRY_IA32E_MODE_GUEST),
		VMCS_GUEST_IA32_EFER, "IA32_EFER.LMA must equal IA-32e mode guest");
	entry_check_require(check, !is_paging || is_active == is_enabled, VMCS_GUEST_IA32_EFER,
		"IA32_EFER.LMA must equal IA32_EFER.LME while CR0.PG is 1");
}

static void check_bndcfgs(struct entry_check *check)
{
	uint64_t bndcfgs = vmcs_read64(VMCS_GUEST_IA32_BNDCFGS);

	entry_check_require(check, (bndcfgs & BNDCFGS_RESERVED) == 0, VMCS_GUEST_IA32_BNDCFGS,
		"bits 11:2 of IA32_BNDCFGS must be 0");
	entry_check_require(check, entry_check_is_canonical(check, bndcfgs & BNDCFGS_BASE),
		VMCS_GUEST_IA32_BNDCFGS, "the base in IA32_BNDCFGS must be canonical");
}

static void check_msrs(struct entry_check *check)
{
	static const uint32_t canonical[] = {
		VMCS_GUEST_IA32_SYSENTER_ESP,
		VMCS_GUEST_IA32_SYSENTER_EIP,
	};

	entry_check_canonical_fields(check, canonical, ARRAY_COUNT(canonical));
	if (entry_check_has(check, CONTROL_ENTRY, ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL)) {
		entry_check_perf_global_ctrl(check, VMCS_GUEST_IA32_PERF_GLOBAL_CTRL);
	}
	if (entry_check_has(check, CONTROL_ENTRY, ENTRY_LOAD_IA32_PAT)) {
		entry_check_pat(check, VMCS_GUEST_IA32_PAT);
	}
	if (entry_check_has(check, CONTROL_ENTRY, ENTRY_LOAD_IA32_EFER)) {
		check_efer(check);
	}
	if (entry_check_has(check, CONTROL_ENTRY, ENTRY_LOAD_IA32_BNDCFGS)) {
		check_bndcfgs(check);
	}
}

void entry_check_guest_registers(struct entry_check *check)
{
	entry_check_section(check, ENTRY_CHECK_GUEST_STATE,
		"Checks on Guest Control Registers, Debug Registers, and MSRs");
	check_cr0(check);
	check_cr4(check);
	check_ia32e_mode(check);
	entry_check_cr3(check, VMCS_GUEST_CR3);
	check_debug_controls(check);
	check_msrs(check);
}
