/* SPDX-License-Identifier: MIT */
#include "vm/msr_policy.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/cpuid_policy.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum {
	BITMAP_READ_LOW = 0,
	BITMAP_READ_HIGH = 1024,
	BITMAP_WRITE_LOW = 2048,
	BITMAP_WRITE_HIGH = 3072,
	BITMAP_MSRS = 0x2000,
	BITS_PER_BYTE = 8,
	EXIT_ON_ALL = 0xff,
};

#define BITMAP_HIGH_FIRST    0xc0000000u
#define MISC_ENABLE_WRITABLE (BIT(0) | BIT(3) | BIT(16) | BIT(18) | BIT(22))

/* MSRs that pass through: the guest's alone while it runs, and of no effect on us. */
struct passed_through {
	uint32_t msr;
	bool is_written_through;
	uint32_t needed_secondary;
};

static const struct passed_through passed_through[] = {
	{MSR_IA32_TSC, false, 0},
	{MSR_IA32_SYSENTER_CS, true, 0},
	{MSR_IA32_SYSENTER_ESP, true, 0},
	{MSR_IA32_SYSENTER_EIP, true, 0},
	{MSR_IA32_PAT, true, 0},
	{MSR_IA32_EFER, false, 0},
	{MSR_IA32_STAR, true, 0},
	{MSR_IA32_LSTAR, true, 0},
	{MSR_IA32_CSTAR, true, 0},
	{MSR_IA32_FMASK, true, 0},
	{MSR_IA32_FS_BASE, true, 0},
	{MSR_IA32_GS_BASE, true, 0},
	{MSR_IA32_KERNEL_GS_BASE, true, 0},
	{MSR_IA32_TSC_AUX, true, (uint32_t)SECONDARY_ENABLE_RDTSCP},
};

#define TPR_IS_VIRTUAL   SECONDARY_VIRTUALIZE_X2APIC_MODE
#define READ_IS_VIRTUAL  (SECONDARY_VIRTUALIZE_X2APIC_MODE | SECONDARY_APIC_REGISTER_VIRTUALIZATION)
#define WRITE_IS_VIRTUAL (SECONDARY_VIRTUALIZE_X2APIC_MODE | SECONDARY_VIRTUAL_INTERRUPT_DELIVERY)
#define STATE_IS_VIRTUAL (READ_IS_VIRTUAL | SECONDARY_VIRTUAL_INTERRUPT_DELIVERY)

/*
 * Registers of the local APIC, by their offsets in its page, that the CPU answers for in x2APIC
 * mode while all of the controls are 1; without them the access would be one of the machine's own
 * APIC. SDM Vol. 3C "Virtualizing MSR-Based APIC Accesses". The CPU would give the page's bytes for
 * any MSR from 800H to 8FFH: those that do not exist, or cannot be read, are not here. The current
 * count is nowhere in the page. PPR and ISR are right in it only where the CPU delivers: else a PV
 * EOI may wait to be collected.
 */
struct virtual_register {
	uint16_t first;
	uint16_t last;
	uint64_t read_controls; /* 0: always exits. */
	uint64_t write_controls;
};

