/* SPDX-License-Identifier: MIT */
#ifndef VMX_EPT_H
#define VMX_EPT_H

#include "cpu/msr.h"
#include "lib/status.h"
#include "lib/types.h"

/* EPT entry bits: SDM Vol. 3C "EPT Translation Mechanism". */
#define EPT_READ    (1ULL << 0)
#define EPT_WRITE   (1ULL << 1)
#define EPT_EXECUTE (1ULL << 2)
#define EPT_RWX     (EPT_READ | EPT_WRITE | EPT_EXECUTE)

enum { EPT_ADDRESS_BITS_MAX = 48 }; /* What a walk of four levels translates. */

/* Where an EPT takes its tables from: 4 KiB pages, returned zeroed; NULL when the pool is empty. */
struct ept_table_pool {
	void *(*allocate)(void *context);
	void (*release)(void *context, void *table);
	void *context;
};

/* One guest's second-level translation, four levels. */
struct ept {
	uint64_t *pml4;
	struct ept_table_pool pool;
	bool has_2m_pages;     /* EPT_CAP_PAGE_2M */
	bool has_1g_pages;     /* EPT_CAP_PAGE_1G, and 2 MiB ones to split them into. */
	unsigned address_bits; /* MAXPHYADDR: bounds guest- and host-physical addresses. */
	bool has_executable_large_pages; /* Else ept_map() withholds that right from them. */
	size_t table_count;              /* Tables taken from the pool, the PML4 included. */
};

/*
 * What the leaves of a mapping hold besides the address. With ignores_pat the memory type is what
 * stands here, whatever the guest's PAT says; without, the two are combined. SDM Vol. 3C "Memory
 * Type Used for Translated Guest-Physical Addresses". CR0.CD, which would overrule both, is the
 * host's.
 */
struct ept_attributes {
	uint64_t permissions; /* A mask of EPT_READ, EPT_WRITE and EPT_EXECUTE. */
	enum memory_type memory_type;
	bool ignores_pat;
};

/*
 * RAM. The host maps it write-back: a guest that gave it another type by its PAT would make the two
 * differ, which the SDM leaves undefined (Vol. 3A "Programming the PAT").
 */
extern const struct ept_attributes ept_ram;

/* What ept_walk() finds for one guest-physical address. */
struct ept_mapping {
	hpa_t address;      /* The translation of the address asked for. */
	uint64_t page_size; /* PAGE_SIZE_4K, _2M or _1G; 0 where nothing is mapped. */
	struct ept_attributes attributes;
	bool is_execute_withheld; /* A large page that ept_allow_fetch() makes executable. */
};

/*
 * Starts an empty EPT: nothing is mapped. ept_capability is IA32_VMX_EPT_VPID_CAP; address_bits is
 * MAXPHYADDR (36 to 52; translation reaches min(address_bits, 48)). Without
 * has_executable_large_pages the guest executes from 4-KByte pages alone (vmx/itlb_multihit.h).
 * Returns STATUS_OK; STATUS_NO_MEMORY. Context: any; pure but for the pool.
 */
must_use enum status ept_init(struct ept *ept, struct ept_table_pool pool, uint64_t ept_capability,
	unsigned address_bits, bool has_executable_large_pages);

/*
 * Maps [guest, guest + size_bytes) to [host, ...) with the largest pages that alignment and the CPU
 * allow. All three are 4 KiB aligned, size_bytes > 0; the permissions have EPT_READ set (write
 * without read is a misconfiguration). Without has_executable_large_pages EPT_EXECUTE holds at once
 * for 4-KByte pages alone; for larger ones after ept_allow_fetch().
 *
 * Returns STATUS_OK; STATUS_ALIGNMENT; STATUS_RANGE (empty, beyond the address width, wrapping);
 * STATUS_INVALID (permissions, memory type); STATUS_OVERLAP (a part is mapped already);
 * STATUS_NO_MEMORY. On any error nothing has changed but, perhaps, empty tables that remain in
 * place. Context: no vCPU is in VMX non-root operation with this EPT, and the caller invalidates
 * cached translations (vmx_invalidate_ept()) before one is again: a table that the call gave back
 * to the pool may still be cached until then.
 */
must_use enum status ept_map(struct ept *ept, gpa_t guest, hpa_t host, uint64_t size_bytes,
	struct ept_attributes attributes);

/*
 * Removes the mapping of [guest, guest + size_bytes), splitting larger pages at its edges; parts
 * that are not mapped are left so. Returns STATUS_OK; STATUS_ALIGNMENT; STATUS_RANGE;
 * STATUS_NO_MEMORY (a split needs a table; then nothing has changed). Tables that the range covers
 * wholly go back to the pool. Context: as ept_map().
 */
must_use enum status ept_unmap(struct ept *ept, gpa_t guest, uint64_t size_bytes);

/*
 * Changes the permissions of a range that is mapped wholly, splitting at its edges; memory types
 * stay. Errors as
 * ept_unmap(), STATUS_NOT_FOUND if a part is not mapped, STATUS_INVALID (permissions).
 */
must_use enum status ept_protect(
	struct ept *ept, gpa_t guest, uint64_t size_bytes, uint64_t permissions);

/*
 * Makes the 4-KByte page at `guest` executable if ept_map() or ept_protect() withheld that from the
 * large page that it is part of: a 1-GByte page becomes 2-MByte pages, and the 2-MByte page becomes
 * 4-KByte pages, all of them executable. Addresses, other permissions and memory types stay.
 * *is_split says whether something changed. Returns STATUS_OK, also where the page was executable
 * already; STATUS_NOT_FOUND if nothing is mapped there, or may not be executed; STATUS_NO_MEMORY if
 * a table is missing: nothing has changed.
 *
 * Context: vCPUs may be in VMX non-root operation with this EPT; no other change goes on. Each sees
 * an entry as it was or as it is, and both translate alike. Afterwards the caller has the CPUs
 * invalidate what they cache, so that none keeps the large page. No INVEPT has to come before the
 * first fetch: a page that was never executable is in no instruction TLB, and the EPT violation of
 * the fetch has removed what the CPU cached of that address. Source: SDM Vol. 3C "Operations that
 * Invalidate Cached Mappings", "Guidelines for Use of the INVEPT Instruction".
 */
must_use enum status ept_allow_fetch(struct ept *ept, gpa_t guest, bool *is_split);

/* Walks the tables as the CPU does. Returns page_size 0 where nothing is mapped. Context: any. */
struct ept_mapping ept_walk(const struct ept *ept, gpa_t guest);

/*
 * Returns the EPT pointer for the VMCS: write-back tables, walk length 4, accessed and dirty flags
 * off. Source: SDM Vol. 3C "Extended-Page-Table Pointer (EPTP)".
 */
uint64_t ept_pointer(const struct ept *ept);

/*
 * Gives every table back to the pool; does nothing after a failed ept_init() or a second time. The
 * EPT must be in no VMCS that still runs.
 */
void ept_destroy(struct ept *ept);

#endif
