/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/ept.c vmx/ept_edit.c vmx/ept_table.c */
#include "vmx/ept.h"

#include "tests/host/ept_fixture.h"
#include "tests/host/random_numbers.h"

enum { OPERATIONS = 2000, TABLE_CHECK_INTERVAL = 10, SAMPLES = 64, BUDGET_MAX = 6 };

/* Across a PML4 entry's edge, and not at 0, so that a lost high bit shows. */
#define WINDOW_BASE  (GIB(512) - GIB(1))
#define WINDOW_SIZE  GIB(3)
#define WINDOW_PAGES (WINDOW_SIZE / PAGE_SIZE_4K)
#define HOST_LIMIT   BIT(46)

/* One word a page: host address | ignore PAT << 6 | memory type << 3 | permissions, as a 4 KiB
 * leaf; 0: unmapped. */
struct model {
	uint64_t pages[WINDOW_PAGES];
	uint64_t mapped_count;
};

struct run {
	struct fixture fixture;
	struct random_numbers numbers;
	struct model *model;
	uint64_t visited_pages;
	uint64_t split_count;
	uint64_t count_by_status[STATUS_COUNT];
};

/* A range in the window, in pages. */
struct pages {
	uint64_t first;
	uint64_t count;
};

static uint64_t guest_of(uint64_t page)
{
	return WINDOW_BASE + page * PAGE_SIZE_4K;
}

static uint64_t random_unit(struct random_numbers *numbers)
{
	static const uint64_t units[] = {
		PAGE_SIZE_4K, PAGE_SIZE_4K, PAGE_SIZE_2M, PAGE_SIZE_2M, PAGE_SIZE_1G};

	return units[random_below(numbers, ARRAY_COUNT(units))];
}

/* Small and huge, at every alignment; ends are as often ragged as round. */
static struct pages random_pages(struct random_numbers *numbers)
{
	uint64_t start = align_down(random_below(numbers, WINDOW_SIZE), random_unit(numbers));
	uint64_t unit = random_unit(numbers);
	uint64_t size_bytes = unit * (1 + random_below(numbers, unit == PAGE_SIZE_1G ? 2 : 600));

	if (random_below(numbers, 4) == 0) {
		size_bytes += PAGE_SIZE_4K * random_below(numbers, 512);
	}
	if (size_bytes > WINDOW_SIZE - start) {
		size_bytes = WINDOW_SIZE - start;
	}
	return (struct pages){start / PAGE_SIZE_4K, size_bytes / PAGE_SIZE_4K};
}

static uint64_t random_permissions(struct random_numbers *numbers)
{
	return EPT_READ | random_below(numbers, 4) << 1;
}

static bool model_has(const struct model *model, struct pages pages, bool is_mapped)
{
	for (uint64_t i = 0; i < pages.count; i++) {
		if ((model->pages[pages.first + i] != 0) == is_mapped) {
			return true;
		}
	}
	return false;
}

static void visit_leaf(void *context, struct leaf leaf)
{
	struct run *run = context;
	uint64_t first = (leaf.guest - WINDOW_BASE) / PAGE_SIZE_4K;
	uint64_t count = leaf.size_bytes / PAGE_SIZE_4K;

	assert_true(leaf.guest >= WINDOW_BASE && range_fits(first, count, WINDOW_PAGES));
	assert_true(leaf.size_bytes == PAGE_SIZE_4K || run->fixture.ept.has_2m_pages);
	assert_true(leaf.size_bytes != PAGE_SIZE_1G || run->fixture.ept.has_1g_pages);
	if (run->fixture.ept.has_executable_large_pages) {
		assert_int_equal(leaf.attributes & BIT(11), 0);
	} else {
		assert_true(
			leaf.size_bytes == PAGE_SIZE_4K || (leaf.attributes & EPT_EXECUTE) == 0);
	}
	if ((leaf.attributes & BIT(11)) != 0) {
		leaf.attributes ^= BIT(11) | EPT_EXECUTE;
	}
	for (uint64_t i = 0; i < count; i++) {
		uint64_t expected = (leaf.host + i * PAGE_SIZE_4K) | leaf.attributes;

		if (run->model->pages[first + i] != expected) {
			fail_msg("page 0x%llx: tables 0x%llx, model 0x%llx",
				(unsigned long long)guest_of(first + i),
				(unsigned long long)expected,
				(unsigned long long)run->model->pages[first + i]);
		}
	}
	run->visited_pages += count;
}

/* Each page in the tables is the model's, and there are as many: they are the same set. */
static void check_tables(struct run *run)
{
	uint64_t mapped = 0;

	for (uint64_t i = 0; i < WINDOW_PAGES; i++) {
		mapped += run->model->pages[i] != 0;
	}
	run->visited_pages = 0;
	fixture_visit(&run->fixture, visit_leaf, run);
	assert_int_equal(run->visited_pages, mapped);
}

