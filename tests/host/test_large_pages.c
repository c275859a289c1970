/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/ept.c vmx/ept_edit.c vmx/ept_table.c */
#include "tests/host/ept_fixture.h"

/* A guest that may not execute from large pages: ept_allow_fetch(). */

#define ALL_PAGES (EPT_CAP_PAGE_2M | EPT_CAP_PAGE_1G)

enum { ADDRESS_BITS = 40 };

static void start(struct fixture *fixture)
{
	fixture_start_with(fixture, ALL_PAGES, ADDRESS_BITS, false);
}

static void map_ram(struct fixture *fixture, uint64_t guest, uint64_t size_bytes)
{
	assert_int_equal(
		ept_map(&fixture->ept, gpa(guest), hpa(GIB(8) + guest), size_bytes, ept_ram),
		STATUS_OK);
}

static bool allow_fetch(struct fixture *fixture, uint64_t guest)
{
	bool is_split;

	assert_int_equal(ept_allow_fetch(&fixture->ept, gpa(guest), &is_split), STATUS_OK);
	return is_split;
}

static bool is_executable(const struct fixture *fixture, uint64_t guest)
{
	return (ept_walk(&fixture->ept, gpa(guest)).attributes.permissions & EPT_EXECUTE) != 0;
}

static void only_4k_pages_are_executable_at_first(void **state)
{
	struct fixture fixture;

	(void)state;
	start(&fixture);
	map_ram(&fixture, 0, GIB(1) + MIB(2) + KIB(4));
	assert_int_equal(ept_walk(&fixture.ept, gpa(0)).page_size, PAGE_SIZE_1G);
	assert_false(is_executable(&fixture, 0));
	assert_true(ept_walk(&fixture.ept, gpa(0)).is_execute_withheld);
	assert_false(is_executable(&fixture, GIB(1)));
	assert_true(is_executable(&fixture, GIB(1) + MIB(2)));
	assert_false(ept_walk(&fixture.ept, gpa(GIB(1) + MIB(2))).is_execute_withheld);
	fixture_end(&fixture);
}

/* All that a guest can see but the execute right is as it was. */
static void check_same_but_executable(struct ept_mapping before, struct ept_mapping after)
{
	assert_int_equal(after.address.value, before.address.value);
	assert_int_equal(after.attributes.permissions, EPT_RWX);
	assert_int_equal(after.attributes.memory_type, before.attributes.memory_type);
	assert_int_equal(after.attributes.ignores_pat, before.attributes.ignores_pat);
}

static void a_fetch_splits_the_2m_page_around_it_and_no_other(void **state)
{
	/* The first page, one in the middle, the last one. */
	static const uint64_t offsets[] = {0, MIB(1) + 0x234, MIB(2) - 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(offsets); i++) {
		const uint64_t page = MIB(4);
		struct fixture fixture;

		start(&fixture);
		map_ram(&fixture, MIB(2), MIB(6));
		assert_true(allow_fetch(&fixture, page + offsets[i]));
		for (uint64_t at = page; at < page + MIB(2); at += KIB(4)) {
			const struct ept_mapping after = ept_walk(&fixture.ept, gpa(at));

			assert_int_equal(after.page_size, PAGE_SIZE_4K);
			check_same_but_executable((struct ept_mapping){.address = hpa(GIB(8) + at),
							  .attributes = ept_ram},
				after);
		}
		assert_false(is_executable(&fixture, page - 1));
		assert_false(is_executable(&fixture, page + MIB(2)));
		assert_int_equal(fixture.ept.table_count, 4);
		fixture_end(&fixture);
	}
}

static void a_fetch_from_a_1g_page_splits_it_and_one_2m_page(void **state)
{
	static const uint64_t offsets[] = {0, MIB(2), GIB(1) - MIB(2) - KIB(4), GIB(1) - KIB(4)};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(offsets); i++) {
		const uint64_t at = GIB(1) + offsets[i];
		struct fixture fixture;
		struct ept_mapping before;

		start(&fixture);
		map_ram(&fixture, 0, GIB(3));
		before = ept_walk(&fixture.ept, gpa(at));
		assert_true(allow_fetch(&fixture, at));
		check_same_but_executable(before, ept_walk(&fixture.ept, gpa(at)));
		assert_int_equal(ept_walk(&fixture.ept, gpa(at)).page_size, PAGE_SIZE_4K);
		assert_int_equal(
			ept_walk(&fixture.ept, gpa(GIB(1) + MIB(512))).page_size, PAGE_SIZE_2M);
		assert_false(is_executable(&fixture, GIB(1) + MIB(512)));
		assert_int_equal(ept_walk(&fixture.ept, gpa(0)).page_size, PAGE_SIZE_1G);
		assert_int_equal(ept_walk(&fixture.ept, gpa(GIB(2))).page_size, PAGE_SIZE_1G);
		assert_int_equal(fixture.ept.table_count, 4);
		fixture_end(&fixture);
	}
}

static void a_second_fetch_changes_nothing(void **state)
{
	struct fixture fixture;

	(void)state;
	start(&fixture);
	map_ram(&fixture, 0, MIB(4));
	assert_true(allow_fetch(&fixture, KIB(8)));
	fixture.budget = 0;
	assert_false(allow_fetch(&fixture, KIB(8)));
	assert_false(allow_fetch(&fixture, MIB(1)));
	fixture_end(&fixture);
}