static const struct virtual_register virtual_registers[] = {
	{VIRTUAL_APIC_ID, VIRTUAL_APIC_VERSION, READ_IS_VIRTUAL, 0},
	{VIRTUAL_APIC_TPR, VIRTUAL_APIC_TPR, TPR_IS_VIRTUAL, TPR_IS_VIRTUAL},
	{VIRTUAL_APIC_PPR, VIRTUAL_APIC_PPR, STATE_IS_VIRTUAL, 0},
	{VIRTUAL_APIC_EOI, VIRTUAL_APIC_EOI, 0, WRITE_IS_VIRTUAL},
	{VIRTUAL_APIC_LDR, VIRTUAL_APIC_LDR, READ_IS_VIRTUAL, 0},
	{VIRTUAL_APIC_SVR, VIRTUAL_APIC_SVR, READ_IS_VIRTUAL, 0},
	{VIRTUAL_APIC_ISR, VIRTUAL_APIC_TMR - VIRTUAL_APIC_STRIDE, STATE_IS_VIRTUAL, 0},
	{VIRTUAL_APIC_TMR, VIRTUAL_APIC_ESR, READ_IS_VIRTUAL, 0},
	{VIRTUAL_APIC_ICR, VIRTUAL_APIC_ICR, READ_IS_VIRTUAL, 0},
	{VIRTUAL_APIC_LVT_TIMER, VIRTUAL_APIC_INITIAL_COUNT, READ_IS_VIRTUAL, 0},
	{VIRTUAL_APIC_DIVIDE, VIRTUAL_APIC_DIVIDE, READ_IS_VIRTUAL, 0},
	{VIRTUAL_APIC_SELF_IPI, VIRTUAL_APIC_SELF_IPI, 0, WRITE_IS_VIRTUAL},
};

static bool has_controls(const struct control_set *controls, uint64_t needed)
{
	return needed != 0 && (controls->secondary & needed) == needed;
}

static bool is_passed_through(const struct passed_through *row, const struct control_set *controls)
{
	return row->needed_secondary == 0 || (controls->secondary & row->needed_secondary) != 0;
}

static void bitmap_let_pass(uint8_t *bitmap, uint32_t msr, size_t low, size_t high)
{
	const bool is_high = msr >= BITMAP_HIGH_FIRST;
	const uint32_t index = is_high ? msr - BITMAP_HIGH_FIRST : msr;

	if (index < BITMAP_MSRS) {
		bitmap[(is_high ? high : low) + index / BITS_PER_BYTE] &=
			(uint8_t)~BIT(index % BITS_PER_BYTE);
	}
}

static void let_x2apic_pass(
	uint8_t *bitmap, const struct control_set *controls, const struct virtual_register *row)
{
	for (uint32_t offset = row->first; offset <= row->last; offset += VIRTUAL_APIC_STRIDE) {
		const uint32_t msr = VIRTUAL_APIC_MSR_FIRST + offset / VIRTUAL_APIC_STRIDE;

		if (has_controls(controls, row->read_controls)) {
			bitmap_let_pass(bitmap, msr, BITMAP_READ_LOW, BITMAP_READ_HIGH);
		}
		if (has_controls(controls, row->write_controls)) {
			bitmap_let_pass(bitmap, msr, BITMAP_WRITE_LOW, BITMAP_WRITE_HIGH);
		}
	}
}

