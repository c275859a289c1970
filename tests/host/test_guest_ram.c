/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/guest_ram.c cpu/page_alloc.c cpu/page_ranges.c lib/status.c */
#include "boot/guest_ram.h"

#include "cpu/percpu.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "lib/bits.h"
#include "vm/scheduler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A machine of 4 MiB whose memory holds what the firmware left. */
enum { LEFT_BEHIND = 0xa5, PROCESSORS = 2 };

#define MACHINE_BYTES MIB(4)
#define RAM_BYTES     MIB(1)
#define PIECES(bytes) ((bytes) / GUEST_RAM_PIECE_BYTES)

static uint8_t *machine;
static struct page_alloc pages;
static struct scheduler schedulers[PROCESSORS];
static unsigned poke_count[PROCESSORS];
static unsigned ask_count;

unsigned cpu_count(void)
{
	return PROCESSORS;
}

struct scheduler *scheduler_of(unsigned cpu_index)
{
	return &schedulers[cpu_index];
}

bool scheduler_is_started(const struct scheduler *scheduler)
{
	return scheduler == &schedulers[0] || scheduler == &schedulers[1];
}

void scheduler_poke(struct scheduler *scheduler)
{
	poke_count[scheduler - schedulers]++;
}

void scheduler_ask_loop(struct scheduler *scheduler)
{
	assert_ptr_equal(scheduler, &schedulers[0]);
	ask_count++;
}

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	fake_log_clear();
	machine = aligned_alloc(MACHINE_BYTES, MACHINE_BYTES);
	assert_non_null(machine);
	memset(machine, LEFT_BEHIND, MACHINE_BYTES);
	page_alloc_init(&pages);
	assert_int_equal(page_alloc_add(&pages, hpa_of(machine), MACHINE_BYTES), STATUS_OK);
	ask_count = 0;
	memset(poke_count, 0, sizeof(poke_count));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_false(guest_ram_is_queued());
	free(machine);
	return 0;
}

static bool is_zero(const struct guest_ram *ram)
{
	const uint8_t *bytes = hpa_pointer(ram->base);

	for (uint64_t i = 0; i < ram->size_bytes; i++) {
		if (bytes[i] != 0) {
			return false;
		}
	}
	return true;
}

/* Returns how many pieces there were. */
static unsigned clear_all(void)
{
	unsigned count = 0;

	while (guest_ram_clear_piece()) {
		count++;
	}
	return count;
}

static void what_another_system_left_is_cleared_in_pieces(void **state)
{
	struct guest_ram ram = {.size_bytes = 0};
	const uint64_t before = guest_ram_piece_count();

	(void)state;
	assert_int_equal(guest_ram_take(&ram, &pages, RAM_BYTES), STATUS_OK);
	assert_false(guest_ram_is_clear(&ram));
	for (uint64_t i = 1; i <= PIECES(RAM_BYTES); i++) {
		const uint8_t *bytes = hpa_pointer(ram.base);

		assert_true(guest_ram_clear_piece());
		assert_int_equal(bytes[i * GUEST_RAM_PIECE_BYTES - 1], 0);
		assert_true(
			i == PIECES(RAM_BYTES) || bytes[i * GUEST_RAM_PIECE_BYTES] == LEFT_BEHIND);
		assert_int_equal(ask_count, i == PIECES(RAM_BYTES) ? 1 : 0);
	}
	assert_false(guest_ram_clear_piece());
	assert_true(guest_ram_is_clear(&ram));
	assert_true(is_zero(&ram));
	assert_int_equal(guest_ram_piece_count() - before, PIECES(RAM_BYTES));
	/* Nothing beside it was touched. */
	assert_int_equal(machine[ram.base.value - (uintptr_t)machine - 1], LEFT_BEHIND);
	guest_ram_give(&ram, &pages);
	assert_int_equal(ram.size_bytes, 0);
	assert_int_equal(page_alloc_free_bytes(&pages), MACHINE_BYTES);
}

