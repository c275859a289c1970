/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/paging.c cpu/paging_walk.c */
#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/paging.h"
#include "cpu/paging_walk.h"
#include "fake_insn.h"
#include "lib/bits.h"
#include "tests/host/random_numbers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
	POOL_PAGES = 256,
	MODEL_PAGES = 3 * 512 + 64, /* A bit more than 6 MiB, in 4 KiB pages. */
	MODEL_STEPS = 400,
};

#define MODEL_BASE (GIB(1) - MIB(2))

static uint8_t pool[POOL_PAGES][PAGE_SIZE_4K] __attribute__((aligned(4096)));
static size_t pool_used;
static size_t pool_limit;

static void *take_page(void *context)
{
	(void)context;
	if (pool_used == pool_limit) {
		return NULL;
	}
	/* The source promises nothing about the contents. */
	memset(pool[pool_used], 0xff, PAGE_SIZE_4K);
	return pool[pool_used++];
}

static struct paging start(bool has_1g_pages, bool has_nx)
{
	struct paging paging;
	struct cpuid_result features = {0};

	fake_insn_reset();
	features.edx = (uint32_t)((has_1g_pages ? CPUID_80000001_EDX_PAGE1G : 0) |
				  (has_nx ? CPUID_80000001_EDX_XD : 0));
	fake_cpuid_set(
		CPUID_LEAF_EXTENDED, 0, (struct cpuid_result){.eax = CPUID_LEAF_EXTENDED_FEATURES});
	fake_cpuid_set(CPUID_LEAF_EXTENDED_FEATURES, 0, features);
	pool_used = 0;
	pool_limit = POOL_PAGES;
	assert_int_equal(
		paging_init(&paging, (struct paging_source){.allocate = take_page}), STATUS_OK);
	return paging;
}

static struct paging_mapping walk(const struct paging *paging, uint64_t address)
{
	return paging_walk_tables(paging->pml4, address);
}

static void map_ok(struct paging *paging, uint64_t at, uint64_t size, enum paging_access access,
	enum memory_type type)
{
	assert_int_equal(paging_map(paging, at, size, access, type), STATUS_OK);
}

static void new_tables_map_nothing(void **state)
{
	struct paging paging = start(true, true);

	(void)state;
	assert_false(walk(&paging, 0).is_present);
	assert_false(walk(&paging, BIT(47) - 1).is_present);
	assert_false(walk(&paging, BIT(47)).is_present);
	assert_false(walk(&paging, UINT64_MAX).is_present);
	assert_int_equal(paging.table_count, 1);
}

static void largest_pages_that_fit_are_used(void **state)
{
	struct paging paging = start(true, true);

	(void)state;
	map_ok(&paging, GIB(1) - PAGE_SIZE_2M - PAGE_SIZE_4K,
		GIB(1) + 2 * (PAGE_SIZE_2M + PAGE_SIZE_4K), PAGING_READ_WRITE, MEMORY_TYPE_WB);
	assert_int_equal(walk(&paging, GIB(1) - PAGE_SIZE_2M - 1).page_size, PAGE_SIZE_4K);
	assert_int_equal(walk(&paging, GIB(1) - 1).page_size, PAGE_SIZE_2M);
	assert_int_equal(walk(&paging, GIB(1)).page_size, PAGE_SIZE_1G);
	assert_int_equal(walk(&paging, GIB(2)).page_size, PAGE_SIZE_2M);
	assert_int_equal(walk(&paging, GIB(2) + PAGE_SIZE_2M).page_size, PAGE_SIZE_4K);
	assert_false(walk(&paging, GIB(2) + PAGE_SIZE_2M + PAGE_SIZE_4K).is_present);
	assert_false(walk(&paging, GIB(1) - PAGE_SIZE_2M - PAGE_SIZE_4K - 1).is_present);
}

