/* SPDX-License-Identifier: MIT */
/* Exits whose handling is a sentence. */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "exits/exit.h"
#include "vm/event.h"
#include "vm/scheduler.h"
#include "vmx/control_bits.h"
#include "vmx/exit_qualification.h"
#include "vmx/vmcs.h"

/* INVD, WBINVD: the caches hold our memory too; INVD must not drop it, and a guest without devices
 * needs no write-back. */
enum exit_action exit_handle_nothing_to_do(struct vcpu *vcpu)
{
	(void)vcpu;
	return EXIT_NEXT_INSTRUCTION;
}

/* In a loop of them: the guest waits, for one of its own perhaps that waits for this CPU. */
enum exit_action exit_handle_pause(struct vcpu *vcpu)
{
	return scheduler_must_leave(vcpu) || scheduler_yield_to(vcpu, NULL) ? EXIT_NEXT_AND_LEAVE
									    : EXIT_NEXT_INSTRUCTION;
}

/* Instructions that the guest's CPUID does not show: VMX, SMX, MONITOR and MWAIT. */
enum exit_action exit_handle_invalid_opcode(struct vcpu *vcpu)
{
	(void)vcpu;
	event_inject_exception(VECTOR_UD);
	return EXIT_RESUME;
}

/* RDPMC: the guest's CPUID shows no performance counter, so every number is wrong. */
enum exit_action exit_handle_general_protection(struct vcpu *vcpu)
{
	(void)vcpu;
	event_inject_exception_with_error(VECTOR_GP, 0);
	return EXIT_RESUME;
}

enum exit_action exit_handle_triple_fault(struct vcpu *vcpu)
{
	vm_end(vcpu->vm, VM_END_CRASHED, 0, "triple fault");
	return EXIT_STOP;
}

enum exit_action exit_handle_task_switch(struct vcpu *vcpu)
{
	const struct task_switch task_switch =
		exit_task_switch(vmcs_read_natural(VMCS_EXIT_QUALIFICATION));

	vm_end(vcpu->vm, VM_END_CRASHED, 0,
		"hardware task switch, which is not virtualised selector=%#x",
		task_switch.tss_selector);
	return EXIT_STOP;
}
