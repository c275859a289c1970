/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_STORE_H
#define VM_GUEST_STORE_H

#include "lib/status.h"
#include "lib/types.h"
#include "vm/vcpu.h"

/* A page fault that a store met. */
struct guest_store_fault {
	gva_t address;
	uint32_t error_code;
};

/*
 * Stores 1 to 4096 bytes at a linear address as the guest itself would at this CPL, through its
 * page tables. Outside of 64-bit code addresses wrap around at 4 GiB. Both pages are checked before
 * a byte is written. Returns STATUS_OK; STATUS_NOT_FOUND with *fault for a page fault, which is not
 * injected; STATUS_RANGE if a page or a page table is not RAM that the guest may write. Context:
 * the vCPU's VMCS is current.
 */
must_use enum status guest_store(struct vcpu *vcpu, gva_t linear, const void *bytes,
	size_t size_bytes, struct guest_store_fault *fault);

#endif
