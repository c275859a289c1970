/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_CODE_H
#define VM_GUEST_CODE_H

#include "lib/types.h"
#include "vm/guest_paging.h"
#include "vm/vcpu.h"

/*
 * Reads up to size_bytes of the guest's code at CS:RIP through its page tables, with the rights of
 * a fetch. Returns how many could be read (0 if none): the guest's other processors may have
 * changed the tables, and the code, since the CPU fetched it. Context: the vCPU's VMCS is current.
 */
size_t guest_code_read(struct vcpu *vcpu, uint8_t *bytes, size_t size_bytes);

/* The same for a caller that has read the paging state and CS's access rights. */
size_t guest_code_read_through(const struct vcpu *vcpu, const struct guest_paging *paging,
	uint32_t cs_access_rights, uint8_t *bytes, size_t size_bytes);

/* Writes the bytes as hex digits in pairs, split by blanks; cut where size_bytes ends. Context:
 * any. */
void guest_code_format(const uint8_t *bytes, size_t count, char *text, size_t size_bytes);

#endif
