/* SPDX-License-Identifier: MIT */
#ifndef VM_HOST_STATE_H
#define VM_HOST_STATE_H

#include "cpu/gdt.h"
#include "vmx/entry.h"

/*
 * Fills the host-state area of the current VMCS from this CPU's registers, so that a VM exit comes
 * back to the state we are in now, with RSP at the frame and RIP at vmx_exit_entry. Context: GDT,
 * IDT and page tables are final.
 */
void host_state_write(const struct vmx_frame *frame, const struct gdt_cpu *cpu);

#endif