static void check_walk(const struct run *run, uint64_t page, uint64_t offset)
{
	struct ept_mapping found = ept_walk(&run->fixture.ept, gpa(guest_of(page) + offset));
	uint64_t expected = page < WINDOW_PAGES ? run->model->pages[page] : 0;

	if (expected == 0) {
		assert_int_equal(found.page_size, 0);
		return;
	}
	assert_true(found.page_size >= PAGE_SIZE_4K);
	assert_int_equal(found.address.value, (expected & BITS_MASK(51, 12)) + offset);
	assert_int_equal(
		found.attributes.permissions | (found.is_execute_withheld ? EPT_EXECUTE : 0),
		expected & 7);
	assert_int_equal(found.attributes.memory_type, expected >> 3 & 7);
	assert_int_equal(found.attributes.ignores_pat, expected >> 6 & 1);
}

/* The edges of what was just edited, and pages anywhere. */
static void check_samples(struct run *run, struct pages pages)
{
	for (uint64_t i = 0; i < 3; i++) {
		check_walk(run, pages.first + i - 1, 0);
		check_walk(run, pages.first + pages.count + i - 1, PAGE_SIZE_4K - 1);
	}
	for (int i = 0; i < SAMPLES; i++) {
		uint64_t offset = random_below(&run->numbers, PAGE_SIZE_4K);

		check_walk(run, random_below(&run->numbers, WINDOW_PAGES), offset);
	}
}

/* After ept_map() from `guest` on, each page is the largest that fits there. */
static void check_page_sizes(const struct run *run, uint64_t guest, uint64_t host, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		uint64_t both = (guest + done) | (host + done);
		uint64_t expected = PAGE_SIZE_4K;

		if (run->fixture.ept.has_2m_pages && both % PAGE_SIZE_2M == 0 &&
			size - done >= PAGE_SIZE_2M) {
			expected = PAGE_SIZE_2M;
		}
		if (run->fixture.ept.has_1g_pages && both % PAGE_SIZE_1G == 0 &&
			size - done >= PAGE_SIZE_1G) {
			expected = PAGE_SIZE_1G;
		}
		assert_int_equal(
			ept_walk(&run->fixture.ept, gpa(guest + done)).page_size, expected);
		done += expected;
	}
}

/* Aligned as the guest address is to 1 GiB, 2 MiB or only 4 KiB. */
static uint64_t random_host(struct random_numbers *numbers, uint64_t guest)
{
	uint64_t unit = random_unit(numbers);
	uint64_t host = align_down(random_below(numbers, HOST_LIMIT - 2 * WINDOW_SIZE), unit);

	return host + guest % unit;
}

static enum status random_map(struct run *run, struct pages pages)
{
	static const enum memory_type types[] = {
		MEMORY_TYPE_UC, MEMORY_TYPE_WC, MEMORY_TYPE_WT, MEMORY_TYPE_WP, MEMORY_TYPE_WB};
	const struct ept_attributes attributes = {random_permissions(&run->numbers),
		types[random_below(&run->numbers, ARRAY_COUNT(types))],
		random_below(&run->numbers, 2) == 0};
	uint64_t guest = guest_of(pages.first);
	uint64_t host = random_host(&run->numbers, guest);
	uint64_t size_bytes = pages.count * PAGE_SIZE_4K;
	bool is_overlap = model_has(run->model, pages, true);
	enum status status =
		ept_map(&run->fixture.ept, gpa(guest), hpa(host), size_bytes, attributes);

	assert_int_equal(status == STATUS_OVERLAP, is_overlap);
	if (status != STATUS_OK) {
		return status;
	}
	check_page_sizes(run, guest, host, size_bytes);
	for (uint64_t i = 0; i < pages.count; i++) {
		run->model->pages[pages.first + i] =
			(host + i * PAGE_SIZE_4K) | (uint64_t)attributes.ignores_pat << 6 |
			(uint64_t)attributes.memory_type << 3 | attributes.permissions;
	}
	return status;
}

static enum status random_unmap(struct run *run, struct pages pages)
{
	enum status status = ept_unmap(
		&run->fixture.ept, gpa(guest_of(pages.first)), pages.count * PAGE_SIZE_4K);

	if (status == STATUS_OK) {
		memset(&run->model->pages[pages.first], 0, pages.count * sizeof(uint64_t));
	}
	return status;
}

static enum status random_protect(struct run *run, struct pages pages)
{
	uint64_t permissions = random_permissions(&run->numbers);
	bool has_gap = model_has(run->model, pages, false);
	enum status status = ept_protect(&run->fixture.ept, gpa(guest_of(pages.first)),
		pages.count * PAGE_SIZE_4K, permissions);

