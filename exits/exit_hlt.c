/* SPDX-License-Identifier: MIT */
#include "cpu/registers.h"
#include "exits/exit.h"
#include "vm/vcpu_halt.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* A single-step trap is pending behind the HLT: it ends the halt at once. */
static bool is_single_stepped(uint64_t rflags)
{
	return (rflags & RFLAGS_TF) != 0 &&
	       (vmcs_read64(VMCS_GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF) == 0;
}

/* A #DB that MOV SS held back comes behind the HLT: it ends the halt too. */
static bool is_debug_exception_pending(void)
{
	return (vmcs_read_natural(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS) &
		       PENDING_DEBUG_ENABLED_BREAKPOINT) != 0;
}

/* The HLT is over: what blocked interrupts for it alone does not block what ended it. */
static void end_interrupt_shadow(void)
{
	const uint32_t interruptibility = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);

	if ((interruptibility & INTERRUPTIBILITY_SHADOW) != 0) {
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			interruptibility & ~(uint32_t)INTERRUPTIBILITY_SHADOW);
	}
}

enum exit_action exit_handle_hlt(struct vcpu *vcpu)
{
	const uint64_t rflags = vmcs_read_natural(VMCS_GUEST_RFLAGS);

	if (is_single_stepped(rflags) || is_debug_exception_pending()) {
		return EXIT_NEXT_INSTRUCTION;
	}
	if (vcpu_halt(vcpu)) {
		return EXIT_NEXT_AND_LEAVE;
	}
	end_interrupt_shadow();
	vcpu_interrupts_update(vcpu);
	return EXIT_NEXT_INSTRUCTION;
}
