/* SPDX-License-Identifier: MIT */
#ifndef EXITS_EXIT_H
#define EXITS_EXIT_H

#include "lib/types.h"
#include "vm/vcpu.h"
#include "vmx/entry.h"

/* What the dispatcher does after a handler. Only the dispatcher moves RIP. */
enum exit_action {
	EXIT_UNHANDLED = 0,    /* Ends the guest with a full report. */
	EXIT_RESUME,           /* Enter the guest as the VMCS says. */
	EXIT_NEXT_INSTRUCTION, /* Go on behind the instruction that exited. */
	EXIT_NEXT_DECODED,   /* The same, where we decoded the instruction: vcpu->decoded_length. */
	EXIT_NEXT_AND_LEAVE, /* Behind the instruction, when the scheduler says so. */
	EXIT_LEAVE,          /* As EXIT_RESUME, when the scheduler says so. */
	EXIT_STOP,           /* The VM has ended. */
};

/* One VM exit's handler. Context: the vCPU's VMCS is current; the exit's fields are unread. */
typedef enum exit_action (*exit_handler)(struct vcpu *vcpu);

/*
 * Handles one VM exit of the vCPU whose frame this is: the frame's handle_exit.
 */
enum vmx_resume exit_dispatch(struct vmx_frame *frame);

/* The handlers, by family. */
enum exit_action exit_handle_cpuid(struct vcpu *vcpu);
enum exit_action exit_handle_rdmsr(struct vcpu *vcpu);
enum exit_action exit_handle_wrmsr(struct vcpu *vcpu);
enum exit_action exit_handle_control_register(struct vcpu *vcpu);
enum exit_action exit_handle_io_instruction(struct vcpu *vcpu);
enum exit_action exit_handle_ept_violation(struct vcpu *vcpu);
enum exit_action exit_handle_ept_misconfiguration(struct vcpu *vcpu);
enum exit_action exit_handle_xsetbv(struct vcpu *vcpu);
enum exit_action exit_handle_exception_or_nmi(struct vcpu *vcpu);
enum exit_action exit_handle_external_interrupt(struct vcpu *vcpu);
enum exit_action exit_handle_window(struct vcpu *vcpu);
enum exit_action exit_handle_preemption_timer(struct vcpu *vcpu);
enum exit_action exit_handle_tpr_below_threshold(struct vcpu *vcpu);
enum exit_action exit_handle_apic_access(struct vcpu *vcpu);
enum exit_action exit_handle_apic_write(struct vcpu *vcpu);
enum exit_action exit_handle_virtualized_eoi(struct vcpu *vcpu);
enum exit_action exit_handle_hlt(struct vcpu *vcpu);
enum exit_action exit_handle_triple_fault(struct vcpu *vcpu);
enum exit_action exit_handle_nothing_to_do(struct vcpu *vcpu);
enum exit_action exit_handle_pause(struct vcpu *vcpu);
enum exit_action exit_handle_invalid_opcode(struct vcpu *vcpu);
enum exit_action exit_handle_general_protection(struct vcpu *vcpu);
enum exit_action exit_handle_task_switch(struct vcpu *vcpu);

#endif
