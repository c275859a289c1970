/* SPDX-License-Identifier: MIT */
#include "cpu/insn.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "exits/exit.h"
#include "exits/operator_keys.h"
#include "vm/vcpu_interrupts.h"
#include "vm/vcpu_timer.h"
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

static bool is_woken(struct vcpu *vcpu)
{
	if (vcpu->is_kicked) {
		vcpu->is_kicked = false;
		return true;
	}
	return vcpu_interrupts_pend(vcpu) || vcpu->vm->end != VM_END_NONE;
}

/* Lets the CPU sleep until the guest has something to do; false if it never will have. */
static bool wait(struct vcpu *vcpu)
{
	while (!is_woken(vcpu)) {
		if (!vcpu_interrupts_may_come(vcpu)) {
			return false;
		}
		vcpu_timer_sleep(vcpu);
		operator_keys_poll(vcpu);
	}
	return true;
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
	const uint64_t start = insn_rdtsc();

	if (is_single_stepped(rflags) || is_debug_exception_pending()) {
		return EXIT_NEXT_INSTRUCTION;
	}
	if (!wait(vcpu)) {
		vm_end(vcpu->vm, VM_END_HALTED, 0,
			"HLT with interrupts %s and nothing that could wake it",
			(rflags & RFLAGS_IF) != 0 ? "enabled" : "disabled");
		return EXIT_STOP;
	}
	if (vcpu->vm->end != VM_END_NONE) {
		return EXIT_STOP;
	}
	/* What the guest slept is not what the exit cost. */
	vcpu->exit_tsc += insn_rdtsc() - start;
	end_interrupt_shadow();
	vcpu_interrupts_update(vcpu);
	return EXIT_NEXT_INSTRUCTION;
}
