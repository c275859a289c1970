/* SPDX-License-Identifier: MIT */
#ifndef VM_EVENT_H
#define VM_EVENT_H

#include "lib/types.h"

/*
 * Events for the guest at the next VM entry, through the VM-entry interruption-information field.
 * The last call before the entry wins. Context: the vCPU's VMCS is current. Source: SDM Vol. 3C
 * "VM-Entry Controls for Event Injection".
 */

/*
 * Injects a hardware exception that has no error code (#UD, #DB). A fault is pushed with RFLAGS.RF
 * set, so that an instruction breakpoint on its instruction does not strike twice; a #DB with RF as
 * it is, which the VM exit decided. SDM Vol. 3B "Instruction-Breakpoint Exception Condition".
 */
void event_inject_exception(unsigned vector);

/*
 * Injects the #DB of INT1, which exited before it ended: the CPU pushes the RIP behind its
 * instruction_length bytes.
 */
void event_inject_int1(uint32_t instruction_length);

/* Injects an external interrupt, or an NMI. The guest can take it: SDM Vol. 3C "Checks on Guest
 * Non-Register State". */
void event_inject_interrupt(uint8_t vector);
void event_inject_nmi(void);

/* Injects a hardware exception with an error code (#GP). */
void event_inject_exception_with_error(unsigned vector, uint32_t error_code);

/* Injects a page fault: sets CR2 to the linear address. */
void event_inject_page_fault(gva_t address, uint32_t error_code);

/*
 * If the exit interrupted the delivery of an event through the IDT, injects that event again.
 * Returns true if so. Source: SDM Vol. 3C "Information for VM Exits That Occur During Event
 * Delivery".
 */
bool event_reinject_interrupted(void);

#endif
