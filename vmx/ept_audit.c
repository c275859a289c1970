/* SPDX-License-Identifier: MIT */
#include "vmx/ept_audit.h"

#include "lib/bits.h"
#include "vmx/ept_table.h"

/* The range that the EPT may map, and what was found so far. */
struct walk {
	const struct ept *ept;
	uint64_t base;
	uint64_t size_bytes;
	uint64_t access_page;
	struct ept_audit found;
};

static void found_fault(struct walk *walk, const char *fault, uint64_t guest)
{
	if (walk->found.fault == NULL) {
		walk->found.fault = fault;
		walk->found.fault_at = gpa(guest);
	}
}

static void audit_leaf(struct walk *walk, uint64_t entry, uint64_t guest, enum ept_level level)
{
	const uint64_t host = entry & EPT_ENTRY_ADDRESS;
	const struct ept_attributes attributes = ept_attributes_of(entry);

	if (attributes.memory_type != MEMORY_TYPE_WB || !attributes.ignores_pat) {
		found_fault(walk, "a page is not write-back whatever its PAT says", guest);
	}
	if (walk->access_page != 0 && host == walk->access_page && level == EPT_LEVEL_PT) {
		return;
	}
	walk->found.page_count++;
	walk->found.mapped_bytes += ept_span(level);
	if (host < walk->base ||
		!range_fits(host - walk->base, ept_span(level), walk->size_bytes)) {
		found_fault(walk, "a page is outside of its RAM", guest);
	}
	if (level > EPT_LEVEL_PT && (attributes.permissions & EPT_EXECUTE) != 0 &&
		!walk->ept->has_executable_large_pages) {
		found_fault(walk, "a large page is executable", guest);
	}
}

static void audit_table(
	struct walk *walk, const uint64_t *table, uint64_t guest, enum ept_level level)
{
	walk->found.table_count++;
	if (ranges_overlap(hpa_of(table).value, PAGE_SIZE_4K, walk->base, walk->size_bytes)) {
		found_fault(walk, "one of its tables is in its RAM", guest);
	}
	for (size_t i = 0; i < EPT_ENTRY_COUNT; i++) {
		const uint64_t address = guest + i * ept_span(level);

		if (!ept_is_present(table[i])) {
			continue;
		}
		if (ept_is_leaf(table[i], level)) {
			audit_leaf(walk, table[i], address, level);
		} else {
			audit_table(walk, ept_table_of(table[i]), address, level - 1);
		}
	}
}

struct ept_audit ept_audit(
	const struct ept *ept, hpa_t base, uint64_t size_bytes, hpa_t access_page)
{
	struct walk walk = {ept, base.value, size_bytes, access_page.value, {.fault = NULL}};

	audit_table(&walk, ept->pml4, 0, EPT_LEVEL_PML4);
	return walk.found;
}