static void no_1g_page_without_the_cpuid_bit(void **state)
{
	struct paging paging = start(false, true);

	(void)state;
	map_ok(&paging, 0, GIB(4), PAGING_READ_WRITE, MEMORY_TYPE_UC);
	assert_int_equal(walk(&paging, GIB(3)).page_size, PAGE_SIZE_2M);
	assert_int_equal(paging.table_count, 2 + 4);
}

static void translation_is_the_identity(void **state)
{
	struct paging paging = start(true, true);
	const uint64_t addresses[] = {0, 0x123456, GIB(1) + 0x987654, GIB(5) - 1};

	(void)state;
	map_ok(&paging, 0, GIB(4), PAGING_READ_WRITE, MEMORY_TYPE_WB);
	map_ok(&paging, GIB(4), GIB(1) - PAGE_SIZE_2M, PAGING_READ_WRITE, MEMORY_TYPE_WB);
	map_ok(&paging, GIB(5) - PAGE_SIZE_2M, PAGE_SIZE_2M, PAGING_READ_WRITE, MEMORY_TYPE_WB);
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		assert_true(walk(&paging, addresses[i]).is_present);
		assert_int_equal(walk(&paging, addresses[i]).address.value, addresses[i]);
	}
}

static void no_access_is_writable_and_executable(void **state)
{
	struct paging paging = start(true, true);

	(void)state;
	map_ok(&paging, 0x1000, 0x1000, PAGING_READ_ONLY, MEMORY_TYPE_WB);
	map_ok(&paging, 0x2000, 0x1000, PAGING_READ_WRITE, MEMORY_TYPE_WB);
	map_ok(&paging, 0x3000, 0x1000, PAGING_READ_EXECUTE, MEMORY_TYPE_WB);
	assert_false(walk(&paging, 0x1000).is_writable);
	assert_false(walk(&paging, 0x1000).is_executable);
	assert_true(walk(&paging, 0x2000).is_writable);
	assert_false(walk(&paging, 0x2000).is_executable);
	assert_false(walk(&paging, 0x3000).is_writable);
	assert_true(walk(&paging, 0x3000).is_executable);
}

static void nx_stays_clear_where_the_cpu_reserves_it(void **state)
{
	struct paging paging = start(true, false);

	(void)state;
	map_ok(&paging, 0, GIB(1), PAGING_READ_WRITE, MEMORY_TYPE_WB);
	map_ok(&paging, 0x1000, 0x1000, PAGING_READ_ONLY, MEMORY_TYPE_WB);
	assert_int_equal(walk(&paging, 0x5000).entry & PAGING_ENTRY_NX, 0);
	assert_int_equal(walk(&paging, 0x1000).entry & PAGING_ENTRY_NX, 0);
}

static void memory_types_select_the_pat_entries(void **state)
{
	struct paging paging = start(true, true);
	const uint64_t both = PAGING_ENTRY_PCD | PAGING_ENTRY_PWT;

	(void)state;
	map_ok(&paging, 0x1000, 0x1000, PAGING_READ_WRITE, MEMORY_TYPE_WB);
	map_ok(&paging, 0x2000, 0x1000, PAGING_READ_WRITE, MEMORY_TYPE_WC);
	map_ok(&paging, 0x3000, 0x1000, PAGING_READ_WRITE, MEMORY_TYPE_UC);
	assert_int_equal(walk(&paging, 0x1000).entry & both, 0);
	assert_int_equal(walk(&paging, 0x2000).entry & both, PAGING_ENTRY_PWT);
	assert_int_equal(walk(&paging, 0x3000).entry & both, both);
	/* Entry n of the PAT has the type that bits PCD:PWT == n ask for. */
	assert_int_equal(bits_get(PAGING_PAT_VALUE, 7, 0), MEMORY_TYPE_WB);
	assert_int_equal(bits_get(PAGING_PAT_VALUE, 15, 8), MEMORY_TYPE_WC);
	assert_int_equal(bits_get(PAGING_PAT_VALUE, 31, 24), MEMORY_TYPE_UC);
	assert_int_equal(paging_map(&paging, 0x4000, 0x1000, PAGING_READ_WRITE, MEMORY_TYPE_WT),
		STATUS_INVALID);
	assert_false(walk(&paging, 0x4000).is_present);
}

