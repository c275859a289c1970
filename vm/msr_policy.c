/* SPDX-License-Identifier: MIT */
#include "vm/msr_policy.h"

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
	bool is_reset; /* Not in the VMCS: we clear it between guests. */
	uint32_t needed_secondary;
};

static const struct passed_through passed_through[] = {
	{MSR_IA32_TSC, false, false, 0},
	{MSR_IA32_SYSENTER_CS, true, false, 0},
	{MSR_IA32_SYSENTER_ESP, true, false, 0},
	{MSR_IA32_SYSENTER_EIP, true, false, 0},
	{MSR_IA32_PAT, true, false, 0},
	{MSR_IA32_EFER, false, false, 0},
	{MSR_IA32_STAR, true, true, 0},
	{MSR_IA32_LSTAR, true, true, 0},
	{MSR_IA32_CSTAR, true, true, 0},
	{MSR_IA32_FMASK, true, true, 0},
	{MSR_IA32_FS_BASE, true, false, 0},
	{MSR_IA32_GS_BASE, true, false, 0},
	{MSR_IA32_KERNEL_GS_BASE, true, true, 0},
	{MSR_IA32_TSC_AUX, true, true, (uint32_t)SECONDARY_ENABLE_RDTSCP},
};

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
}

void msr_policy_reset_passed_through(const struct control_set *controls)
{
	for (size_t i = 0; i < ARRAY_COUNT(passed_through); i++) {
		if (passed_through[i].is_reset && is_passed_through(&passed_through[i], controls)) {
			insn_wrmsr(passed_through[i].msr, 0);
		}
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
		if ((value & ~(DEBUGCTL_LBR | DEBUGCTL_BTF)) != 0) {
			return false;
		}
		vmcs_write64(VMCS_GUEST_IA32_DEBUGCTL, value);
		return true;
	case MSR_IA32_EFER:
		return efer_write(value);
	default:
		return msr_mtrr_write(
			&vcpu->msrs, msr, value, vcpu->capability->physical_address_bits);
	}
}
