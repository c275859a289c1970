/* SPDX-License-Identifier: MIT */
#include "vmx/ept_table.h"

uint64_t *ept_table_take(struct ept *ept)
{
	uint64_t *table = ept->pool.allocate(ept->pool.context);

	if (table != NULL) {
		ept->table_count++;
	}
	return table;
}

void ept_table_release(struct ept *ept, uint64_t *table)
{
	ept->table_count--;
	ept->pool.release(ept->pool.context, table);
}

void ept_tree_release(struct ept *ept, uint64_t *table, enum ept_level level)
{
	for (size_t i = 0; level > EPT_LEVEL_PT && i < EPT_ENTRY_COUNT; i++) {
		if (ept_is_present(table[i]) && !ept_is_leaf(table[i], level)) {
			ept_tree_release(ept, ept_table_of(table[i]), level - 1);
		}
	}
	ept_table_release(ept, table);
}

uint64_t ept_leaf_entry(const struct ept *ept, uint64_t host, enum ept_level level, uint64_t bits)
{
	const uint64_t execute = EPT_EXECUTE | EPT_ENTRY_EXECUTE_WITHHELD;
	uint64_t entry = host | (bits & ~(EPT_ENTRY_ADDRESS | EPT_ENTRY_LARGE_PAGE | execute));

	if (level > EPT_LEVEL_PT) {
		entry |= EPT_ENTRY_LARGE_PAGE;
	}
	if ((bits & execute) == 0) {
		return entry;
	}
	return entry | (level == EPT_LEVEL_PT || ept->has_executable_large_pages
				       ? EPT_EXECUTE
				       : EPT_ENTRY_EXECUTE_WITHHELD);
}

struct ept_slot ept_find(const struct ept *ept, uint64_t address, uint64_t end)
{
	enum ept_level level = EPT_LEVEL_PML4;
	uint64_t *entry = &ept->pml4[ept_index(address, level)];

	while (ept_is_present(*entry) && !ept_is_leaf(*entry, level)) {
		if (is_aligned(address, ept_span(level)) && end - address >= ept_span(level)) {
			break;
		}
		level--;
		entry = &ept_table_of(*entry)[ept_index(address, level)];
	}
	return (struct ept_slot){.entry = entry, .level = level};
}

enum status ept_check_range(const struct ept *ept, gpa_t guest, uint64_t size_bytes)
{
	unsigned bits = ept->address_bits;

	if (bits > EPT_ADDRESS_BITS_MAX) {
		bits = EPT_ADDRESS_BITS_MAX;
	}
	if (!is_aligned(guest.value | size_bytes, PAGE_SIZE_4K)) {
		return STATUS_ALIGNMENT;
	}
	if (size_bytes == 0 || !range_fits(guest.value, size_bytes, BIT(bits))) {
		return STATUS_RANGE;
	}
	return STATUS_OK;
}

bool ept_permissions_are_valid(uint64_t permissions)
{
	return (permissions & EPT_READ) != 0 && (permissions & ~EPT_RWX) == 0;
}

bool ept_range_has(const struct ept *ept, uint64_t guest, uint64_t size_bytes, bool is_present)
{
	uint64_t end = guest + size_bytes;

	for (uint64_t address = guest; address < end;) {
		struct ept_slot slot = ept_find(ept, address, address);

		if (ept_is_present(*slot.entry) == is_present) {
			return true;
		}
		address = align_down(address, ept_span(slot.level)) + ept_span(slot.level);
	}
	return false;
}

void ept_clear(struct ept *ept, uint64_t guest, uint64_t size_bytes)
{
	uint64_t end = guest + size_bytes;

	for (uint64_t address = guest; address < end;) {
		struct ept_slot slot = ept_find(ept, address, end);

		if (ept_is_present(*slot.entry) && !ept_is_leaf(*slot.entry, slot.level)) {
			ept_tree_release(ept, ept_table_of(*slot.entry), slot.level - 1);
		}
		ept_entry_write(slot.entry, 0);
		address = align_down(address, ept_span(slot.level)) + ept_span(slot.level);
	}
}
