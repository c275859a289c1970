/* SPDX-License-Identifier: MIT */
#include "exits/exit.h"

#include "exits/advance_rip.h"
#include "exits/exit_table.h"
#include "vm/event.h"

/* Ends the guest: nothing here handles what it did, or the CPU could not enter it. */
static bool exit_end_unhandled(struct vcpu *vcpu, uint32_t reason)
{
	if ((reason & EXIT_REASON_ENTRY_FAILURE) != 0) {
		vcpu_entry_failed(vcpu, reason);
		return false;
	}
	vm_end(vcpu->vm, VM_END_CRASHED, 0, "unhandled VM exit %s reason=%#x qualification=%#lx",
		exit_reason_name(reason), reason, vmcs_read_natural(VMCS_EXIT_QUALIFICATION));
	return false;
}

/* An exit out of an event's delivery: the event is delivered again unless the handler injected
 * another. */
static void exit_finish_delivery(enum exit_action action)
{
	if (action == EXIT_RESUME &&
		(vmcs_read32(VMCS_VM_ENTRY_INTERRUPTION_INFO) & INTERRUPTION_VALID) == 0) {
		(void)event_reinject_interrupted();
	}
}

bool exit_dispatch(struct vmx_frame *frame)
{
	struct vcpu *vcpu = (struct vcpu *)frame;
	const uint32_t reason = vmcs_read32(VMCS_EXIT_REASON);
	const struct exit_table_row *row;
	enum exit_action action;

	/* A failed entry has bit 31 set, so it is not below the table's end either. */
	if (reason >= EXIT_REASON_COUNT) {
		return exit_end_unhandled(vcpu, reason);
	}
	row = &exit_table[reason];
	vcpu->exit_counts[reason]++;
	action = row->handler == NULL ? EXIT_UNHANDLED : row->handler(vcpu);
	if (action == EXIT_NEXT_INSTRUCTION) {
		advance_rip(vcpu, vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LENGTH));
		return true;
	}
	if (action == EXIT_NEXT_DECODED) {
		advance_rip(vcpu, vcpu->decoded_length);
		return true;
	}
	if (action == EXIT_UNHANDLED) {
		return exit_end_unhandled(vcpu, reason);
	}
	if (row->may_interrupt_delivery) {
		exit_finish_delivery(action);
	}
	return action == EXIT_RESUME;
}
