/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/guest_memory.c */
#include "vm/guest_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PAGE = 0x1000 };

/* Pages 0 and 1 are RAM, page 2 is read-only, page 3 is a hole, page 4 is RAM. */
struct fixture {
	struct guest_memory memory;
	uint8_t *low;
	uint8_t *rom;
	uint8_t *high;
};

static struct guest_memory_region region(uint64_t guest, uint64_t size_bytes, uint8_t *host)
{
	return (struct guest_memory_region){gpa(guest), size_bytes, host, false};
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct guest_memory_region rom;

	f->low = malloc(2 * PAGE);
	f->rom = malloc(PAGE);
	f->high = malloc(PAGE);
	memset(f->low, 0x11, 2 * PAGE);
	memset(f->rom, 0x22, PAGE);
	memset(f->high, 0x33, PAGE);
	rom = region(2 * PAGE, PAGE, f->rom);
	rom.is_read_only = true;
	assert_int_equal(guest_memory_add(&f->memory, region(4 * PAGE, PAGE, f->high)), STATUS_OK);
	assert_int_equal(guest_memory_add(&f->memory, region(0, 2 * PAGE, f->low)), STATUS_OK);
	assert_int_equal(guest_memory_add(&f->memory, rom), STATUS_OK);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->low);
	free(f->rom);
	free(f->high);
	free(f);
	return 0;
}

static void regions_are_sorted_by_address(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->memory.region_count, 3);
	assert_int_equal(f->memory.regions[0].guest.value, 0);
	assert_int_equal(f->memory.regions[1].guest.value, 2 * PAGE);
	assert_int_equal(f->memory.regions[2].guest.value, 4 * PAGE);
	assert_ptr_equal(f->memory.regions[1].host, f->rom);
}

static void add_refuses_odd_addresses_and_sizes(void **state)
{
	struct fixture *f = *state;
	uint8_t *host = f->high;

	assert_int_equal(
		guest_memory_add(&f->memory, region(8 * PAGE + 1, PAGE, host)), STATUS_ALIGNMENT);
	assert_int_equal(
		guest_memory_add(&f->memory, region(8 * PAGE, PAGE - 1, host)), STATUS_ALIGNMENT);
	assert_int_equal(guest_memory_add(&f->memory, region(8 * PAGE, 0, host)), STATUS_ALIGNMENT);
	assert_int_equal(f->memory.region_count, 3);
}

static void add_refuses_ranges_that_wrap(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0ull - PAGE;

	assert_int_equal(guest_memory_add(&f->memory, region(last, PAGE, f->high)), STATUS_RANGE);
	assert_int_equal(
		guest_memory_add(&f->memory, region(last, 2 * PAGE, f->high)), STATUS_RANGE);
	assert_int_equal(
		guest_memory_add(&f->memory, region(8 * PAGE, last, f->high)), STATUS_RANGE);
	assert_int_equal(
		guest_memory_add(&f->memory, region(last - PAGE, PAGE, f->high)), STATUS_OK);
}

static void add_refuses_overlap_and_takes_neighbours(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guest_memory_add(&f->memory, region(PAGE, PAGE, f->high)), STATUS_OVERLAP);
	assert_int_equal(
		guest_memory_add(&f->memory, region(3 * PAGE, 2 * PAGE, f->high)), STATUS_OVERLAP);
	assert_int_equal(
		guest_memory_add(&f->memory, region(0, 16 * PAGE, f->high)), STATUS_OVERLAP);
	assert_int_equal(guest_memory_add(&f->memory, region(3 * PAGE, PAGE, f->high)), STATUS_OK);
}

static void add_refuses_one_region_too_many(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guest_memory_add(&f->memory, region(8 * PAGE, PAGE, f->high)), STATUS_OK);
	assert_int_equal(
		guest_memory_add(&f->memory, region(16 * PAGE, PAGE, f->high)), STATUS_NO_MEMORY);
	assert_int_equal(f->memory.region_count, GUEST_MEMORY_REGIONS_MAX);
}

static void read_crosses_into_an_adjoining_region(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[4] = {0};

	assert_int_equal(guest_memory_read(&f->memory, gpa(2 * PAGE - 2), bytes, 4), STATUS_OK);
	assert_memory_equal(bytes, "\x11\x11\x22\x22", 4);
}

static void read_of_a_hole_copies_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[4] = {9, 9, 9, 9};

	assert_int_equal(guest_memory_read(&f->memory, gpa(3 * PAGE - 2), bytes, 4), STATUS_RANGE);
	assert_int_equal(guest_memory_read(&f->memory, gpa(4 * PAGE - 2), bytes, 4), STATUS_RANGE);
	assert_int_equal(guest_memory_read(&f->memory, gpa(5 * PAGE - 2), bytes, 4), STATUS_RANGE);
	assert_int_equal(guest_memory_read(&f->memory, gpa(5 * PAGE), bytes, 1), STATUS_RANGE);
	assert_memory_equal(bytes, "\x09\x09\x09\x09", 4);
}

static void write_and_fill_refuse_read_only_memory_whole(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		guest_memory_write(&f->memory, gpa(2 * PAGE - 2), "abcd", 4), STATUS_RANGE);
	assert_int_equal(guest_memory_fill(&f->memory, gpa(2 * PAGE - 2), 7, 4), STATUS_RANGE);
	assert_int_equal(f->low[2 * PAGE - 1], 0x11);
	assert_int_equal(f->low[2 * PAGE - 2], 0x11);
	assert_int_equal(f->rom[0], 0x22);
}

