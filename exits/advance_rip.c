/* SPDX-License-Identifier: MIT */
#include "exits/advance_rip.h"

#include "cpu/msr.h"

void advance_rip_single_step(void)
{
	/* With BTF set TF traps taken branches only, and no instruction that exits is a branch. */
	if ((vmcs_read64(VMCS_GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF) == 0) {
		vmcs_write_natural(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
			vmcs_read_natural(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS) | PENDING_DEBUG_BS);
	}
}

void advance_rip_end_flags(uint64_t rflags)
{
	/* SDM Vol. 3B "Instruction-Breakpoint Exception Condition": RF covers one instruction. */
	if ((rflags & RFLAGS_RF) != 0) {
		vmcs_write_natural(VMCS_GUEST_RFLAGS, rflags & ~RFLAGS_RF);
	}
	if ((rflags & RFLAGS_TF) != 0) {
		advance_rip_single_step();
	}
}

uint64_t advance_rip_wrap(const struct vcpu *vcpu, uint64_t rip)
{
	return vcpu_is_64bit_code(vcpu) ? rip : rip & UINT32_MAX;
}