static void ram_that_a_guest_gave_back_is_not_cleared_twice(void **state)
{
	struct guest_ram ram = {.size_bytes = 0};

	(void)state;
	assert_int_equal(guest_ram_take(&ram, &pages, RAM_BYTES), STATUS_OK);
	assert_int_equal(clear_all(), PIECES(RAM_BYTES));
	memset(hpa_pointer(ram.base), LEFT_BEHIND, RAM_BYTES);
	guest_ram_clear(&ram);
	assert_false(guest_ram_is_clear(&ram));
	assert_int_equal(clear_all(), PIECES(RAM_BYTES));
	guest_ram_give(&ram, &pages);
	assert_int_equal(guest_ram_take(&ram, &pages, RAM_BYTES), STATUS_OK);
	assert_true(guest_ram_is_clear(&ram));
	assert_int_equal(clear_all(), 0);
	assert_true(is_zero(&ram));
	guest_ram_give(&ram, &pages);
}

/* Pages that had another use in between are dirty. */
static void pages_that_others_had_meanwhile_are_cleared(void **state)
{
	struct guest_ram ram = {.size_bytes = 0};
	hpa_t page;

	(void)state;
	assert_int_equal(guest_ram_take(&ram, &pages, RAM_BYTES), STATUS_OK);
	(void)clear_all();
	guest_ram_give(&ram, &pages);
	assert_int_equal(
		page_alloc_take(&pages, PAGE_SIZE_4K, PAGE_SIZE_4K, UINT64_MAX, &page), STATUS_OK);
	memset(hpa_pointer(page), LEFT_BEHIND, PAGE_SIZE_4K);
	assert_int_equal(page_alloc_give(&pages, page, PAGE_SIZE_4K), STATUS_OK);
	assert_int_equal(guest_ram_take(&ram, &pages, RAM_BYTES), STATUS_OK);
	assert_int_equal(clear_all(), 1);
	assert_true(is_zero(&ram));
	guest_ram_give(&ram, &pages);
}

static void what_came_first_is_cleared_first(void **state)
{
	struct guest_ram rams[3] = {{.size_bytes = 0}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(guest_ram_take(&rams[i], &pages, RAM_BYTES), STATUS_OK);
	}
	for (unsigned i = 0; i < 3; i++) {
		for (uint64_t piece = 0; piece < PIECES(RAM_BYTES); piece++) {
			assert_false(guest_ram_is_clear(&rams[i]));
			assert_true(guest_ram_clear_piece());
		}
		assert_true(guest_ram_is_clear(&rams[i]));
		assert_int_equal(ask_count, i + 1);
	}
	for (unsigned i = 0; i < 3; i++) {
		guest_ram_give(&rams[i], &pages);
	}
	assert_int_equal(page_alloc_free_bytes(&pages), MACHINE_BYTES);
}

static void processors_that_sleep_are_woken_for_it(void **state)
{
	struct guest_ram ram = {.size_bytes = 0};

	(void)state;
	assert_int_equal(guest_ram_take(&ram, &pages, RAM_BYTES), STATUS_OK);
	assert_int_equal(poke_count[0], 1);
	assert_int_equal(poke_count[1], 1);
	(void)clear_all();
	guest_ram_give(&ram, &pages);
}

static void odd_sizes_end_with_a_smaller_piece(void **state)
{
	struct guest_ram ram = {.size_bytes = 0};
	const uint64_t size_bytes = GUEST_RAM_PIECE_BYTES + PAGE_SIZE_4K;

	(void)state;
	assert_int_equal(guest_ram_take(&ram, &pages, size_bytes), STATUS_OK);
	assert_int_equal(clear_all(), 2);
	assert_true(is_zero(&ram));
	guest_ram_give(&ram, &pages);
}

static void without_memory_nothing_is_held(void **state)
{
	struct guest_ram ram = {.size_bytes = 0};

	(void)state;
	assert_int_equal(guest_ram_take(&ram, &pages, 2 * MACHINE_BYTES), STATUS_NO_MEMORY);
	assert_int_equal(ram.size_bytes, 0);
	assert_true(guest_ram_is_clear(&ram));
	assert_int_equal(page_alloc_free_bytes(&pages), MACHINE_BYTES);
}

#define WITH_MACHINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(what_another_system_left_is_cleared_in_pieces),
		WITH_MACHINE(ram_that_a_guest_gave_back_is_not_cleared_twice),
		WITH_MACHINE(pages_that_others_had_meanwhile_are_cleared),
		WITH_MACHINE(what_came_first_is_cleared_first),
		WITH_MACHINE(processors_that_sleep_are_woken_for_it),
		WITH_MACHINE(odd_sizes_end_with_a_smaller_piece),
		WITH_MACHINE(without_memory_nothing_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
