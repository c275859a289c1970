/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/ept.c vmx/ept_edit.c vmx/ept_table.c vmx/ept_audit.c */
#include "vmx/ept_audit.h"

#include "tests/host/ept_fixture.h"

#define ALL_PAGES (EPT_CAP_PAGE_2M | EPT_CAP_PAGE_1G)
#define RAM_BASE  GIB(4)
#define RAM_SIZE  GIB(2)

enum { ADDRESS_BITS = 48 };

static void map(struct fixture *fixture, uint64_t guest, uint64_t host, uint64_t size_bytes)
{
	assert_int_equal(
		ept_map(&fixture->ept, gpa(guest), hpa(host), size_bytes, ept_ram), STATUS_OK);
}

static struct ept_audit audit_ram(const struct fixture *fixture)
{
	return ept_audit(&fixture->ept, hpa(RAM_BASE), RAM_SIZE, hpa(0));
}

static void assert_fault(struct ept_audit audit, const char *fault, uint64_t guest)
{
	assert_non_null(audit.fault);
	assert_string_equal(audit.fault, fault);
	assert_int_equal(audit.fault_at.value, guest);
}

static void empty_ept_is_confined(void **state)
{
	struct fixture fixture;
	struct ept_audit audit;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
	audit = audit_ram(&fixture);
	assert_null(audit.fault);
	assert_int_equal(audit.table_count, 1);
	assert_int_equal(audit.page_count, 0);
	assert_int_equal(audit.mapped_bytes, 0);
	fixture_end(&fixture);
}

static void audit_counts_pages_of_every_size_and_all_tables(void **state)
{
	struct fixture fixture;
	struct ept_audit audit;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
	map(&fixture, 0, RAM_BASE, RAM_SIZE - PAGE_SIZE_4K);
	audit = audit_ram(&fixture);
	assert_null(audit.fault);
	assert_int_equal(audit.page_count, 1 + 511 + 511);
	assert_int_equal(audit.table_count, fixture.ept.table_count);
	assert_int_equal(audit.mapped_bytes, RAM_SIZE - PAGE_SIZE_4K);
	fixture_end(&fixture);
}

static void page_outside_of_the_range_is_a_stray(void **state)
{
	static const struct {
		uint64_t host;
		uint64_t size_bytes;
	} strays[] = {
		{RAM_BASE - PAGE_SIZE_4K, PAGE_SIZE_4K},
		{RAM_BASE + RAM_SIZE, PAGE_SIZE_4K},
		{0, PAGE_SIZE_4K},
		{RAM_BASE - GIB(1), GIB(1)},
		{RAM_BASE + RAM_SIZE, PAGE_SIZE_2M},
		{BIT(ADDRESS_BITS) - PAGE_SIZE_4K, PAGE_SIZE_4K},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(strays); i++) {
		struct fixture fixture;
		struct ept_audit audit;

		fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
		map(&fixture, 0, RAM_BASE, PAGE_SIZE_2M);
		map(&fixture, GIB(64), strays[i].host, strays[i].size_bytes);
		map(&fixture, GIB(128), strays[i].host, strays[i].size_bytes);
		audit = audit_ram(&fixture);
		assert_fault(audit, "a page is outside of its RAM", GIB(64));
		fixture_end(&fixture);
	}
}

static void large_page_that_reaches_over_the_end_is_a_stray(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
	map(&fixture, 0, RAM_BASE, PAGE_SIZE_2M);
	assert_fault(ept_audit(&fixture.ept, hpa(RAM_BASE), PAGE_SIZE_2M - PAGE_SIZE_4K, hpa(0)),
		"a page is outside of its RAM", 0);
	assert_null(ept_audit(&fixture.ept, hpa(RAM_BASE), PAGE_SIZE_2M, hpa(0)).fault);
	fixture_end(&fixture);
}

static void table_inside_of_the_range_is_a_stray(void **state)
{
	struct fixture fixture;
	hpa_t table;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
	map(&fixture, 0, RAM_BASE, PAGE_SIZE_4K);
	table = hpa_of(fixture.ept.pml4);
	assert_int_equal(ept_unmap(&fixture.ept, gpa(0), PAGE_SIZE_4K), STATUS_OK);
	assert_fault(ept_audit(&fixture.ept, table, PAGE_SIZE_4K, hpa(0)),
		"one of its tables is in its RAM", 0);
	fixture_end(&fixture);
}

