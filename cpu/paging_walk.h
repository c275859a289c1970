/* SPDX-License-Identifier: MIT */
#ifndef CPU_PAGING_WALK_H
#define CPU_PAGING_WALK_H

#include "lib/bits.h"
#include "lib/types.h"

/* Entries of all levels: SDM Vol. 3A "4-Level Paging and 5-Level Paging". */
#define PAGING_ENTRY_PRESENT BIT(0)
#define PAGING_ENTRY_WRITE   BIT(1)
#define PAGING_ENTRY_PWT     BIT(3)
#define PAGING_ENTRY_PCD     BIT(4)
#define PAGING_ENTRY_LARGE   BIT(7) /* In a page directory or its parent: maps a page. */
#define PAGING_ENTRY_NX      BIT(63)
#define PAGING_ENTRY_ADDRESS BITS_MASK(51, 12)

enum {
	PAGING_LEVELS = 4,
	PAGING_ENTRIES = 512,
	PAGING_INDEX_BITS = 9,
	PAGING_PAGE_SHIFT = 12,
};

/* Level 1 is the page table, level 4 the PML4. Returns the bit of the address where the index of
 * that level begins; its entries map or lead to 1 << that many bytes. */
static inline unsigned paging_level_shift(unsigned level)
{
	return PAGING_PAGE_SHIFT + PAGING_INDEX_BITS * (level - 1);
}

static inline unsigned paging_index(uint64_t address, unsigned level)
{
	return (unsigned)((address >> paging_level_shift(level)) & (PAGING_ENTRIES - 1));
}

/* What the tables say of one linear address. */
struct paging_mapping {
	bool is_present;
	bool is_writable; /* All levels together, as the next one. */
	bool is_executable;
	uint64_t entry;     /* The entry that maps the page. */
	hpa_t address;      /* The translation of the address asked for. */
	uint64_t page_size; /* PAGE_SIZE_4K, _2M or _1G; 0 if not present. */
};

/* Walks given tables. Context: any; pure. */
struct paging_mapping paging_walk_tables(const uint64_t *pml4, uint64_t address);

/* Walks the tables that the CPU uses now. Context: any. */
struct paging_mapping paging_walk(uint64_t address);

/* True if all of the range can be read; size 0 can. Context: any. */
bool paging_is_readable(uint64_t address, uint64_t size_bytes);

#endif
