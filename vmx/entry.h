/* SPDX-License-Identifier: MIT */
#ifndef VMX_ENTRY_H
#define VMX_ENTRY_H

#include "cpu/insn.h"
#include "lib/types.h"

/* The register numbers of instruction encodings, of exit qualifications and of our arrays. */
enum register_number {
	REGISTER_RAX,
	REGISTER_RCX,
	REGISTER_RDX,
	REGISTER_RBX,
	REGISTER_RSP, /* The guest's RSP lives in the VMCS; this slot is unused. */
	REGISTER_RBP,
	REGISTER_RSI,
	REGISTER_RDI,
	REGISTER_R8,
	REGISTER_R9,
	REGISTER_R10,
	REGISTER_R11,
	REGISTER_R12,
	REGISTER_R13,
	REGISTER_R14,
	REGISTER_R15,
	REGISTER_COUNT,
};

/* What becomes of the guest after a VM exit. */
enum vmx_resume {
	/*
	 * It goes on. Of the registers that a C function must preserve (RBX, RBP, R12 to R15) none
	 * was changed in the frame: the CPU holds them still, and they are not loaded.
	 */
	VMX_RESUME_CALL = 0,
	VMX_RESUME_ALL = 1, /* It goes on with all registers from the frame. */
	VMX_RESUME_NOT = 2, /* vmx_run() returns. */
};

/*
 * What the entry code needs of a vCPU. It stands right above the vCPU's stack: the VMCS's host RSP
 * points at it, so that a VM exit finds the frame at RSP and the stack for C below it.
 */
struct vmx_frame {
	uint64_t registers[REGISTER_COUNT]; /* The guest's, while it does not run. */
	enum vmx_resume (*handle_exit)(struct vmx_frame *frame); /* Handles one VM exit. */
	uint64_t return_rsp;  /* The stack of vmx_run()'s caller. */
	uint64_t is_launched; /* 0: the VMCS is clear, and VMLAUNCH enters it first. */
};

/*
 * Enters the guest of the current VMCS with the frame's registers, by VMLAUNCH or VMRESUME as
 * is_launched says, and goes on resuming it for as long as the frame's handler says so. The VMCS's
 * host RSP is `frame`, its host RIP vmx_exit_entry.
 *
 * Returns VMX_SUCCEED when the handler returned VMX_RESUME_NOT; VMX_FAIL_VALID or VMX_FAIL_INVALID
 * when VMLAUNCH or VMRESUME failed. Context: VMX root operation, interrupts disabled.
 */
enum vmx_result vmx_run(struct vmx_frame *frame);

/* Where VM exits arrive; only its address is used. */
void vmx_exit_entry(void);

#endif
