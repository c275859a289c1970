/* SPDX-License-Identifier: MIT */
#include "cpu/paging.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/paging_walk.h"
#include "lib/bits.h"
#include "lib/string.h"

enum {
	LEVEL_PAGE_TABLE = 1,
	LEVEL_DIRECTORY = 2,
	LEVEL_DIRECTORY_POINTER = 3,
};

/* A change to make: entry bits without the address; 0 takes the mapping away. */
struct change {
	uint64_t start;
	uint64_t end;
	uint64_t bits;
};

static uint64_t *new_table(struct paging *paging)
{
	uint64_t *table = paging->source.allocate(paging->source.context);

	if (table != NULL) {
		memset(table, 0, PAGE_SIZE_4K);
		paging->table_count++;
	}
	return table;
}

enum status paging_init(struct paging *paging, struct paging_source source)
{
	uint32_t features = 0;

	if (insn_cpuid(CPUID_LEAF_EXTENDED, 0).eax >= CPUID_LEAF_EXTENDED_FEATURES) {
		features = insn_cpuid(CPUID_LEAF_EXTENDED_FEATURES, 0).edx;
	}
	*paging = (struct paging){
		.source = source,
		.has_1g_pages = (features & CPUID_80000001_EDX_PAGE1G) != 0,
		.has_nx = (features & CPUID_80000001_EDX_XD) != 0,
	};
	paging->pml4 = new_table(paging);
	return paging->pml4 != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

static bool is_page_level(const struct paging *paging, unsigned level)
{
	return level <= LEVEL_DIRECTORY ||
	       (level == LEVEL_DIRECTORY_POINTER && paging->has_1g_pages);
}

static uint64_t page_entry(uint64_t bits, uint64_t address, unsigned level)
{
	uint64_t large = level > LEVEL_PAGE_TABLE ? PAGING_ENTRY_LARGE : 0;

	return bits != 0 ? bits | large | address : 0;
}

/* Replaces a large page by a table of the next smaller ones that map the same. */
static void split(uint64_t *table, uint64_t entry, unsigned level)
{
	uint64_t size = BIT(paging_level_shift(level));
	uint64_t address = entry & PAGING_ENTRY_ADDRESS;
	uint64_t bits = entry & ~(PAGING_ENTRY_ADDRESS | PAGING_ENTRY_LARGE);

	for (unsigned i = 0; i < PAGING_ENTRIES; i++) {
		table[i] = page_entry(bits, address + i * size, level);
	}
}

/* Returns the table below an entry, made if need be; NULL if there is no memory for it. */
static uint64_t *descend(struct paging *paging, uint64_t *entry, unsigned level)
{
	uint64_t *table;

	if ((*entry & PAGING_ENTRY_PRESENT) != 0 && (*entry & PAGING_ENTRY_LARGE) == 0) {
		return hpa_pointer(hpa(*entry & PAGING_ENTRY_ADDRESS));
	}
	table = new_table(paging);
	if (table == NULL) {
		return NULL;
	}
	if ((*entry & PAGING_ENTRY_PRESENT) != 0) {
		split(table, *entry, level - 1);
	}
	*entry = hpa_of(table).value | PAGING_ENTRY_PRESENT | PAGING_ENTRY_WRITE;
	return table;
}

static enum status apply(
	struct paging *paging, uint64_t *table, unsigned level, struct change change)
{
	uint64_t size = BIT(paging_level_shift(level));

	while (change.start < change.end) {
		uint64_t *entry = &table[paging_index(change.start, level)];
		uint64_t next = align_down(change.start, size) + size;
		struct change part = change;
		uint64_t *below;
		enum status status;

		part.end = next < change.end ? next : change.end;
		change.start = part.end;
		if (part.end - part.start == size && is_page_level(paging, level)) {
			*entry = page_entry(part.bits, part.start, level);
			continue;
		}
		if (part.bits == 0 && (*entry & PAGING_ENTRY_PRESENT) == 0) {
			continue;
		}
		below = descend(paging, entry, level);
		if (below == NULL) {
			return STATUS_NO_MEMORY;
		}
		status = apply(paging, below, level - 1, part);
		if (status != STATUS_OK) {
			return status;
		}
	}
	return STATUS_OK;
}

static enum status change_range(
	struct paging *paging, uint64_t start, uint64_t size_bytes, uint64_t bits)
{
	if (!is_aligned(start | size_bytes, PAGE_SIZE_4K)) {
		return STATUS_ALIGNMENT;
	}
	if (!range_fits(start, size_bytes, PAGING_ADDRESS_LIMIT)) {
		return STATUS_RANGE;
	}
	return apply(paging, paging->pml4, PAGING_LEVELS,
		(struct change){.start = start, .end = start + size_bytes, .bits = bits});
}

static bool memory_type_bits(enum memory_type memory_type, uint64_t *bits)
{
	switch (memory_type) {
	case MEMORY_TYPE_WB:
		*bits = 0;
		return true;
	case MEMORY_TYPE_WC:
		*bits = PAGING_ENTRY_PWT;
		return true;
	case MEMORY_TYPE_UC:
		*bits = PAGING_ENTRY_PCD | PAGING_ENTRY_PWT;
		return true;
	default:
		return false;
	}
}

enum status paging_map(struct paging *paging, uint64_t start, uint64_t size_bytes,
	enum paging_access access, enum memory_type memory_type)
{
	uint64_t bits;

	if (!memory_type_bits(memory_type, &bits)) {
		return STATUS_INVALID;
	}
	bits |= PAGING_ENTRY_PRESENT;
	if (access == PAGING_READ_WRITE) {
		bits |= PAGING_ENTRY_WRITE;
	}
	if (access != PAGING_READ_EXECUTE && paging->has_nx) {
		bits |= PAGING_ENTRY_NX;
	}
	return change_range(paging, start, size_bytes, bits);
}

enum status paging_unmap(struct paging *paging, uint64_t start, uint64_t size_bytes)
{
	return change_range(paging, start, size_bytes, 0);
}
