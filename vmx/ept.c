/* SPDX-License-Identifier: MIT */
#include "vmx/ept.h"

#include "lib/bits.h"
#include "vmx/capability.h"
#include "vmx/control_bits.h"
#include "vmx/ept_table.h"

const struct ept_attributes ept_ram = {
	.permissions = EPT_RWX,
	.memory_type = MEMORY_TYPE_WB,
	.ignores_pat = true,
};

enum status ept_init(struct ept *ept, struct ept_table_pool pool, uint64_t ept_capability,
	unsigned address_bits, bool has_executable_large_pages)
{
	bool has_2m_pages = (ept_capability & EPT_CAP_PAGE_2M) != 0;

	/* The SDM ties neither page size to the other; a 1 GiB page is split through 2 MiB ones. */
	*ept = (struct ept){
		.pool = pool,
		.has_2m_pages = has_2m_pages,
		.has_1g_pages = has_2m_pages && (ept_capability & EPT_CAP_PAGE_1G) != 0,
		.address_bits = address_bits,
		.has_executable_large_pages = has_executable_large_pages,
	};
	ept->pml4 = ept_table_take(ept);
	return ept->pml4 != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* The memory types that an EPT leaf may hold; others are a misconfiguration. */
static bool memory_type_is_valid(enum memory_type memory_type)
{
	switch (memory_type) {
	case MEMORY_TYPE_UC:
	case MEMORY_TYPE_WC:
	case MEMORY_TYPE_WT:
	case MEMORY_TYPE_WP:
	case MEMORY_TYPE_WB:
		return true;
	case MEMORY_TYPE_UC_MINUS:
	default:
		return false;
	}
}

/* All bits of a leaf but its address and size. */
static uint64_t attribute_bits(struct ept_attributes attributes)
{
	return bits_put(attributes.permissions, EPT_ENTRY_MEMORY_TYPE_HIGH,
		       EPT_ENTRY_MEMORY_TYPE_LOW, (uint64_t)attributes.memory_type) |
	       (attributes.ignores_pat ? EPT_ENTRY_IGNORE_PAT : 0);
}

static enum ept_level largest_level(
	const struct ept *ept, uint64_t guest, uint64_t host, uint64_t size_bytes)
{
	if (ept->has_1g_pages && is_aligned(guest | host, PAGE_SIZE_1G) &&
		size_bytes >= PAGE_SIZE_1G) {
		return EPT_LEVEL_PDPT;
	}
	if (ept->has_2m_pages && is_aligned(guest | host, PAGE_SIZE_2M) &&
		size_bytes >= PAGE_SIZE_2M) {
		return EPT_LEVEL_PD;
	}
	return EPT_LEVEL_PT;
}

/* Returns the entry for `guest` at that level, with the tables above it made; NULL without room. */
static uint64_t *make_entry(struct ept *ept, uint64_t guest, enum ept_level target)
{
	uint64_t *table = ept->pml4;

	for (enum ept_level level = EPT_LEVEL_PML4; level > target; level--) {
		uint64_t *entry = &table[ept_index(guest, level)];

		if (!ept_is_present(*entry)) {
			table = ept_table_take(ept);
			if (table == NULL) {
				return NULL;
			}
			ept_entry_write(entry, ept_table_entry(table));
		}
		table = ept_table_of(*entry);
	}
	return &table[ept_index(guest, target)];
}

/* Nothing in the range is mapped. bits: of a leaf, all but its address and size. */
static enum status map_free_range(
	struct ept *ept, uint64_t guest, uint64_t host, uint64_t size_bytes, uint64_t bits)
{
	for (uint64_t done = 0; done < size_bytes;) {
		enum ept_level level =
			largest_level(ept, guest + done, host + done, size_bytes - done);
		uint64_t *entry = make_entry(ept, guest + done, level);

		if (entry == NULL) {
			ept_clear(ept, guest, done);
			return STATUS_NO_MEMORY;
		}
		if (ept_is_present(*entry)) {
			/* Empty tables, left by an earlier unmapping, where a large page fits. */
			ept_tree_release(ept, ept_table_of(*entry), level - 1);
		}
		ept_entry_write(entry, ept_leaf_entry(ept, host + done, level, bits));
		done += ept_span(level);
	}
	return STATUS_OK;
}

enum status ept_map(struct ept *ept, gpa_t guest, hpa_t host, uint64_t size_bytes,
	struct ept_attributes attributes)
{
	enum status status = ept_check_range(ept, guest, size_bytes);

	if (status != STATUS_OK) {
		return status;
	}
	if (!is_aligned(host.value, PAGE_SIZE_4K)) {
		return STATUS_ALIGNMENT;
	}
	if (!range_fits(host.value, size_bytes, BIT(ept->address_bits))) {
		return STATUS_RANGE;
	}
	if (!ept_permissions_are_valid(attributes.permissions) ||
		!memory_type_is_valid(attributes.memory_type)) {
		return STATUS_INVALID;
	}
	if (ept_range_has(ept, guest.value, size_bytes, true)) {
		return STATUS_OVERLAP;
	}
	return map_free_range(ept, guest.value, host.value, size_bytes, attribute_bits(attributes));
}

struct ept_mapping ept_walk(const struct ept *ept, gpa_t guest)
{
	struct ept_mapping mapping = {.page_size = 0};
	struct ept_slot slot;
	uint64_t offset;

	if (ept_check_range(ept, gpa(align_down(guest.value, PAGE_SIZE_4K)), PAGE_SIZE_4K) !=
		STATUS_OK) {
		return mapping;
	}
	slot = ept_find(ept, guest.value, guest.value);
	if (!ept_is_present(*slot.entry)) {
		return mapping;
	}
	offset = guest.value & (ept_span(slot.level) - 1);
	mapping.address = hpa((*slot.entry & EPT_ENTRY_ADDRESS) + offset);
	mapping.page_size = ept_span(slot.level);
	mapping.attributes = ept_attributes_of(*slot.entry);
	mapping.is_execute_withheld = (*slot.entry & EPT_ENTRY_EXECUTE_WITHHELD) != 0;
	return mapping;
}

uint64_t ept_pointer(const struct ept *ept)
{
	uint64_t pointer = hpa_of(ept->pml4).value;

	pointer = bits_put(
		pointer, EPTP_MEMORY_TYPE_HIGH, EPTP_MEMORY_TYPE_LOW, (uint64_t)MEMORY_TYPE_WB);
	/* The field holds the walk length less 1. */
	return bits_put(pointer, EPTP_WALK_LENGTH_HIGH, EPTP_WALK_LENGTH_LOW, EPT_LEVEL_PML4 - 1);
}

void ept_destroy(struct ept *ept)
{
	if (ept->pml4 != NULL) {
		ept_tree_release(ept, ept->pml4, EPT_LEVEL_PML4);
		ept->pml4 = NULL;
	}
}
