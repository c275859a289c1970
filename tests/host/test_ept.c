/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/ept.c vmx/ept_edit.c vmx/ept_table.c */
#include "vmx/ept.h"

#include "tests/host/ept_fixture.h"

enum { LEAVES_MAX = 16384 };

struct leaves {
	struct leaf all[LEAVES_MAX];
	size_t count;
};

#define ALL_PAGES (EPT_CAP_PAGE_2M | EPT_CAP_PAGE_1G)

static void leaves_append(void *context, struct leaf leaf)
{
	struct leaves *leaves = context;

	assert_true(leaves->count < LEAVES_MAX);
	leaves->all[leaves->count++] = leaf;
}

static void leaves_read(struct fixture *fixture, struct leaves *leaves)
{
	memset(leaves, 0, sizeof(*leaves));
	fixture_visit(fixture, leaves_append, leaves);
}

static struct ept_attributes attributes(uint64_t permissions, enum memory_type memory_type)
{
	return (struct ept_attributes){permissions, memory_type, false};
}

static void map_ok(struct fixture *fixture, uint64_t guest, uint64_t host, uint64_t size_bytes)
{
	assert_int_equal(ept_map(&fixture->ept, gpa(guest), hpa(host), size_bytes,
				 attributes(EPT_RWX, MEMORY_TYPE_WB)),
		STATUS_OK);
}

static uint64_t page_size_at(const struct fixture *fixture, uint64_t guest)
{
	return ept_walk(&fixture->ept, gpa(guest)).page_size;
}

static void new_ept_translates_nothing(void **state)
{
	static const uint64_t addresses[] = {0, 1, GIB(1), GIB(512), BIT(47), BIT(48), UINT64_MAX};
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 48);
	assert_int_equal(fixture.ept.table_count, 1);
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		assert_int_equal(page_size_at(&fixture, addresses[i]), 0);
	}
	fixture_end(&fixture);
}

static void init_without_a_table_says_no_memory(void **state)
{
	struct fixture fixture = {.budget = 0};
	struct ept_table_pool pool = {fixture_allocate, fixture_release, &fixture};

	(void)state;
	assert_int_equal(ept_init(&fixture.ept, pool, ALL_PAGES, 39, true), STATUS_NO_MEMORY);
	assert_int_equal(fixture.ept.table_count, 0);
	fixture_end(&fixture);
}

static void destroy_twice_does_nothing_more(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	fixture_end(&fixture);
	fixture_end(&fixture);
}

static void pointer_asks_for_write_back_and_four_levels(void **state)
{
	struct fixture fixture;
	uint64_t pointer;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	pointer = ept_pointer(&fixture.ept);
	assert_int_equal(pointer & 0xfff, 0x1e);
	assert_ptr_equal((void *)(uintptr_t)(pointer & ~0xfffULL), fixture.ept.pml4);
	fixture_end(&fixture);
}

static void one_gib_takes_the_largest_page_that_the_cpu_has(void **state)
{
	static const struct {
		uint64_t capability;
		uint64_t page_size;
		size_t table_count;
	} cpus[] = {
		{EPT_CAP_PAGE_2M | EPT_CAP_PAGE_1G, PAGE_SIZE_1G, 2},
		{EPT_CAP_PAGE_2M, PAGE_SIZE_2M, 3},
		{0, PAGE_SIZE_4K, 3 + 512},
		{EPT_CAP_PAGE_1G, PAGE_SIZE_4K, 3 + 512},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cpus); i++) {
		struct fixture fixture;
		struct ept_mapping last;

		fixture_start(&fixture, cpus[i].capability, 39);
		map_ok(&fixture, GIB(3), GIB(7), GIB(1));
		assert_int_equal(page_size_at(&fixture, GIB(3)), cpus[i].page_size);
		last = ept_walk(&fixture.ept, gpa(GIB(4) - 1));
		assert_int_equal(last.page_size, cpus[i].page_size);
		assert_int_equal(last.address.value, GIB(8) - 1);
		assert_int_equal(page_size_at(&fixture, GIB(3) - 1), 0);
		assert_int_equal(page_size_at(&fixture, GIB(4)), 0);
		assert_int_equal(fixture.ept.table_count, cpus[i].table_count);
		fixture_end(&fixture);
	}
}

