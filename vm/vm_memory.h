/* SPDX-License-Identifier: MIT */
#ifndef VM_VM_MEMORY_H
#define VM_VM_MEMORY_H

#include "cpu/page_alloc.h"
#include "lib/status.h"
#include "vm/vm.h"
#include "vmx/capability.h"
#include "vmx/itlb_multihit.h"

/*
 * Lays the guest's RAM, which is at vm->memory_base, out by memory_layout_make() and builds its EPT
 * from free pages. With VM_POPULATE_TOUCH the EPT stays empty until vm_memory_populate(). Whether
 * the guest executes from large pages is as the CPU and large_pages say. Returns STATUS_OK;
 * STATUS_NO_MEMORY with nothing taken. Context: before the guest starts.
 */
must_use enum status vm_memory_create(struct vm *vm, struct page_alloc *pages,
	const struct vmx_capability *capability, enum large_page_choice large_pages);

/*
 * Maps the 4 KiB page of RAM that a guest-physical address lies in, at its first touch. Returns
 * STATUS_OK, also where another vCPU has just done it; STATUS_NOT_FOUND if there is no RAM, or all
 * of it was mapped at the start; STATUS_NO_MEMORY for want of an EPT table. Takes the memory's
 * lock.
 */
must_use enum status vm_memory_populate(struct vm *vm, gpa_t address);

/*
 * Makes the 4 KiB page of RAM that a guest-physical address lies in executable, at a fetch that
 * violated the EPT, by ept_allow_fetch(). Returns STATUS_OK, also where another vCPU has just done
 * it; *is_split says whether this call did, so that vcpu_flush_ept() is due. STATUS_NOT_FOUND
 * if there is no RAM; STATUS_NO_MEMORY for want of an EPT table. Takes the memory's lock.
 */
must_use enum status vm_memory_allow_fetch(struct vm *vm, gpa_t address, bool *is_split);

/* Gives the EPT back. The RAM is the caller's, to be cleared. Context: the guest has ended. */
void vm_memory_destroy(struct vm *vm);

#endif
