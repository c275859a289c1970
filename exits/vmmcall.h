/* SPDX-License-Identifier: MIT */
#ifndef EXITS_VMMCALL_H
#define EXITS_VMMCALL_H

#include "lib/types.h"
#include "vm/vcpu.h"

/* What stands where a #UD came from. */
enum vmmcall_code {
	VMMCALL_CODE_OTHER,
	VMMCALL_CODE_VMMCALL,
	VMMCALL_CODE_VMCALL,
	VMMCALL_CODE_TRUNCATED, /* The bytes end before it shows. */
};

/*
 * Tells what an instruction's bytes are, and where the opcode begins in them: behind the prefixes
 * that VMMCALL ignores. LOCK, 66, F2 and F3 make it another instruction. Context: any; pure.
 * Source: AMD64 APM Vol. 3 "VMMCALL", "Instruction Prefixes".
 */
enum vmmcall_code vmmcall_decode(
	const uint8_t *bytes, size_t count, bool is_64bit_code, size_t *offset);

/*
 * Handles a #UD exit. VMMCALL, AMD's name for VMCALL, is rewritten into VMCALL in the guest's
 * memory, by a store that has the guest's own rights, and executed again: a page that it may not
 * write gives it a page fault. What another processor has rewritten since the exit, or made
 * unreadable, is executed again too. All else gets its #UD, VMMCALL in real and virtual-8086 mode
 * too. Returns true if it injected an exception. Context: the vCPU's VMCS is current; the exit did
 * not come out of an event's delivery. Source: Linux Documentation/virt/kvm/api.rst,
 * KVM_X86_QUIRK_FIX_HYPERCALL_INSN.
 */
bool vmmcall_or_invalid_opcode(struct vcpu *vcpu);

#endif
