/* SPDX-License-Identifier: MIT */
#ifndef EXITS_MOV_OPERAND_H
#define EXITS_MOV_OPERAND_H

#include "exits/mov_decode.h"
#include "vm/guest_paging.h"
#include "vm/vcpu.h"

/* An access of the guest that exited, as the exit describes it. */
struct mov_access {
	gpa_t address;
	bool is_read;
	bool is_write;
	bool has_linear_address; /* The VMCS's guest-linear address is that of the access. */
};

/*
 * Holds a decoded MOV against the exit that it is to complete: the same kind of access, whose
 * operand lies at the exit's linear address, and leads by the guest's segments and page tables,
 * with its rights at this CPL, to the exit's guest-physical address. Returns STATUS_OK, and in
 * *distance how far behind the operand's start the exit's address lies: 0, but for an operand that
 * crosses into the page; STATUS_CHANGED if they do not fit, so that the instruction is another one
 * than that which exited. The kind is LOAD or STORE. Context: the vCPU's VMCS is current.
 */
must_use enum status mov_operand_check(const struct vcpu *vcpu,
	const struct mov_instruction *instruction, const struct guest_paging *paging,
	const struct mov_access *access, uint64_t *distance);

#endif