static void write_and_fill_change_their_range_only(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guest_memory_write(&f->memory, gpa(PAGE - 1), "abc", 3), STATUS_OK);
	assert_memory_equal(f->low + PAGE - 2,
		"\x11"
		"abc\x11",
		5);
	assert_int_equal(guest_memory_fill(&f->memory, gpa(4 * PAGE), 7, PAGE), STATUS_OK);
	assert_int_equal(f->high[0], 7);
	assert_int_equal(f->high[PAGE - 1], 7);
}

static void size_zero_is_no_access(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guest_memory_read(&f->memory, gpa(3 * PAGE), NULL, 0), STATUS_OK);
	assert_int_equal(guest_memory_write(&f->memory, gpa(UINT64_MAX), NULL, 0), STATUS_OK);
	assert_int_equal(guest_memory_fill(&f->memory, gpa(2 * PAGE), 0, 0), STATUS_OK);
}

static void huge_ranges_do_not_wrap_into_ram(void **state)
{
	struct fixture *f = *state;
	uint64_t top = 0ull - 2 * PAGE;
	uint8_t bytes[PAGE * 2 + 1];

	assert_int_equal(guest_memory_add(&f->memory, region(top, PAGE, f->high)), STATUS_OK);
	assert_int_equal(guest_memory_read(&f->memory, gpa(0), bytes, UINT64_MAX), STATUS_RANGE);
	assert_int_equal(
		guest_memory_fill(&f->memory, gpa(PAGE), 0, UINT64_MAX - PAGE + 1), STATUS_RANGE);
	assert_int_equal(
		guest_memory_read(&f->memory, gpa(top), bytes, 2 * PAGE + 1), STATUS_RANGE);
	assert_int_equal(guest_memory_read(&f->memory, gpa(UINT64_MAX), bytes, 1), STATUS_RANGE);
	assert_int_equal(guest_memory_read(&f->memory, gpa(UINT64_MAX), bytes, 2), STATUS_RANGE);
	assert_int_equal(f->low[PAGE], 0x11);
}

static void no_region_is_no_ram(void **state)
{
	struct guest_memory memory = {.region_count = 0};
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(guest_memory_read(&memory, gpa(0), &byte, 1), STATUS_RANGE);
	assert_int_equal(guest_memory_write(&memory, gpa(0), &byte, 1), STATUS_RANGE);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void numbers_go_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	const unsigned sizes[] = {1, 2, 4, 8};
	uint64_t value;

	for (size_t i = 0; i < 4; i++) {
		const unsigned size = sizes[i];
		const uint64_t mask = UINT64_MAX >> (64 - 8 * size);

		for (uint64_t at = PAGE - 8; at <= PAGE + 8; at++) {
			memset(f->low, 0x11, 2 * PAGE);
			assert_int_equal(
				guest_memory_store(&f->memory, gpa(at), 0x8877665544332211, size),
				STATUS_OK);
			assert_int_equal(f->low[at], 0x11);
			assert_int_equal(f->low[at + size], 0x11);
			assert_int_equal(
				guest_memory_load(&f->memory, gpa(at), &value, size), STATUS_OK);
			assert_int_equal(value, 0x8877665544332211 & mask);
		}
		assert_int_equal(
			guest_memory_store(&f->memory, gpa(2 * PAGE), 0, size), STATUS_RANGE);
		assert_int_equal(
			guest_memory_load(&f->memory, gpa(3 * PAGE), &value, size), STATUS_RANGE);
		assert_int_equal(
			guest_memory_load(&f->memory, gpa(2 * PAGE), &value, size), STATUS_OK);
	}
	assert_int_equal(guest_memory_store(&f->memory, gpa(2 * PAGE - 1), 0, 2), STATUS_RANGE);
}

static void a_number_is_exchanged_only_for_the_one_expected(void **state)
{
	struct fixture *f = *state;
	const unsigned sizes[] = {1, 4, 8};

	for (size_t i = 0; i < 3; i++) {
		const unsigned size = sizes[i];
		const uint64_t old = 0x1111111111111111 >> (64 - 8 * size);
		const gpa_t at = gpa(64 * (i + 1));

		assert_int_equal(guest_memory_compare_exchange(&f->memory, at, old ^ 1, 5, size),
			STATUS_CHANGED);
		assert_int_equal(f->low[at.value], 0x11);
		assert_int_equal(
			guest_memory_compare_exchange(&f->memory, at, old, 5, size), STATUS_OK);
		assert_int_equal(f->low[at.value], 5);
		assert_int_equal(f->low[at.value + size], 0x11);
		assert_int_equal(
			guest_memory_compare_exchange(&f->memory, gpa(2 * PAGE), 0x22, 5, size),
			STATUS_RANGE);
	}
	assert_int_equal(guest_memory_compare_exchange(&f->memory, gpa(2), 0, 5, 4), STATUS_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(regions_are_sorted_by_address),
		WITH_FIXTURE(add_refuses_odd_addresses_and_sizes),
		WITH_FIXTURE(add_refuses_ranges_that_wrap),
		WITH_FIXTURE(add_refuses_overlap_and_takes_neighbours),
		WITH_FIXTURE(add_refuses_one_region_too_many),
		WITH_FIXTURE(read_crosses_into_an_adjoining_region),
		WITH_FIXTURE(read_of_a_hole_copies_nothing),
		WITH_FIXTURE(write_and_fill_refuse_read_only_memory_whole),
		WITH_FIXTURE(write_and_fill_change_their_range_only),
		WITH_FIXTURE(size_zero_is_no_access),
		WITH_FIXTURE(huge_ranges_do_not_wrap_into_ram),
		cmocka_unit_test(no_region_is_no_ram),
		cmocka_unit_test_setup_teardown(numbers_go_whole_or_not_at_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_number_is_exchanged_only_for_the_one_expected, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
