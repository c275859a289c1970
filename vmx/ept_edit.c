/* SPDX-License-Identifier: MIT */
#include "lib/bits.h"
#include "vmx/ept.h"
#include "vmx/ept_table.h"

/* Each edge of a range can cut one 1 GiB and, within it, one 2 MiB page. */
enum { SPLITS_MAX = 2 * 2 };

/*
 * The large pages that the edges of a range cut, outermost first. All their tables are taken before
 * the first page is split, so that an empty pool leaves every page as it was.
 */
struct split_plan {
	struct {
		uint64_t base;
		enum ept_level level;
		uint64_t *table;
	} splits[SPLITS_MAX];
	size_t count;
};

static bool plan_has(const struct split_plan *plan, uint64_t base, enum ept_level level)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->splits[i].base == base && plan->splits[i].level == level) {
			return true;
		}
	}
	return false;
}

static void plan_edge(struct split_plan *plan, const struct ept *ept, uint64_t edge)
{
	struct ept_slot slot = ept_find(ept, edge, edge);

	if (!ept_is_present(*slot.entry)) {
		return;
	}
	for (enum ept_level level = slot.level; !is_aligned(edge, ept_span(level)); level--) {
		uint64_t base = align_down(edge, ept_span(level));

		if (!plan_has(plan, base, level)) {
			plan->splits[plan->count].base = base;
			plan->splits[plan->count].level = level;
			plan->count++;
		}
	}
}

static enum status plan_take_tables(struct split_plan *plan, struct ept *ept)
{
	for (size_t i = 0; i < plan->count; i++) {
		plan->splits[i].table = ept_table_take(ept);
		if (plan->splits[i].table == NULL) {
			while (i > 0) {
				i--;
				ept_table_release(ept, plan->splits[i].table);
			}
			return STATUS_NO_MEMORY;
		}
	}
	return STATUS_OK;
}

/* Replaces one large page by a table of the next smaller pages: the same translations. */
static void split(const struct ept *ept, struct ept_slot slot, uint64_t *table)
{
	enum ept_level level = slot.level - 1;
	uint64_t first = ept_leaf_entry(ept, *slot.entry & EPT_ENTRY_ADDRESS, level, *slot.entry);

	for (size_t i = 0; i < EPT_ENTRY_COUNT; i++) {
		table[i] = first + i * ept_span(level);
	}
	ept_entry_write(slot.entry, ept_table_entry(table));
}

static enum status split_edges(struct ept *ept, uint64_t guest, uint64_t size_bytes)
{
	struct split_plan plan = {.count = 0};
	enum status status;

	plan_edge(&plan, ept, guest);
	plan_edge(&plan, ept, guest + size_bytes);
	status = plan_take_tables(&plan, ept);
	if (status != STATUS_OK) {
		return status;
	}
	for (size_t i = 0; i < plan.count; i++) {
		uint64_t base = plan.splits[i].base;

		split(ept, ept_find(ept, base, base), plan.splits[i].table);
	}
	return STATUS_OK;
}

enum status ept_allow_fetch(struct ept *ept, gpa_t guest, bool *is_split)
{
	const gpa_t page = gpa(align_down(guest.value, PAGE_SIZE_4K));
	struct ept_slot slot;
	enum status status;

	*is_split = false;
	if (ept_check_range(ept, page, PAGE_SIZE_4K) != STATUS_OK) {
		return STATUS_NOT_FOUND;
	}
	slot = ept_find(ept, page.value, page.value);
	if ((*slot.entry & EPT_EXECUTE) != 0) {
		return STATUS_OK;
	}
	if ((*slot.entry & EPT_ENTRY_EXECUTE_WITHHELD) == 0) {
		return STATUS_NOT_FOUND;
	}
	/* The edges of a 4-KByte page cut the large pages around it, and no others. */
	status = split_edges(ept, page.value, PAGE_SIZE_4K);
	*is_split = status == STATUS_OK;
	return status;
}

enum status ept_unmap(struct ept *ept, gpa_t guest, uint64_t size_bytes)
{
	enum status status = ept_check_range(ept, guest, size_bytes);

	if (status == STATUS_OK) {
		status = split_edges(ept, guest.value, size_bytes);
	}
	if (status == STATUS_OK) {
		ept_clear(ept, guest.value, size_bytes);
	}
	return status;
}

static uint64_t with_permissions(const struct ept *ept, struct ept_slot slot, uint64_t permissions)
{
	const uint64_t others = *slot.entry & ~(EPT_RWX | EPT_ENTRY_EXECUTE_WITHHELD);

	return ept_leaf_entry(
		ept, *slot.entry & EPT_ENTRY_ADDRESS, slot.level, others | permissions);
}

enum status ept_protect(struct ept *ept, gpa_t guest, uint64_t size_bytes, uint64_t permissions)
{
	uint64_t end = guest.value + size_bytes;
	enum status status = ept_check_range(ept, guest, size_bytes);

	if (status != STATUS_OK) {
		return status;
	}
	if (!ept_permissions_are_valid(permissions)) {
		return STATUS_INVALID;
	}
	if (ept_range_has(ept, guest.value, size_bytes, false)) {
		return STATUS_NOT_FOUND;
	}
	status = split_edges(ept, guest.value, size_bytes);
	if (status != STATUS_OK) {
		return status;
	}
	for (uint64_t address = guest.value; address < end;) {
		struct ept_slot slot = ept_find(ept, address, address);

		ept_entry_write(slot.entry, with_permissions(ept, slot, permissions));
		address += ept_span(slot.level);
	}
	return STATUS_OK;
}
