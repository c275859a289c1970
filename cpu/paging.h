/* SPDX-License-Identifier: MIT */
#ifndef CPU_PAGING_H
#define CPU_PAGING_H

#include "cpu/msr.h"
#include "lib/status.h"
#include "lib/types.h"

/*
 * What IA32_PAT holds while our tables are in use: as after reset, but PAT entry 1 (PWT alone) is
 * write-combining, for the framebuffer.
 */
#define PAGING_PAT_VALUE 0x0007040600070106ULL

/* What our tables can map: the lower half of what four levels translate. */
#define PAGING_ADDRESS_LIMIT BIT(47)

/* Where tables come from: pages of 4 KiB with any contents; NULL when there are no more. */
struct paging_source {
	void *(*allocate)(void *context);
	void *context;
};

/* The host's page tables: identity, four levels. */
struct paging {
	uint64_t *pml4;
	struct paging_source source;
	bool has_1g_pages;
	bool has_nx;
	size_t table_count; /* Tables taken from the source, the PML4 included. */
};

/* No page can be both written and executed. */
enum paging_access {
	PAGING_READ_ONLY,
	PAGING_READ_WRITE,
	PAGING_READ_EXECUTE,
};

/*
 * Starts with nothing mapped. The page sizes and NX come from CPUID. Returns STATUS_OK;
 * STATUS_NO_MEMORY. Context: boot.
 */
must_use enum status paging_init(struct paging *paging, struct paging_source source);

/*
 * Maps [start, start + size_bytes) to itself with the largest pages that fit; what was mapped there
 * before is replaced, larger pages are split. memory_type is WB, WC or UC. Returns STATUS_OK;
 * STATUS_ALIGNMENT (not whole 4 KiB pages); STATUS_RANGE (above 2^47, or wrapping); STATUS_INVALID
 * (another memory type); STATUS_NO_MEMORY (the map is then incomplete).
 * Context: boot; tables in use need an INVLPG for each page that was mapped before.
 */
must_use enum status paging_map(struct paging *paging, uint64_t start, uint64_t size_bytes,
	enum paging_access access, enum memory_type memory_type);

/* Takes the mapping of a range away. Errors and context as paging_map(). */
must_use enum status paging_unmap(struct paging *paging, uint64_t start, uint64_t size_bytes);

#endif
