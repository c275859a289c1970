/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HOST_EPT_FIXTURE_H
#define TESTS_HOST_EPT_FIXTURE_H

/*
 * A pool that can run dry at any allocation, and a reader of EPT tables that shares no code with
 * the EPT module: it knows the entry formats from the SDM and demands that reserved bits are 0.
 */

#include "lib/bits.h"
#include "vmx/capability.h"
#include "vmx/ept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t unlimited = UINT64_MAX;

struct fixture {
	struct ept ept;
	uint64_t budget;      /* Allocations that still succeed. */
	uint64_t outstanding; /* Tables that the EPT holds. */
};

static inline void *fixture_allocate(void *context)
{
	struct fixture *fixture = context;
	void *table;

	if (fixture->budget == 0) {
		return NULL;
	}
	if (fixture->budget != unlimited) {
		fixture->budget--;
	}
	fixture->outstanding++;
	table = aligned_alloc(PAGE_SIZE_4K, PAGE_SIZE_4K);
	assert_non_null(table);
	return memset(table, 0, PAGE_SIZE_4K);
}

static inline void fixture_release(void *context, void *table)
{
	struct fixture *fixture = context;

	assert_true(fixture->outstanding > 0);
	fixture->outstanding--;
	free(table);
}

static inline void fixture_start_with(struct fixture *fixture, uint64_t ept_capability,
	unsigned address_bits, bool has_executable_large_pages)
{
	struct ept_table_pool pool = {
		.allocate = fixture_allocate, .release = fixture_release, .context = fixture};

	fixture->budget = unlimited;
	fixture->outstanding = 0;
	assert_int_equal(ept_init(&fixture->ept, pool, ept_capability, address_bits,
				 has_executable_large_pages),
		STATUS_OK);
}

static inline void fixture_start(
	struct fixture *fixture, uint64_t ept_capability, unsigned address_bits)
{
	fixture_start_with(fixture, ept_capability, address_bits, true);
}

static inline void fixture_end(struct fixture *fixture)
{
	ept_destroy(&fixture->ept);
	assert_int_equal(fixture->outstanding, 0);
	assert_int_equal(fixture->ept.table_count, 0);
}

/* One leaf as it stands in the tables. */
struct leaf {
	uint64_t guest;
	uint64_t size_bytes;
	uint64_t host;
	uint64_t attributes; /* Permissions, memory type, ignore PAT; bit 11, for software. */
};

/* Called for each leaf, lowest address first. */
typedef void (*leaf_visitor)(void *context, struct leaf leaf);

/* SDM Vol. 3C "EPT Translation Mechanism": reserved bits of each kind of entry, below bit 52. */
static inline struct leaf leaf_from_entry(uint64_t entry, uint64_t guest, uint64_t size_bytes)
{
	uint64_t type = entry >> 3 & 7;

	assert_int_equal(entry & BITS_MASK(63, 52), 0);
	assert_int_equal(entry & BITS_MASK(10, 8), 0);
	assert_true((entry & BIT(11)) == 0 || ((entry & 4) == 0 && size_bytes != PAGE_SIZE_4K));
	assert_int_equal((entry & BIT(7)) != 0, size_bytes != PAGE_SIZE_4K);
	assert_int_equal(entry & BITS_MASK(51, 12) & (size_bytes - 1), 0);
	assert_true(type == 0 || type == 1 || (type >= 4 && type <= 6));
	assert_int_equal(entry & 1, 1);
	return (struct leaf){guest, size_bytes, entry & BITS_MASK(51, 12), entry & 0x87f};
}

/* Visits the leaves below a table; span is what one of its entries covers. Returns its tables. */
static inline size_t tables_visit(
	const uint64_t *table, uint64_t guest, uint64_t span, leaf_visitor visit, void *context)
{
	size_t table_count = 1;

	for (size_t i = 0; i < 512; i++) {
		uint64_t entry = table[i];
		uint64_t address = guest + i * span;

		if ((entry & 7) == 0) {
			assert_int_equal(entry, 0);
			continue;
		}
		if (span == PAGE_SIZE_4K || (entry & BIT(7)) != 0) {
			assert_true(span <= PAGE_SIZE_1G);
			visit(context, leaf_from_entry(entry, address, span));
			continue;
		}
		assert_int_equal(entry & 0xfff, 7);
		table_count += tables_visit((const uint64_t *)(uintptr_t)(entry & ~0xfffULL),
			address, span / 512, visit, context);
	}
	return table_count;
}

/* Visits all leaves; checks that what the EPT, the pool and the tables count is the same. */
static inline void fixture_visit(struct fixture *fixture, leaf_visitor visit, void *context)
{
	size_t table_count = tables_visit(fixture->ept.pml4, 0, GIB(512), visit, context);

	assert_int_equal(table_count, fixture->ept.table_count);
	assert_int_equal(table_count, fixture->outstanding);
}

#endif
