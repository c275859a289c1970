/* SPDX-License-Identifier: MIT */
#include "exits/exit.h"

#include "cpu/insn.h"
#include "cpu/panic.h"
#include "exits/advance_rip.h"
#include "exits/exit_table.h"
#include "exits/vmcall.h"
#include "vm/event.h"
#include "vm/scheduler.h"
#include "vm/vcpu_interrupts.h"
#include "vm/vcpu_posted.h"
#include "vm/vcpu_timer.h"

/* Ends the guest: nothing here handles what it did, or the CPU could not enter it. */
static __attribute__((cold, noinline)) enum vmx_resume exit_end_unhandled(
	struct vcpu *vcpu, uint32_t reason)
{
	if ((reason & EXIT_REASON_ENTRY_FAILURE) != 0) {
		if (bits_get(reason, EXIT_REASON_BASIC_HIGH, EXIT_REASON_BASIC_LOW) ==
			EXIT_REASON_ENTRY_FAILURE_MACHINE_CHECK) {
			panic("machine check while %s was entered", vcpu->vm->config->name);
		}
		vcpu_entry_failed(vcpu, reason);
		return VMX_RESUME_NOT;
	}
	vm_end(vcpu->vm, VM_END_CRASHED, 0, "unhandled VM exit %s reason=%#x qualification=%#lx",
		exit_reason_name(reason), reason, vmcs_read_natural(VMCS_EXIT_QUALIFICATION));
	return VMX_RESUME_NOT;
}

/* An exit out of an event's delivery: the event is delivered again unless the handler injected
 * another. */
static void exit_finish_delivery(void)
{
	if ((vmcs_read32(VMCS_VM_ENTRY_INTERRUPTION_INFO) & INTERRUPTION_VALID) == 0) {
		(void)event_reinject_interrupted();
	}
}

/* After a handler that did not complete an instruction. */
static __attribute__((cold, noinline)) enum vmx_resume exit_finish(
	struct vcpu *vcpu, enum exit_action action, size_t reason)
{
	switch (action) {
	case EXIT_NEXT_DECODED:
		advance_rip(vcpu, vcpu->decoded_length, CODE_WIDTH_UNKNOWN);
		return VMX_RESUME_ALL;
	case EXIT_RESUME:
		if (exit_table[reason].may_interrupt_delivery) {
			exit_finish_delivery();
		}
		return VMX_RESUME_ALL;
	case EXIT_NEXT_AND_LEAVE:
		advance_rip(vcpu, vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH), CODE_WIDTH_UNKNOWN);
		return VMX_RESUME_NOT;
	case EXIT_LEAVE:
	case EXIT_STOP:
		return VMX_RESUME_NOT;
	default:
		return exit_end_unhandled(vcpu, (uint32_t)reason);
	}
}

/* Returns what becomes of the guest after its handler's action. */
static enum vmx_resume exit_act(struct vcpu *vcpu, enum exit_action action, size_t reason)
{
	if (action != EXIT_NEXT_INSTRUCTION) {
		return exit_finish(vcpu, action, reason);
	}
	advance_rip(vcpu, vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH), CODE_WIDTH_UNKNOWN);
	return VMX_RESUME_ALL;
}

/*
 * What other CPUs ask for is done here too: their IPI may be kept away by a guest with interrupts
 * disabled (docs/bochs.md). Returns what becomes of the guest. Context: its handler has finished.
 */
static enum vmx_resume exit_obey_others(struct vcpu *vcpu)
{
	if (scheduler_must_leave(vcpu)) {
		return VMX_RESUME_NOT;
	}
	if (vcpu_has_posted(vcpu)) {
		vcpu_interrupts_update(vcpu);
	}
	return vcpu->deferred_requests != 0 ? VMX_RESUME_NOT : VMX_RESUME_ALL;
}

/* From an eighth of the way to the next deadline on. Apart, so that the other exits need not keep
 * their result over a call. */
static __attribute__((cold, noinline)) enum vmx_resume exit_late(
	struct vcpu *vcpu, enum vmx_resume resume)
{
	if (resume != VMX_RESUME_NOT) {
		resume = exit_obey_others(vcpu);
	}
	vcpu_timer_refresh(vcpu);
	return resume;
}

/* All exits but VMCALL. The reason is as wide as an index: it is kept but once. */
static __attribute__((noinline)) enum vmx_resume exit_dispatch_by_table(
	struct vcpu *vcpu, size_t reason)
{
	enum vmx_resume resume;
	uint64_t now;

	/* A failed entry has bit 31 set, so it is not below the table's end either. */
	if (reason >= EXIT_REASON_COUNT || exit_table[reason].handler == NULL) {
		return exit_end_unhandled(vcpu, (uint32_t)reason);
	}
	resume = exit_act(vcpu, exit_table[reason].handler(vcpu), reason);
	now = insn_rdtsc();
	tick_histogram_add(&vcpu->exit_ticks[reason], now - vcpu->exit_tsc);
	return vcpu_timer_is_late(vcpu, now) ? exit_late(vcpu, resume) : resume;
}

enum vmx_resume exit_dispatch(struct vmx_frame *frame)
{
	struct vcpu *vcpu = (struct vcpu *)(void *)frame;
	uint32_t reason;

	vcpu->exit_tsc = insn_rdtsc();
	reason = vmcs_read32(VMCS_EXIT_REASON);
	return reason == EXIT_REASON_VMCALL ? vmcall(vcpu) : exit_dispatch_by_table(vcpu, reason);
}