	assert_int_equal(status == STATUS_NOT_FOUND, has_gap);
	for (uint64_t i = 0; status == STATUS_OK && i < pages.count; i++) {
		uint64_t *page = &run->model->pages[pages.first + i];

		*page = (*page & ~7ULL) | permissions;
	}
	return status;
}

/* What a fetch violation leads to: nothing that the model knows changes. */
static enum status random_allow_fetch(struct run *run, struct pages pages)
{
	const gpa_t guest = gpa(guest_of(pages.first) + random_below(&run->numbers, PAGE_SIZE_4K));
	const struct ept_mapping before = ept_walk(&run->fixture.ept, guest);
	bool is_split = true;
	enum status status = ept_allow_fetch(&run->fixture.ept, guest, &is_split);
	const struct ept_mapping after = ept_walk(&run->fixture.ept, guest);

	assert_int_equal(
		status == STATUS_NOT_FOUND, (run->model->pages[pages.first] & EPT_EXECUTE) == 0);
	assert_int_equal(is_split, status == STATUS_OK && before.is_execute_withheld);
	assert_int_equal(after.page_size, is_split ? PAGE_SIZE_4K : before.page_size);
	assert_true(status != STATUS_OK || (after.attributes.permissions & EPT_EXECUTE) != 0);
	run->split_count += is_split;
	return status;
}

static void random_operation(struct run *run)
{
	struct pages pages = random_pages(&run->numbers);
	bool is_pool_short = random_below(&run->numbers, 4) == 0;
	enum status status;

	run->fixture.budget = is_pool_short ? random_below(&run->numbers, BUDGET_MAX) : unlimited;
	switch (random_below(&run->numbers, 5)) {
	case 0:
	case 1:
		status = random_map(run, pages);
		break;
	case 2:
		status = random_unmap(run, pages);
		break;
	case 3:
		status = random_allow_fetch(run, pages);
		break;
	default:
		status = random_protect(run, pages);
		break;
	}
	assert_true(status != STATUS_NO_MEMORY || is_pool_short);
	assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY || status == STATUS_OVERLAP ||
		    status == STATUS_NOT_FOUND);
	run->count_by_status[status]++;
	check_samples(run, pages);
}

static void run_against_model(
	const char *name, uint64_t capability, bool has_executable_large_pages)
{
	static struct run run;

	memset(&run, 0, sizeof(run));
	run.model = calloc(1, sizeof(*run.model));
	assert_non_null(run.model);
	random_start(&run.numbers, name);
	fixture_start_with(&run.fixture, capability, 46, has_executable_large_pages);
	for (int i = 0; i < OPERATIONS; i++) {
		random_operation(&run);
		if (i % TABLE_CHECK_INTERVAL == 0 || i + 1 == OPERATIONS) {
			check_tables(&run);
		}
	}
	/* A run in which hardly anything happened would prove nothing. */
	assert_true(run.count_by_status[STATUS_OK] > OPERATIONS / 4);
	assert_true(run.count_by_status[STATUS_NO_MEMORY] > 0);
	assert_true(has_executable_large_pages || run.split_count > 0);
	fixture_end(&run.fixture);
	free(run.model);
}

static void random_operations_with_1g_pages_agree_with_a_flat_model(void **state)
{
	(void)state;
	run_against_model(__func__, EPT_CAP_PAGE_2M | EPT_CAP_PAGE_1G, true);
}

static void random_operations_with_2m_pages_agree_with_a_flat_model(void **state)
{
	(void)state;
	run_against_model(__func__, EPT_CAP_PAGE_2M, true);
}

static void random_operations_with_4k_pages_agree_with_a_flat_model(void **state)
{
	(void)state;
	run_against_model(__func__, 0, true);
}

static void random_operations_without_executable_1g_pages_agree_with_a_flat_model(void **state)
{
	(void)state;
	run_against_model(__func__, EPT_CAP_PAGE_2M | EPT_CAP_PAGE_1G, false);
}

static void random_operations_without_executable_2m_pages_agree_with_a_flat_model(void **state)
{
	(void)state;
	run_against_model(__func__, EPT_CAP_PAGE_2M, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_with_1g_pages_agree_with_a_flat_model),
		cmocka_unit_test(random_operations_with_2m_pages_agree_with_a_flat_model),
		cmocka_unit_test(random_operations_with_4k_pages_agree_with_a_flat_model),
		cmocka_unit_test(
			random_operations_without_executable_1g_pages_agree_with_a_flat_model),
		cmocka_unit_test(
			random_operations_without_executable_2m_pages_agree_with_a_flat_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
