/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_CODE_H
#define VM_GUEST_CODE_H

#include "lib/types.h"
#include "vm/vcpu.h"

/*
 * Reads up to size_bytes of the guest's code at CS:RIP through its page tables. Returns how many
 * could be read (0 if none). Context: the vCPU's VMCS is current.
 */
size_t guest_code_read(struct vcpu *vcpu, uint8_t *bytes, size_t size_bytes);

/* Writes the bytes as hex digits in pairs, split by blanks; cut where size_bytes ends. Context:
 * any. */
void guest_code_format(const uint8_t *bytes, size_t count, char *text, size_t size_bytes);

#endif