static void unmapping_a_page_splits_a_1g_page(void **state)
{
	struct paging paging = start(true, true);
	const uint64_t hole = MIB(512) + 0x5000;

	(void)state;
	map_ok(&paging, 0, GIB(1), PAGING_READ_WRITE, MEMORY_TYPE_UC);
	assert_int_equal(paging_unmap(&paging, hole, PAGE_SIZE_4K), STATUS_OK);
	assert_false(walk(&paging, hole).is_present);
	assert_false(walk(&paging, hole + 0xfff).is_present);
	assert_int_equal(walk(&paging, hole - 1).address.value, hole - 1);
	assert_int_equal(walk(&paging, hole + 0x1000).address.value, hole + 0x1000);
	assert_int_equal(walk(&paging, hole - 1).page_size, PAGE_SIZE_4K);
	assert_int_equal(walk(&paging, 0).page_size, PAGE_SIZE_2M);
	assert_false(walk(&paging, 0).is_executable);
	assert_int_equal(walk(&paging, hole - 1).entry & PAGING_ENTRY_PCD, PAGING_ENTRY_PCD);
}

static void unmapping_what_is_not_mapped_takes_no_table(void **state)
{
	struct paging paging = start(true, true);

	(void)state;
	assert_int_equal(paging_unmap(&paging, 0x1000, GIB(8)), STATUS_OK);
	assert_int_equal(paging.table_count, 1);
}