void msr_policy_fill_bitmap(uint8_t *bitmap, const struct control_set *controls)
{
	memset(bitmap, EXIT_ON_ALL, PAGE_SIZE_4K);
	for (size_t i = 0; i < ARRAY_COUNT(passed_through); i++) {
		const struct passed_through *row = &passed_through[i];

		if (!is_passed_through(row, controls)) {
			continue;
		}
		bitmap_let_pass(bitmap, row->msr, BITMAP_READ_LOW, BITMAP_READ_HIGH);
		if (row->is_written_through) {
			bitmap_let_pass(bitmap, row->msr, BITMAP_WRITE_LOW, BITMAP_WRITE_HIGH);
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(virtual_registers); i++) {
		let_x2apic_pass(bitmap, controls, &virtual_registers[i]);
	}
}

/* Of those above that are not in the VMCS; the last one is there with RDTSCP only. */
static const uint32_t saved_msrs[] = {MSR_IA32_STAR, MSR_IA32_LSTAR, MSR_IA32_CSTAR, MSR_IA32_FMASK,
	MSR_IA32_KERNEL_GS_BASE, MSR_IA32_TSC_AUX};

_Static_assert(ARRAY_COUNT(saved_msrs) == VCPU_SAVED_MSRS, "vm/vcpu.h");

static size_t saved_count(const struct control_set *controls)
{
	return (controls->secondary & SECONDARY_ENABLE_RDTSCP) != 0 ? ARRAY_COUNT(saved_msrs)
								    : ARRAY_COUNT(saved_msrs) - 1;
}

void msr_policy_save(const struct control_set *controls, uint64_t values[VCPU_SAVED_MSRS])
{
	const size_t count = saved_count(controls);

	for (size_t i = 0; i < count; i++) {
		values[i] = insn_rdmsr(saved_msrs[i]);
	}
}

void msr_policy_restore(const struct control_set *controls, const uint64_t values[VCPU_SAVED_MSRS])
{
	const size_t count = saved_count(controls);

	for (size_t i = 0; i < count; i++) {
		insn_wrmsr(saved_msrs[i], values[i]);
	}
}

bool msr_policy_read(const struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_IA32_FEATURE_CONTROL:
		*value = FEATURE_CONTROL_LOCK;
		return true;
	case MSR_IA32_BIOS_SIGN_ID:
	case MSR_PLATFORM_INFO:
	case MSR_IA32_MCG_CAP:
	case MSR_IA32_MCG_STATUS:
		*value = 0;
		return true;
	case MSR_IA32_MISC_ENABLE:
		*value = vcpu->msrs.misc_enable;
		return true;
	case MSR_IA32_DEBUGCTL:
		*value = vmcs_read64(VMCS_GUEST_IA32_DEBUGCTL);
		return true;
	default:
		return msr_mtrr_read(&vcpu->msrs, msr, value);
	}
}

/* SDM Vol. 3A "IA32_EFER": reserved bits, and LME while paging is on, are #GP; LMA is ignored. */
static bool efer_write(uint64_t value)
{
	const uint64_t old = vmcs_read64(VMCS_GUEST_IA32_EFER);
	const bool is_paging = (vmcs_read_natural(VMCS_GUEST_CR0) & CR0_PG) != 0;

	if ((value & ~cpuid_policy_efer_allowed()) != 0) {
		return false;
	}
	if (is_paging && ((value ^ old) & EFER_LME) != 0) {
		return false;
	}
	vmcs_write64(VMCS_GUEST_IA32_EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
	return true;
}

/* With architectural LBRs the CPU refuses the bit: SDM Vol. 4, IA32_DEBUGCTL. */
static bool is_lbr_reserved(void)
{
	return insn_cpuid(CPUID_LEAF_BASIC, 0).eax >= CPUID_LEAF_STRUCTURED &&
	       (insn_cpuid(CPUID_LEAF_STRUCTURED, 0).edx & CPUID_7_EDX_ARCH_LBR) != 0;
}

bool msr_policy_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_IA32_BIOS_UPDT_TRIG:
	case MSR_IA32_BIOS_SIGN_ID:
		return true; /* No update is loaded; reading the signature says so. */
	case MSR_IA32_MCG_STATUS:
		return value == 0;
	case MSR_IA32_MISC_ENABLE:
		vcpu->msrs.misc_enable = (vcpu->msrs.misc_enable & ~MISC_ENABLE_WRITABLE) |
					 (value & MISC_ENABLE_WRITABLE);
		return true;
	case MSR_IA32_DEBUGCTL:
		if ((value & ~(DEBUGCTL_LBR | DEBUGCTL_BTF)) != 0 ||
			((value & DEBUGCTL_LBR) != 0 && is_lbr_reserved())) {
			return false;
		}
		/* Guests have no branch records: LBR stays 0. */
		vmcs_write64(VMCS_GUEST_IA32_DEBUGCTL, value & DEBUGCTL_BTF);
		return true;
	case MSR_IA32_EFER:
		return efer_write(value);
	default:
		return msr_mtrr_write(
			&vcpu->msrs, msr, value, vcpu->capability->physical_address_bits);
	}
}