static void page_size_grows_and_shrinks_with_the_alignment(void **state)
{
	static const struct {
		uint64_t guest;
		uint64_t page_size;
	} expected[] = {
		{GIB(1) - MIB(2) - KIB(4), PAGE_SIZE_4K},
		{GIB(1) - MIB(2), PAGE_SIZE_2M},
		{GIB(1), PAGE_SIZE_1G},
		{GIB(2), PAGE_SIZE_2M},
		{GIB(2) + MIB(2), PAGE_SIZE_4K},
		{GIB(2) + MIB(2) + KIB(4), 0},
	};
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	map_ok(&fixture, GIB(1) - MIB(2) - KIB(4), GIB(5) - MIB(2) - KIB(4),
		GIB(1) + 2 * (MIB(2) + KIB(4)));
	for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
		assert_int_equal(page_size_at(&fixture, expected[i].guest), expected[i].page_size);
	}
	fixture_end(&fixture);
}

static void host_alignment_limits_the_page_size(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	map_ok(&fixture, GIB(1), GIB(4) + MIB(2), GIB(1));
	map_ok(&fixture, GIB(8), GIB(16) + KIB(4), MIB(2));
	assert_int_equal(page_size_at(&fixture, GIB(1)), PAGE_SIZE_2M);
	assert_int_equal(page_size_at(&fixture, GIB(8)), PAGE_SIZE_4K);
	assert_int_equal(ept_walk(&fixture.ept, gpa(GIB(8) + 0x12345)).address.value,
		GIB(16) + KIB(4) + 0x12345);
	fixture_end(&fixture);
}

static void entries_have_the_format_of_the_sdm(void **state)
{
	struct fixture fixture;
	const uint64_t *pdpt;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	map_ok(&fixture, GIB(1), GIB(3), GIB(1));
	assert_int_equal(ept_map(&fixture.ept, gpa(GIB(2)), hpa(GIB(9)), GIB(1),
				 attributes(EPT_READ | EPT_EXECUTE, MEMORY_TYPE_UC)),
		STATUS_OK);
	assert_int_equal(fixture.ept.pml4[0] & 0xfff, 7);
	pdpt = (const uint64_t *)(uintptr_t)(fixture.ept.pml4[0] & ~0xfffULL);
	assert_int_equal(pdpt[0], 0);
	assert_int_equal(pdpt[1], GIB(3) | 0xb7);
	assert_int_equal(pdpt[2], GIB(9) | 0x85);
	assert_int_equal(
		ept_map(&fixture.ept, gpa(GIB(3)), hpa(GIB(4)), GIB(1), ept_ram), STATUS_OK);
	assert_int_equal(pdpt[3], GIB(4) | 0xf7);
	fixture_end(&fixture);
}

static void permissions_and_memory_type_are_kept(void **state)
{
	static const enum memory_type types[] = {
		MEMORY_TYPE_UC, MEMORY_TYPE_WC, MEMORY_TYPE_WT, MEMORY_TYPE_WP, MEMORY_TYPE_WB};
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	for (uint64_t i = 0; i < 4 * ARRAY_COUNT(types); i++) {
		uint64_t permissions = EPT_READ | (i % 4) << 1;
		struct ept_mapping mapping;

		assert_int_equal(ept_map(&fixture.ept, gpa(i * PAGE_SIZE_4K), hpa(GIB(1)),
					 PAGE_SIZE_4K, attributes(permissions, types[i / 4])),
			STATUS_OK);
		mapping = ept_walk(&fixture.ept, gpa(i * PAGE_SIZE_4K));
		assert_int_equal(mapping.attributes.permissions, permissions);
		assert_int_equal(mapping.attributes.memory_type, types[i / 4]);
	}
	fixture_end(&fixture);
}

static void misconfigurations_are_refused(void **state)
{
	static const uint64_t permissions[] = {
		0, EPT_WRITE, EPT_EXECUTE, EPT_WRITE | EPT_EXECUTE, EPT_READ | BIT(3), UINT64_MAX};
	static const int types[] = {2, 3, 7, 8, -1};
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	map_ok(&fixture, MIB(4), 0, PAGE_SIZE_4K);
	for (size_t i = 0; i < ARRAY_COUNT(permissions); i++) {
		assert_int_equal(ept_map(&fixture.ept, gpa(0), hpa(0), PAGE_SIZE_4K,
					 attributes(permissions[i], MEMORY_TYPE_WB)),
			STATUS_INVALID);
		assert_int_equal(
			ept_protect(&fixture.ept, gpa(MIB(4)), PAGE_SIZE_4K, permissions[i]),
			STATUS_INVALID);
	}
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		assert_int_equal(ept_map(&fixture.ept, gpa(0), hpa(0), PAGE_SIZE_4K,
					 attributes(EPT_RWX, (enum memory_type)types[i])),
			STATUS_INVALID);
	}
	assert_int_equal(page_size_at(&fixture, 0), 0);
	assert_int_equal(fixture.ept.table_count, 4);
	fixture_end(&fixture);
}