static void wrong_ranges_are_refused(void **state)
{
	struct paging paging = start(true, true);
	const struct {
		uint64_t start;
		uint64_t size;
		enum status status;
	} wrong[] = {
		{0x800, 0x1000, STATUS_ALIGNMENT},
		{0x1000, 0x800, STATUS_ALIGNMENT},
		{BIT(47), 0x1000, STATUS_RANGE},
		{BIT(47) - 0x1000, 0x2000, STATUS_RANGE},
		{0x1000, UINT64_MAX - 0xfff, STATUS_RANGE},
		{UINT64_MAX - 0xfff, 0x2000, STATUS_RANGE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		assert_int_equal(paging_map(&paging, wrong[i].start, wrong[i].size,
					 PAGING_READ_WRITE, MEMORY_TYPE_WB),
			wrong[i].status);
		assert_int_equal(
			paging_unmap(&paging, wrong[i].start, wrong[i].size), wrong[i].status);
	}
	assert_int_equal(paging.table_count, 1);
	map_ok(&paging, 0x1000, 0, PAGING_READ_WRITE, MEMORY_TYPE_WB);
	assert_int_equal(paging.table_count, 1);
}

static void an_empty_source_is_an_error(void **state)
{
	struct paging paging = start(true, true);

	(void)state;
	pool_limit = pool_used + 1;
	assert_int_equal(paging_map(&paging, 0x1000, 0x1000, PAGING_READ_WRITE, MEMORY_TYPE_WB),
		STATUS_NO_MEMORY);
	pool_limit = pool_used;
	assert_int_equal(paging_init(&paging, (struct paging_source){.allocate = take_page}),
		STATUS_NO_MEMORY);
}

struct model_page {
	bool is_present;
	enum paging_access access;
	enum memory_type type;
};

static struct model_page model[MODEL_PAGES];

static void compare_with_model(const struct paging *paging, size_t page)
{
	struct paging_mapping got = walk(paging, MODEL_BASE + page * PAGE_SIZE_4K);
	const struct model_page *want = &model[page];

	assert_int_equal(got.is_present, want->is_present);
	if (!want->is_present) {
		return;
	}
	assert_int_equal(got.address.value, MODEL_BASE + page * PAGE_SIZE_4K);
	assert_int_equal(got.is_writable, want->access == PAGING_READ_WRITE);
	assert_int_equal(got.is_executable, want->access == PAGING_READ_EXECUTE);
	assert_int_equal((got.entry & PAGING_ENTRY_PCD) != 0, want->type == MEMORY_TYPE_UC);
}

static void change_both(struct paging *paging, struct random_numbers *numbers)
{
	static const enum memory_type types[] = {MEMORY_TYPE_WB, MEMORY_TYPE_UC};
	size_t first = random_below(numbers, MODEL_PAGES);
	size_t count = random_below(numbers, MODEL_PAGES - first) + 1;
	struct model_page page = {
		.is_present = random_below(numbers, 3) != 0,
		.access = (enum paging_access)random_below(numbers, 3),
		.type = types[random_below(numbers, 2)],
	};
	uint64_t at = MODEL_BASE + first * PAGE_SIZE_4K;

	if (page.is_present) {
		map_ok(paging, at, count * PAGE_SIZE_4K, page.access, page.type);
	} else {
		assert_int_equal(paging_unmap(paging, at, count * PAGE_SIZE_4K), STATUS_OK);
	}
	for (size_t i = first; i < first + count; i++) {
		model[i] = page;
	}
}

static void random_changes_agree_with_a_model(void **state)
{
	struct random_numbers numbers;

	(void)state;
	random_start(&numbers, __func__);
	for (unsigned round = 0; round < MODEL_STEPS / 8; round++) {
		struct paging paging = start(round % 2 == 0, true);

		memset(model, 0, sizeof(model));
		for (unsigned step = 0; step < 8; step++) {
			change_both(&paging, &numbers);
			for (size_t page = 0; page < MODEL_PAGES; page++) {
				compare_with_model(&paging, page);
			}
		}
	}
}

static void readable_is_every_byte_mapped(void **state)
{
	struct paging paging = start(true, true);

	(void)state;
	map_ok(&paging, 0x1000, 0x2000, PAGING_READ_ONLY, MEMORY_TYPE_WB);
	map_ok(&paging, PAGE_SIZE_2M, PAGE_SIZE_2M, PAGING_READ_WRITE, MEMORY_TYPE_UC);
	fake_cpu.cr3 = hpa_of(paging.pml4).value;
	assert_true(paging_is_readable(0x1000, 0x2000));
	assert_true(paging_is_readable(0x2fff, 1));
	assert_false(paging_is_readable(0x2fff, 2));
	assert_false(paging_is_readable(0xfff, 2));
	assert_true(paging_is_readable(PAGE_SIZE_2M + 5, PAGE_SIZE_2M - 5));
	assert_false(paging_is_readable(PAGE_SIZE_2M + 5, PAGE_SIZE_2M));
	assert_true(paging_is_readable(0, 0));
	assert_false(paging_is_readable(UINT64_MAX, 1));
	assert_false(paging_is_readable(0x1000, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_tables_map_nothing),
		cmocka_unit_test(largest_pages_that_fit_are_used),
		cmocka_unit_test(no_1g_page_without_the_cpuid_bit),
		cmocka_unit_test(translation_is_the_identity),
		cmocka_unit_test(no_access_is_writable_and_executable),
		cmocka_unit_test(nx_stays_clear_where_the_cpu_reserves_it),
		cmocka_unit_test(memory_types_select_the_pat_entries),
		cmocka_unit_test(unmapping_a_page_splits_a_1g_page),
		cmocka_unit_test(unmapping_what_is_not_mapped_takes_no_table),
		cmocka_unit_test(wrong_ranges_are_refused),
		cmocka_unit_test(an_empty_source_is_an_error),
		cmocka_unit_test(random_changes_agree_with_a_model),
		cmocka_unit_test(readable_is_every_byte_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