/* The guest could give it another type than the host has. */
static void page_of_another_memory_type_is_named(void **state)
{
	static const struct ept_attributes others[] = {
		{EPT_RWX, MEMORY_TYPE_WB, false},
		{EPT_READ, MEMORY_TYPE_WB, false},
		{EPT_RWX, MEMORY_TYPE_UC, true},
		{EPT_RWX, MEMORY_TYPE_WT, true},
		{EPT_RWX, MEMORY_TYPE_WC, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		struct fixture fixture;

		fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
		map(&fixture, 0, RAM_BASE, PAGE_SIZE_2M);
		assert_int_equal(ept_map(&fixture.ept, gpa(GIB(1)), hpa(RAM_BASE + PAGE_SIZE_2M),
					 PAGE_SIZE_4K, others[i]),
			STATUS_OK);
		assert_fault(audit_ram(&fixture), "a page is not write-back whatever its PAT says",
			GIB(1));
		fixture_end(&fixture);
	}
}

static void executable_large_page_is_named_where_there_may_be_none(void **state)
{
	struct fixture fixture;
	bool is_split;
	uint64_t *entry;

	(void)state;
	fixture_start_with(&fixture, EPT_CAP_PAGE_2M, ADDRESS_BITS, false);
	map(&fixture, 0, RAM_BASE, 4 * PAGE_SIZE_2M);
	assert_int_equal(ept_allow_fetch(&fixture.ept, gpa(PAGE_SIZE_2M), &is_split), STATUS_OK);
	assert_true(is_split);
	assert_null(audit_ram(&fixture).fault);
	/* The directory's fourth entry. */
	entry = &((uint64_t *)(uintptr_t)(fixture.ept.pml4[0] & ~0xfffULL))[0];
	entry = &((uint64_t *)(uintptr_t)(*entry & ~0xfffULL))[3];
	*entry |= EPT_EXECUTE;
	assert_fault(audit_ram(&fixture), "a large page is executable", 3 * PAGE_SIZE_2M);
	fixture_end(&fixture);
}

static void the_apic_access_page_is_neither_stray_nor_counted(void **state)
{
	const uint64_t access_page = GIB(1);
	struct fixture fixture;
	struct ept_audit audit;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
	map(&fixture, 0, RAM_BASE, PAGE_SIZE_2M);
	map(&fixture, GIB(3), access_page, PAGE_SIZE_4K);
	assert_non_null(audit_ram(&fixture).fault);
	audit = ept_audit(&fixture.ept, hpa(RAM_BASE), RAM_SIZE, hpa(access_page));
	assert_null(audit.fault);
	assert_int_equal(audit.page_count, 1);
	assert_int_equal(audit.mapped_bytes, PAGE_SIZE_2M);
	fixture_end(&fixture);
}

/* A vCPU whose APIC is in x2APIC mode finds memory there. */
static void the_apic_access_page_has_one_memory_type_too(void **state)
{
	static const struct ept_attributes by_pat = {EPT_READ | EPT_WRITE, MEMORY_TYPE_WB, false};
	const uint64_t access_page = GIB(1);
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
	map(&fixture, 0, RAM_BASE, PAGE_SIZE_2M);
	assert_int_equal(ept_map(&fixture.ept, gpa(GIB(3)), hpa(access_page), PAGE_SIZE_4K, by_pat),
		STATUS_OK);
	assert_fault(ept_audit(&fixture.ept, hpa(RAM_BASE), RAM_SIZE, hpa(access_page)),
		"a page is not write-back whatever its PAT says", GIB(3));
	fixture_end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_ept_is_confined),
		cmocka_unit_test(audit_counts_pages_of_every_size_and_all_tables),
		cmocka_unit_test(page_outside_of_the_range_is_a_stray),
		cmocka_unit_test(large_page_that_reaches_over_the_end_is_a_stray),
		cmocka_unit_test(table_inside_of_the_range_is_a_stray),
		cmocka_unit_test(page_of_another_memory_type_is_named),
		cmocka_unit_test(executable_large_page_is_named_where_there_may_be_none),
		cmocka_unit_test(the_apic_access_page_is_neither_stray_nor_counted),
		cmocka_unit_test(the_apic_access_page_has_one_memory_type_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
