/* SPDX-License-Identifier: MIT */
#ifndef EXITS_ADVANCE_RIP_H
#define EXITS_ADVANCE_RIP_H

#include "cpu/registers.h"
#include "vm/vcpu.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/* Makes the single-step trap of an emulated instruction pending; see exits/advance_rip.c. */
void advance_rip_single_step(void);

/* Ends RFLAGS.RF and, with TF set, makes the single-step trap pending; see exits/advance_rip.c. */
void advance_rip_end_flags(uint64_t rflags);

/* Cuts a RIP that left 32 bits where the code is not 64-bit; see exits/advance_rip.c. */
uint64_t advance_rip_wrap(const struct vcpu *vcpu, uint64_t rip);

/* What the caller of advance_rip() knows of the guest's code. */
enum code_width {
	CODE_WIDTH_UNKNOWN,
	CODE_WIDTH_64,
};

/*
 * Ends the instruction that exited, as the CPU would have: RIP moves by its length, cut to 32 bits
 * outside 64-bit code; blocking by STI or MOV SS ends, and so does RFLAGS.RF; with RFLAGS.TF set a
 * single-step trap becomes pending. In the header because the hypercall path goes through it.
 * instruction_length is 1 to 15. Context: after an exit, before anything else changed RIP. Source:
 * SDM Vol. 3C "Information for VM Exits Due to Instruction Execution"; Vol. 3B "Single-Step
 * Exception Condition".
 */
static inline void advance_rip(
	const struct vcpu *vcpu, uint32_t instruction_length, enum code_width width)
{
	const uint64_t rip = vmcs_read_natural(VMCS_GUEST_RIP);
	uint64_t next = rip + instruction_length;
	uint32_t interruptibility;
	uint64_t rflags;

	/* Outside 64-bit code RIP has 32 bits, so only a carry out of them can be wrong. */
	if (width != CODE_WIDTH_64 && (rip ^ next) > UINT32_MAX) {
		next = advance_rip_wrap(vcpu, next);
	}
	vmcs_write_natural(VMCS_GUEST_RIP, next);
	/* Each field is read where it is tested: values that live over a call would cost a
	 * register. */
	interruptibility = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	if ((interruptibility & INTERRUPTIBILITY_SHADOW) != 0) {
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_STATE,
			interruptibility & ~(uint32_t)INTERRUPTIBILITY_SHADOW);
	}
	rflags = vmcs_read_natural(VMCS_GUEST_RFLAGS);
	if ((rflags & (RFLAGS_TF | RFLAGS_RF)) != 0) {
		advance_rip_end_flags(rflags);
	}
}

#endif
