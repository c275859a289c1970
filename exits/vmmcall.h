/* SPDX-License-Identifier: MIT */
#ifndef EXITS_VMMCALL_H
#define EXITS_VMMCALL_H

#include "lib/types.h"
#include "vm/vcpu.h"

/*
 * Returns where the opcode of a VMMCALL begins in an instruction's bytes: behind the prefixes that
 * it ignores; count if they are no VMMCALL. LOCK, 66, F2 and F3 make it another instruction.
 * Context: any; pure. Source: AMD64 APM Vol. 3 "VMMCALL", "Instruction Prefixes".
 */
size_t vmmcall_opcode_offset(const uint8_t *bytes, size_t count, bool is_64bit_code);

/*
 * Handles a #UD exit. VMMCALL, AMD's name for VMCALL, is rewritten into VMCALL in the guest's
 * memory, by a store that has the guest's own rights, and executed again: a page that it may not
 * write gives it a page fault. All else gets its #UD, VMMCALL in real and virtual-8086 mode too.
 * Context: the vCPU's VMCS is current; the exit did not come out of an event's delivery. Source:
 * Linux Documentation/virt/kvm/api.rst, KVM_X86_QUIRK_FIX_HYPERCALL_INSN.
 */
void vmmcall_or_invalid_opcode(struct vcpu *vcpu);

#endif
