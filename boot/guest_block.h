/* SPDX-License-Identifier: MIT */
#ifndef BOOT_GUEST_BLOCK_H
#define BOOT_GUEST_BLOCK_H

#include "boot/run_guest.h"

/*
 * The memory of a guest's state, besides its RAM and its EPT: a block for the VM, and one for each
 * vCPU. All is taken when the guest is made and cleared when it is given back.
 */

enum { VCPU_STACK_BYTES = 4 * 4096 };

/* The stack's end is where the VMCS's host RSP points: at the frame. */
struct vcpu_block {
	uint8_t guard[PAGE_SIZE_4K];
	uint8_t stack[VCPU_STACK_BYTES];
	struct vcpu vcpu;
	uint8_t vmcs[PAGE_SIZE_4K] __attribute__((aligned(PAGE_SIZE_4K)));
	uint8_t msr_bitmap[PAGE_SIZE_4K];
	uint8_t apic[PAGE_SIZE_4K];
};

_Static_assert(offsetof(struct vcpu_block, vcpu.frame) ==
		       offsetof(struct vcpu_block, stack) + VCPU_STACK_BYTES,
	"the frame stands right above the stack");
_Static_assert(offsetof(struct vcpu_block, vcpu.frame) % 16 == 0, "the stack is aligned");
_Static_assert(sizeof(struct vcpu_block) % PAGE_SIZE_4K == 0, "whole pages");

struct guest_block {
	struct vm vm;
	bool has_left; /* Atomic: all its vCPUs have left their CPUs. */
	struct vcpu_block *vcpu_blocks[VM_VCPUS_MAX];
	uint8_t apic_access[PAGE_SIZE_4K] __attribute__((aligned(PAGE_SIZE_4K)));
	/* Not before the page above: Bochs reads a byte more than a bitmap has (docs/bochs.md). */
	uint8_t io_bitmaps[2 * PAGE_SIZE_4K];
};

_Static_assert(sizeof(struct guest_block) % PAGE_SIZE_4K == 0, "whole pages");

/*
 * Takes and clears the memory of a guest with this many vCPUs; VPIDs count from vpid_first.
 * Returns NULL, with nothing taken, if there is none. Context: the boot processor.
 */
struct guest_block *guest_block_take(
	const struct run_context *context, unsigned vcpu_count, uint16_t vpid_first);

/* Clears it and gives it back. Context: the boot processor; the guest does not run. */
void guest_block_give(const struct run_context *context, struct guest_block *block);

/* Returns the bytes of all blocks and of the EPT: what the guest costs besides its RAM. */
uint64_t guest_block_size_bytes(const struct guest_block *block);

#endif
