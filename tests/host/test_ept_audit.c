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
	assert_int_equal(ept_map(&fixture->ept, gpa(guest), hpa(host), size_bytes,
				 EPT_READ | EPT_WRITE, MEMORY_TYPE_WB),
		STATUS_OK);
}

static struct ept_audit audit_ram(const struct fixture *fixture)
{
	return ept_audit(&fixture->ept, hpa(RAM_BASE), RAM_SIZE, hpa(0));
}

static void empty_ept_is_confined(void **state)
{
	struct fixture fixture;
	struct ept_audit audit;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
	audit = audit_ram(&fixture);
	assert_true(audit.is_confined);
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
	assert_true(audit.is_confined);
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
		assert_false(audit.is_confined);
		assert_int_equal(audit.stray.value, GIB(64));
		fixture_end(&fixture);
	}
}

static void large_page_that_reaches_over_the_end_is_a_stray(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
	map(&fixture, 0, RAM_BASE, PAGE_SIZE_2M);
	assert_false(ept_audit(&fixture.ept, hpa(RAM_BASE), PAGE_SIZE_2M - PAGE_SIZE_4K, hpa(0))
			     .is_confined);
	assert_true(ept_audit(&fixture.ept, hpa(RAM_BASE), PAGE_SIZE_2M, hpa(0)).is_confined);
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
	assert_false(ept_audit(&fixture.ept, table, PAGE_SIZE_4K, hpa(0)).is_confined);
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
	assert_false(audit_ram(&fixture).is_confined);
	audit = ept_audit(&fixture.ept, hpa(RAM_BASE), RAM_SIZE, hpa(access_page));
	assert_true(audit.is_confined);
	assert_int_equal(audit.page_count, 1);
	assert_int_equal(audit.mapped_bytes, PAGE_SIZE_2M);
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
		cmocka_unit_test(the_apic_access_page_is_neither_stray_nor_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