/* What each of the three editing calls says to a range. */
static void check_refusal(
	struct fixture *fixture, uint64_t guest, uint64_t size_bytes, enum status expected)
{
	assert_int_equal(ept_map(&fixture->ept, gpa(guest), hpa(0), size_bytes,
				 attributes(EPT_RWX, MEMORY_TYPE_WB)),
		expected);
	assert_int_equal(ept_unmap(&fixture->ept, gpa(guest), size_bytes), expected);
	assert_int_equal(ept_protect(&fixture->ept, gpa(guest), size_bytes, EPT_READ), expected);
	assert_int_equal(fixture->ept.table_count, 1);
}

static void unaligned_ranges_are_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	check_refusal(&fixture, 1, PAGE_SIZE_4K, STATUS_ALIGNMENT);
	check_refusal(&fixture, 0, 1, STATUS_ALIGNMENT);
	check_refusal(&fixture, PAGE_SIZE_4K / 2, PAGE_SIZE_4K / 2, STATUS_ALIGNMENT);
	check_refusal(&fixture, 0, UINT64_MAX, STATUS_ALIGNMENT);
	assert_int_equal(ept_map(&fixture.ept, gpa(0), hpa(PAGE_SIZE_4K - 1), PAGE_SIZE_4K,
				 attributes(EPT_RWX, MEMORY_TYPE_WB)),
		STATUS_ALIGNMENT);
	fixture_end(&fixture);
}

static void ranges_beyond_the_address_width_are_refused(void **state)
{
	static const struct {
		unsigned address_bits;
		uint64_t limit;
	} widths[] = {{36, BIT(36)}, {39, BIT(39)}, {46, BIT(46)}, {48, BIT(48)}, {52, BIT(48)}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(widths); i++) {
		uint64_t limit = widths[i].limit;
		struct fixture fixture;

		fixture_start(&fixture, ALL_PAGES, widths[i].address_bits);
		check_refusal(&fixture, 0, 0, STATUS_RANGE);
		check_refusal(&fixture, limit, PAGE_SIZE_4K, STATUS_RANGE);
		check_refusal(&fixture, limit - PAGE_SIZE_4K, 2 * PAGE_SIZE_4K, STATUS_RANGE);
		check_refusal(&fixture, UINT64_MAX - PAGE_SIZE_4K + 1, PAGE_SIZE_4K, STATUS_RANGE);
		check_refusal(&fixture, PAGE_SIZE_4K, UINT64_MAX - PAGE_SIZE_4K + 1, STATUS_RANGE);
		map_ok(&fixture, limit - PAGE_SIZE_4K, 0, PAGE_SIZE_4K);
		assert_int_equal(page_size_at(&fixture, limit - 1), PAGE_SIZE_4K);
		assert_int_equal(page_size_at(&fixture, limit), 0);
		fixture_end(&fixture);
	}
}

static void host_range_may_use_all_physical_address_bits(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 52);
	map_ok(&fixture, GIB(1), BIT(52) - GIB(1), GIB(1));
	assert_int_equal(ept_walk(&fixture.ept, gpa(GIB(2) - 1)).address.value, BIT(52) - 1);
	assert_int_equal(ept_map(&fixture.ept, gpa(0), hpa(BIT(52) - PAGE_SIZE_4K),
				 2 * PAGE_SIZE_4K, attributes(EPT_RWX, MEMORY_TYPE_WB)),
		STATUS_RANGE);
	assert_int_equal(ept_map(&fixture.ept, gpa(0), hpa(BIT(52)), PAGE_SIZE_4K,
				 attributes(EPT_RWX, MEMORY_TYPE_WB)),
		STATUS_RANGE);
	assert_int_equal(ept_map(&fixture.ept, gpa(0), hpa(UINT64_MAX - PAGE_SIZE_4K + 1),
				 2 * PAGE_SIZE_4K, attributes(EPT_RWX, MEMORY_TYPE_WB)),
		STATUS_RANGE);
	fixture_end(&fixture);
}

