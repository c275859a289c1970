/* SPDX-License-Identifier: MIT */
#ifndef VMX_EPT_TABLE_H
#define VMX_EPT_TABLE_H

/* The tables under struct ept, for vmx/ept*.c only: entries, levels and how to find one. */

#include "lib/bits.h"
#include "vmx/ept.h"

/* Levels as the walk counts them down: SDM Vol. 3C "EPT Translation Mechanism". */
enum ept_level {
	EPT_LEVEL_PT = 1,
	EPT_LEVEL_PD = 2,
	EPT_LEVEL_PDPT = 3,
	EPT_LEVEL_PML4 = 4,
};

enum { EPT_INDEX_BITS = 9, EPT_ENTRY_COUNT = 1 << EPT_INDEX_BITS };

_Static_assert(EPT_ENTRY_COUNT * sizeof(uint64_t) == PAGE_SIZE_4K, "an EPT table fills a page");

/*
 * Table "Format of an EPT Page-Table Entry that Maps a 4-KByte Page" and its siblings. Bits 5:3 are
 * the memory type of a leaf and bit 6 has it ignore the guest's PAT; both are reserved elsewhere.
 * Bit 7 tells a leaf from a reference to a table. The CPU ignores bit 11: in a leaf it says that
 * the page would be executable if it were not a large one.
 */
#define EPT_ENTRY_MEMORY_TYPE_HIGH 5
#define EPT_ENTRY_MEMORY_TYPE_LOW  3
#define EPT_ENTRY_IGNORE_PAT       BIT(6)
#define EPT_ENTRY_LARGE_PAGE       BIT(7)
#define EPT_ENTRY_EXECUTE_WITHHELD BIT(11)
#define EPT_ENTRY_ADDRESS          BITS_MASK(51, 12)

/* An entry and the level of the table that it stands in. */
struct ept_slot {
	uint64_t *entry;
	enum ept_level level;
};

/* Returns how many bytes of guest-physical address space one entry of that level covers. */
static inline uint64_t ept_span(enum ept_level level)
{
	return PAGE_SIZE_4K << (EPT_INDEX_BITS * ((unsigned)level - 1));
}

static inline size_t ept_index(uint64_t guest, enum ept_level level)
{
	return (size_t)((guest / ept_span(level)) % EPT_ENTRY_COUNT);
}

static inline bool ept_is_present(uint64_t entry)
{
	return (entry & EPT_RWX) != 0;
}

static inline bool ept_is_leaf(uint64_t entry, enum ept_level level)
{
	return level == EPT_LEVEL_PT || (entry & EPT_ENTRY_LARGE_PAGE) != 0;
}

static inline uint64_t *ept_table_of(uint64_t entry)
{
	return hpa_pointer(hpa(entry & EPT_ENTRY_ADDRESS));
}

/* Rights are decided at the leaf alone: every table may be read, written and fetched through. */
static inline uint64_t ept_table_entry(const uint64_t *table)
{
	return hpa_of(table).value | EPT_RWX;
}

/* One store: a CPU that walks the tables meanwhile sees the old entry or the new one. */
static inline void ept_entry_write(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/*
 * Returns a leaf of that level. bits: those of a leaf of any level, of which the address and the
 * size do not count; the execute right is withheld or given as the level demands.
 */
uint64_t ept_leaf_entry(const struct ept *ept, uint64_t host, enum ept_level level, uint64_t bits);

/* The attributes that a leaf has. */
static inline struct ept_attributes ept_attributes_of(uint64_t entry)
{
	return (struct ept_attributes){
		.permissions = entry & EPT_RWX,
		.memory_type = (enum memory_type)bits_get(
			entry, EPT_ENTRY_MEMORY_TYPE_HIGH, EPT_ENTRY_MEMORY_TYPE_LOW),
		.ignores_pat = (entry & EPT_ENTRY_IGNORE_PAT) != 0,
	};
}

/*
 * Returns the entry at which the walk of `address` ends: a leaf or one that is not present. Ends it
 * early at an entry whose whole span lies in [address, end); end == address asks for none of that.
 */
struct ept_slot ept_find(const struct ept *ept, uint64_t address, uint64_t end);

/*
 * STATUS_ALIGNMENT or STATUS_RANGE unless the range is whole 4 KiB pages, not empty, and within the
 * address width.
 */
must_use enum status ept_check_range(const struct ept *ept, gpa_t guest, uint64_t size_bytes);

/* True if the permissions make no misconfiguration. */
bool ept_permissions_are_valid(uint64_t permissions);

/* True if some part of the range is mapped (is_present) or is not (!is_present). */
bool ept_range_has(const struct ept *ept, uint64_t guest, uint64_t size_bytes, bool is_present);

/*
 * Unmaps the range, with every table that lies wholly in it. No leaf reaches over the range's
 * edges; size_bytes may be 0.
 */
void ept_clear(struct ept *ept, uint64_t guest, uint64_t size_bytes);

/* Takes a zeroed table from the pool, or NULL; gives one back. Both keep ept->table_count. */
uint64_t *ept_table_take(struct ept *ept);
void ept_table_release(struct ept *ept, uint64_t *table);

/* Gives back a table of that level and all below it. */
void ept_tree_release(struct ept *ept, uint64_t *table, enum ept_level level);

#endif