static void without_a_table_nothing_changes(void **state)
{
	(void)state;
	for (uint64_t budget = 0; budget < 2; budget++) {
		struct fixture fixture;
		bool is_split = true;

		start(&fixture);
		map_ram(&fixture, 0, GIB(1));
		fixture.budget = budget;
		assert_int_equal(
			ept_allow_fetch(&fixture.ept, gpa(0x5000), &is_split), STATUS_NO_MEMORY);
		assert_false(is_split);
		assert_int_equal(fixture.ept.table_count, 2);
		assert_int_equal(ept_walk(&fixture.ept, gpa(0x5000)).page_size, PAGE_SIZE_1G);
		fixture.budget = 2;
		assert_true(allow_fetch(&fixture, 0x5000));
		fixture_end(&fixture);
	}
}

static void what_may_not_be_executed_stays_so(void **state)
{
	static const struct ept_attributes device = {EPT_READ | EPT_WRITE, MEMORY_TYPE_UC, false};
	static const uint64_t addresses[] = {MIB(2), MIB(4), MIB(8), BIT(39), BIT(40), UINT64_MAX};
	struct fixture fixture;

	(void)state;
	start(&fixture);
	assert_int_equal(
		ept_map(&fixture.ept, gpa(MIB(2)), hpa(GIB(1)), MIB(2), device), STATUS_OK);
	assert_int_equal(
		ept_map(&fixture.ept, gpa(MIB(4)), hpa(GIB(2)), KIB(4), device), STATUS_OK);
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		bool is_split = true;

		assert_int_equal(ept_allow_fetch(&fixture.ept, gpa(addresses[i]), &is_split),
			STATUS_NOT_FOUND);
		assert_false(is_split);
	}
	assert_int_equal(ept_walk(&fixture.ept, gpa(MIB(2))).page_size, PAGE_SIZE_2M);
	fixture_end(&fixture);
}

static void protection_withholds_and_takes_away(void **state)
{
	struct fixture fixture;
	bool is_split;

	(void)state;
	start(&fixture);
	map_ram(&fixture, 0, MIB(4));
	assert_int_equal(ept_protect(&fixture.ept, gpa(0), MIB(2), EPT_READ), STATUS_OK);
	assert_int_equal(ept_allow_fetch(&fixture.ept, gpa(0), &is_split), STATUS_NOT_FOUND);
	assert_int_equal(
		ept_protect(&fixture.ept, gpa(0), MIB(2), EPT_READ | EPT_EXECUTE), STATUS_OK);
	assert_false(is_executable(&fixture, 0));
	assert_true(allow_fetch(&fixture, 0));
	assert_int_equal(
		ept_walk(&fixture.ept, gpa(0)).attributes.permissions, EPT_READ | EPT_EXECUTE);
	/* The edges of an edit make 4-KByte pages, which are executable. */
	assert_int_equal(
		ept_protect(&fixture.ept, gpa(MIB(2) + KIB(4)), KIB(4), EPT_READ), STATUS_OK);
	assert_true(is_executable(&fixture, MIB(2)));
	assert_false(is_executable(&fixture, MIB(2) + KIB(4)));
	assert_true(is_executable(&fixture, MIB(4) - 1));
	fixture_end(&fixture);
}

static void executable_large_pages_are_not_split(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, ADDRESS_BITS);
	map_ram(&fixture, 0, GIB(1));
	assert_true(is_executable(&fixture, 0));
	assert_false(allow_fetch(&fixture, 0));
	assert_int_equal(ept_walk(&fixture.ept, gpa(0)).page_size, PAGE_SIZE_1G);
	fixture_end(&fixture);
}

static bool ignores_pat_at(const struct fixture *fixture, uint64_t guest)
{
	return ept_walk(&fixture->ept, gpa(guest)).attributes.ignores_pat;
}

static void ignoring_the_pat_outlives_splits_and_protection(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	assert_int_equal(ept_map(&fixture.ept, gpa(0), hpa(GIB(4)), GIB(1), ept_ram), STATUS_OK);
	assert_int_equal(ept_map(&fixture.ept, gpa(GIB(1)), hpa(GIB(5)), GIB(1),
				 (struct ept_attributes){EPT_RWX, MEMORY_TYPE_WB, false}),
		STATUS_OK);
	assert_int_equal(
		ept_protect(&fixture.ept, gpa(GIB(1) - KIB(4)), KIB(8), EPT_READ), STATUS_OK);
	assert_int_equal(ept_walk(&fixture.ept, gpa(GIB(1) - KIB(4))).page_size, PAGE_SIZE_4K);
	for (uint64_t i = 0; i < GIB(1); i += MIB(2) - KIB(4)) {
		assert_true(ignores_pat_at(&fixture, i));
		assert_false(ignores_pat_at(&fixture, GIB(1) + i));
	}
	assert_true(ignores_pat_at(&fixture, GIB(1) - KIB(4)));
	assert_int_equal(ept_unmap(&fixture.ept, gpa(KIB(4)), KIB(4)), STATUS_OK);
	assert_true(ignores_pat_at(&fixture, KIB(8)));
	fixture_end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_4k_pages_are_executable_at_first),
		cmocka_unit_test(a_fetch_splits_the_2m_page_around_it_and_no_other),
		cmocka_unit_test(a_fetch_from_a_1g_page_splits_it_and_one_2m_page),
		cmocka_unit_test(a_second_fetch_changes_nothing),
		cmocka_unit_test(without_a_table_nothing_changes),
		cmocka_unit_test(what_may_not_be_executed_stays_so),
		cmocka_unit_test(protection_withholds_and_takes_away),
		cmocka_unit_test(executable_large_pages_are_not_split),
		cmocka_unit_test(ignoring_the_pat_outlives_splits_and_protection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