static void overlap_anywhere_changes_nothing(void **state)
{
	static const struct {
		uint64_t guest;
		uint64_t size_bytes;
	} overlaps[] = {
		{GIB(1), GIB(1)},
		{GIB(1) + MIB(512), PAGE_SIZE_4K},
		{0, GIB(1) + PAGE_SIZE_4K},
		{GIB(2) - PAGE_SIZE_4K, GIB(4)},
		{0, GIB(64)},
		{GIB(3), PAGE_SIZE_2M},
		{GIB(2), GIB(1) + MIB(1) + PAGE_SIZE_4K},
		{GIB(3) + MIB(1), PAGE_SIZE_4K},
	};
	static struct leaves before;
	static struct leaves after;
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	map_ok(&fixture, GIB(1), GIB(5), GIB(1));
	map_ok(&fixture, GIB(3) + MIB(1), GIB(8), PAGE_SIZE_4K);
	leaves_read(&fixture, &before);
	for (size_t i = 0; i < ARRAY_COUNT(overlaps); i++) {
		size_t table_count = fixture.ept.table_count;

		assert_int_equal(
			ept_map(&fixture.ept, gpa(overlaps[i].guest), hpa(GIB(16)),
				overlaps[i].size_bytes, attributes(EPT_READ, MEMORY_TYPE_UC)),
			STATUS_OVERLAP);
		assert_int_equal(fixture.ept.table_count, table_count);
		leaves_read(&fixture, &after);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	map_ok(&fixture, GIB(3), GIB(16), MIB(1));
	map_ok(&fixture, GIB(2), GIB(32), GIB(1));
	fixture_end(&fixture);
}

static void unmap_splits_a_1g_page_at_both_edges(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	map_ok(&fixture, GIB(1), GIB(5), GIB(1));
	assert_int_equal(ept_unmap(&fixture.ept, gpa(GIB(1) + KIB(8)), MIB(4)), STATUS_OK);
	assert_int_equal(page_size_at(&fixture, GIB(1)), PAGE_SIZE_4K);
	assert_int_equal(page_size_at(&fixture, GIB(1) + KIB(8) - 1), PAGE_SIZE_4K);
	assert_int_equal(page_size_at(&fixture, GIB(1) + KIB(8)), 0);
	assert_int_equal(page_size_at(&fixture, GIB(1) + MIB(4) + KIB(8) - 1), 0);
	assert_int_equal(page_size_at(&fixture, GIB(1) + MIB(4) + KIB(8)), PAGE_SIZE_4K);
	assert_int_equal(page_size_at(&fixture, GIB(1) + MIB(6)), PAGE_SIZE_2M);
	assert_int_equal(ept_walk(&fixture.ept, gpa(GIB(2) - 1)).address.value, GIB(6) - 1);
	/* PML4, PDPT, a PD for the 1 GiB page, a PT for each of two 2 MiB pages. */
	assert_int_equal(fixture.ept.table_count, 5);
	fixture_end(&fixture);
}

static void unmap_within_one_2m_page_splits_it_once(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	map_ok(&fixture, GIB(1), GIB(5), GIB(1));
	fixture.budget = 2;
	assert_int_equal(ept_unmap(&fixture.ept, gpa(GIB(1) + MIB(1)), PAGE_SIZE_4K), STATUS_OK);
	assert_int_equal(fixture.budget, 0);
	fixture_end(&fixture);
}

static void unmap_of_whole_pages_needs_no_table(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	map_ok(&fixture, GIB(1), GIB(5), GIB(1) + MIB(2) + KIB(4));
	fixture.budget = 0;
	assert_int_equal(ept_unmap(&fixture.ept, gpa(GIB(1)), GIB(1)), STATUS_OK);
	assert_int_equal(ept_unmap(&fixture.ept, gpa(GIB(2)), MIB(2)), STATUS_OK);
	assert_int_equal(page_size_at(&fixture, GIB(2) + MIB(2)), PAGE_SIZE_4K);
	assert_int_equal(ept_unmap(&fixture.ept, gpa(0), GIB(512)), STATUS_OK);
	assert_int_equal(ept_unmap(&fixture.ept, gpa(0), GIB(512)), STATUS_OK);
	/* A range that covers tables wholly gives them back. */
	assert_int_equal(fixture.ept.table_count, 1);
	fixture_end(&fixture);
}

static void empty_tables_give_way_to_a_larger_page(void **state)
{
	struct fixture fixture;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	map_ok(&fixture, GIB(1) + KIB(4), GIB(5), KIB(4));
	assert_int_equal(ept_unmap(&fixture.ept, gpa(GIB(1) + KIB(4)), KIB(4)), STATUS_OK);
	assert_int_equal(fixture.ept.table_count, 4);
	map_ok(&fixture, GIB(1), GIB(5), GIB(1));
	assert_int_equal(page_size_at(&fixture, GIB(1)), PAGE_SIZE_1G);
	assert_int_equal(fixture.ept.table_count, 2);
	fixture_end(&fixture);
}

static void protect_changes_its_range_alone(void **state)
{
	struct fixture fixture;
	struct ept_mapping mapping;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	assert_int_equal(ept_map(&fixture.ept, gpa(GIB(1)), hpa(GIB(5)), GIB(1),
				 attributes(EPT_RWX, MEMORY_TYPE_WT)),
		STATUS_OK);
	assert_int_equal(ept_protect(&fixture.ept, gpa(GIB(1) + MIB(2)), MIB(2) + KIB(4), EPT_READ),
		STATUS_OK);
	mapping = ept_walk(&fixture.ept, gpa(GIB(1) + MIB(2)));
	assert_int_equal(mapping.page_size, PAGE_SIZE_2M);
	assert_int_equal(mapping.attributes.permissions, EPT_READ);
	assert_int_equal(mapping.attributes.memory_type, MEMORY_TYPE_WT);
	assert_int_equal(mapping.address.value, GIB(5) + MIB(2));
	mapping = ept_walk(&fixture.ept, gpa(GIB(1) + MIB(4)));
	assert_int_equal(mapping.page_size, PAGE_SIZE_4K);
	assert_int_equal(mapping.attributes.permissions, EPT_READ);
	assert_int_equal(
		ept_walk(&fixture.ept, gpa(GIB(1) + MIB(4) + KIB(4))).attributes.permissions,
		EPT_RWX);
	assert_int_equal(
		ept_walk(&fixture.ept, gpa(GIB(1) + MIB(2) - 1)).attributes.permissions, EPT_RWX);
	fixture_end(&fixture);
}

static void protect_of_a_gap_changes_nothing(void **state)
{
	static struct leaves before;
	static struct leaves after;
	struct fixture fixture;
	size_t table_count;

	(void)state;
	fixture_start(&fixture, ALL_PAGES, 39);
	map_ok(&fixture, GIB(1), GIB(5), GIB(1));
	map_ok(&fixture, GIB(2) + KIB(4), GIB(6), MIB(8));
	leaves_read(&fixture, &before);
	table_count = fixture.ept.table_count;
	assert_int_equal(ept_protect(&fixture.ept, gpa(GIB(1) + KIB(4)), GIB(1) + KIB(4), EPT_READ),
		STATUS_NOT_FOUND);
	assert_int_equal(ept_protect(&fixture.ept, gpa(GIB(1) - KIB(4)), KIB(8), EPT_READ),
		STATUS_NOT_FOUND);
	leaves_read(&fixture, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(fixture.ept.table_count, table_count);
	fixture_end(&fixture);
}

/* An edit that needs tables, tried with every shorter pool. */
struct edit {
	const char *name;
	uint64_t guest;
	uint64_t size_bytes;
	enum { MAP, UNMAP, PROTECT } kind;
};

static enum status edit_run(struct fixture *fixture, const struct edit *edit)
{
	gpa_t guest = gpa(edit->guest);

	switch (edit->kind) {
	case MAP:
		return ept_map(&fixture->ept, guest, hpa(edit->guest + GIB(96)), edit->size_bytes,
			attributes(EPT_RWX, MEMORY_TYPE_WB));
	case UNMAP:
		return ept_unmap(&fixture->ept, guest, edit->size_bytes);
	case PROTECT:
	default:
		return ept_protect(&fixture->ept, guest, edit->size_bytes, EPT_READ);
	}
}

static uint64_t edit_until_it_succeeds(uint64_t capability, const struct edit *edit)
{
	static struct leaves before;
	static struct leaves after;

	for (uint64_t budget = 0;; budget++) {
		struct fixture fixture;
		size_t table_count;
		enum status status;

		fixture_start(&fixture, capability, 39);
		map_ok(&fixture, GIB(1), GIB(5), MIB(16));
		if ((capability & EPT_CAP_PAGE_1G) != 0) {
			map_ok(&fixture, GIB(2), GIB(6), GIB(2));
		}
		leaves_read(&fixture, &before);
		table_count = fixture.ept.table_count;
		fixture.budget = budget;
		status = edit_run(&fixture, edit);
		leaves_read(&fixture, &after);
		if (status == STATUS_OK) {
			fixture_end(&fixture);
			return budget;
		}
		assert_int_equal(status, STATUS_NO_MEMORY);
		assert_memory_equal(&before, &after, sizeof(before));
		assert_true(edit->kind == MAP || fixture.ept.table_count == table_count);
		fixture.budget = unlimited;
		assert_int_equal(edit_run(&fixture, edit), STATUS_OK);
		fixture_end(&fixture);
	}
}

static void empty_pool_at_each_allocation_changes_nothing(void **state)
{
	static const struct {
		uint64_t capability;
		struct edit edit;
		uint64_t tables_needed;
	} cases[] = {
		{ALL_PAGES, {"map 4K", GIB(300), KIB(4), MAP}, 2},
		{ALL_PAGES,
			{"map around", GIB(8) - MIB(2) - KIB(4), GIB(1) + 2 * MIB(2) + KIB(8), MAP},
			4},
		{EPT_CAP_PAGE_2M, {"map 2M pages", GIB(8), GIB(4), MAP}, 4},
		{0, {"map 4K pages", GIB(8), MIB(20), MAP}, 11},
		{ALL_PAGES, {"unmap two 1G pages", GIB(3) - KIB(4), KIB(8), UNMAP}, 4},
		{ALL_PAGES, {"unmap in one 1G page", GIB(2) + KIB(4), MIB(2), UNMAP}, 3},
		{ALL_PAGES, {"unmap in one 2M page", GIB(2) + KIB(4), KIB(4), UNMAP}, 2},
		{ALL_PAGES, {"unmap 2M", GIB(2) + MIB(2), MIB(2), UNMAP}, 1},
		{EPT_CAP_PAGE_2M, {"unmap two 2M pages", GIB(1) + MIB(1), MIB(2), UNMAP}, 2},
		{ALL_PAGES, {"protect two 1G pages", GIB(3) - KIB(4), KIB(8), PROTECT}, 4},
		{ALL_PAGES, {"protect 1G and a bit", GIB(2), GIB(1) + KIB(4), PROTECT}, 2},
		{0, {"protect 4K", GIB(1) + KIB(4), KIB(4), PROTECT}, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		uint64_t needed = edit_until_it_succeeds(cases[i].capability, &cases[i].edit);

		if (needed != cases[i].tables_needed) {
			fail_msg("%s: %llu tables", cases[i].edit.name, (unsigned long long)needed);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_ept_translates_nothing),
		cmocka_unit_test(init_without_a_table_says_no_memory),
		cmocka_unit_test(destroy_twice_does_nothing_more),
		cmocka_unit_test(pointer_asks_for_write_back_and_four_levels),
		cmocka_unit_test(one_gib_takes_the_largest_page_that_the_cpu_has),
		cmocka_unit_test(page_size_grows_and_shrinks_with_the_alignment),
		cmocka_unit_test(host_alignment_limits_the_page_size),
		cmocka_unit_test(entries_have_the_format_of_the_sdm),
		cmocka_unit_test(permissions_and_memory_type_are_kept),
		cmocka_unit_test(misconfigurations_are_refused),
		cmocka_unit_test(unaligned_ranges_are_refused),
		cmocka_unit_test(ranges_beyond_the_address_width_are_refused),
		cmocka_unit_test(host_range_may_use_all_physical_address_bits),
		cmocka_unit_test(overlap_anywhere_changes_nothing),
		cmocka_unit_test(unmap_splits_a_1g_page_at_both_edges),
		cmocka_unit_test(unmap_within_one_2m_page_splits_it_once),
		cmocka_unit_test(unmap_of_whole_pages_needs_no_table),
		cmocka_unit_test(empty_tables_give_way_to_a_larger_page),
		cmocka_unit_test(protect_changes_its_range_alone),
		cmocka_unit_test(protect_of_a_gap_changes_nothing),
		cmocka_unit_test(empty_pool_at_each_allocation_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
