/* SPDX-License-Identifier: MIT */
#include "cpu/paging_walk.h"

#include "cpu/insn.h"

/* Linear addresses that we use: the lower half of four levels. */
#define LINEAR_ADDRESS_LIMIT BIT(47)

struct paging_mapping paging_walk_tables(const uint64_t *pml4, uint64_t address)
{
	struct paging_mapping mapping = {.is_writable = true, .is_executable = true};
	const uint64_t *table = pml4;

	if (address >= LINEAR_ADDRESS_LIMIT) {
		return (struct paging_mapping){0};
	}
	for (unsigned level = PAGING_LEVELS;; level--) {
		uint64_t entry = table[paging_index(address, level)];
		uint64_t size = BIT(paging_level_shift(level));

		if ((entry & PAGING_ENTRY_PRESENT) == 0) {
			return (struct paging_mapping){0};
		}
		mapping.is_writable &= (entry & PAGING_ENTRY_WRITE) != 0;
		mapping.is_executable &= (entry & PAGING_ENTRY_NX) == 0;
		if (level == 1 || (entry & PAGING_ENTRY_LARGE) != 0) {
			mapping.is_present = true;
			mapping.entry = entry;
			mapping.page_size = size;
			mapping.address = hpa((align_down(entry & PAGING_ENTRY_ADDRESS, size)) +
					      (address & (size - 1)));
			return mapping;
		}
		table = hpa_pointer(hpa(entry & PAGING_ENTRY_ADDRESS));
	}
}

struct paging_mapping paging_walk(uint64_t address)
{
	return paging_walk_tables(
		hpa_pointer(hpa(insn_read_cr3() & PAGING_ENTRY_ADDRESS)), address);
}

bool paging_is_readable(uint64_t address, uint64_t size_bytes)
{
	uint64_t end = address + size_bytes;

	if (end < address) {
		return false;
	}
	while (address < end) {
		struct paging_mapping mapping = paging_walk(address);

		if (!mapping.is_present) {
			return false;
		}
		address = align_down(address, mapping.page_size) + mapping.page_size;
	}
	return true;
}
