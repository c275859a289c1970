/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_PAGING_H
#define VM_GUEST_PAGING_H

#include "lib/status.h"
#include "lib/types.h"
#include "vm/guest_memory.h"

/* The guest's state that decides how it translates a linear address. */
struct guest_paging {
	struct guest_memory *memory;
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
	uint64_t pdpte[4]; /* PAE paging alone: the CPU's copies, not what memory says. */
	uint32_t pkru;     /* With CR4.PKE alone. */
	unsigned physical_address_bits;
};

enum guest_access {
	GUEST_ACCESS_READ = 0,
	GUEST_ACCESS_WRITE = 1 << 0,
	GUEST_ACCESS_USER = 1 << 1,
	GUEST_ACCESS_FETCH = 1 << 2,
	GUEST_ACCESS_AC_SET = 1 << 3, /* RFLAGS.AC: switches SMAP off. */
};

/* Page-fault error code: SDM Vol. 3A "Page-Fault Exceptions". */
#define PAGE_FAULT_PRESENT  (1u << 0)
#define PAGE_FAULT_WRITE    (1u << 1)
#define PAGE_FAULT_USER     (1u << 2)
#define PAGE_FAULT_RESERVED (1u << 3)
#define PAGE_FAULT_FETCH    (1u << 4)
#define PAGE_FAULT_KEY      (1u << 5)

/*
 * Walks the guest's page tables for a linear address: none, 32-bit, PAE and 4-level paging, with
 * the access rights of the SDM, protection keys too; sets accessed and dirty flags as the CPU
 * would. `access` is a mask of enum guest_access. The guest's other processors may change the
 * tables meanwhile: each entry is read once, and an entry that changed is not marked; the walk
 * begins again.
 *
 * Returns STATUS_OK with *address; STATUS_NOT_FOUND for a page fault with *error_code; STATUS_RANGE
 * if a table lies outside the guest's RAM, or must be marked and is read-only; STATUS_CHANGED if
 * entries changed in each of a few tries: the caller has the CPU execute the instruction again.
 * Context: any; no VMCS is touched. Source: SDM Vol. 3A "Paging", "Determination of Access Rights",
 * "Accessed and Dirty Flags".
 */
must_use enum status guest_paging_translate(const struct guest_paging *paging, gva_t linear,
	unsigned access, gpa_t *address, uint32_t *error_code);

/* Takes the state from the current VMCS, and PKRU from the CPU. */
void guest_paging_from_vmcs(
	struct guest_paging *paging, struct guest_memory *memory, unsigned physical_address_bits);

#endif
