/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_STORE_H
#define VM_GUEST_STORE_H

#include "lib/status.h"
#include "lib/types.h"
#include "vm/vcpu.h"

enum { GUEST_STORE_BYTES_MAX = 8 };

/* A page fault that a store met. */
struct guest_store_fault {
	gva_t address;
	uint32_t error_code;
};

/* Bytes to put in the place of others. */
struct guest_store_change {
	const uint8_t *expected;
	const uint8_t *bytes;
	size_t size_bytes; /* 1 to GUEST_STORE_BYTES_MAX. */
};

/*
 * Puts bytes at a linear address in the place of those that are expected there, as the guest itself
 * would at this CPL, through its page tables. Outside of 64-bit code addresses wrap around at 4
 * GiB. Both pages are checked before a byte is written. The guest's other processors never see a
 * part of the change where the bytes lie in one aligned quadword; elsewhere each byte that differs
 * changes by itself. Returns STATUS_OK; STATUS_NOT_FOUND with *fault for a page fault, which is not
 * injected; STATUS_RANGE if a page or a page table is not RAM that the guest may write;
 * STATUS_CHANGED if other bytes stand there by now, or the page tables changed under the walk.
 * Context: the vCPU's VMCS is current.
 */
must_use enum status guest_store_replace(struct vcpu *vcpu, gva_t linear,
	const struct guest_store_change *change, struct guest_store_fault *fault);

#endif
