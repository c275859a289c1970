/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/manager.c tests/host/manager_fixture.c */
/* Guests whose RAM is to be cleared before they start, and after their end. */
#include "tests/host/fake/fake_log.h"
#include "tests/host/manager_fixture.h"

#include <string.h>

/* A guest that keeps its processor busy. */
static const struct turn busy = {0, VM_END_NONE, 0, GUEST_WISH_NONE};

enum { BUSY_TURNS = 8000, BIG_RAM_PIECES = 10000 };

/* Turns of a guest 0 that is busy, and ends behind all. */
static const struct turn *busy_turns(const struct turn *turn, size_t at)
{
	static struct turn turns[BUSY_TURNS];

	for (size_t i = 0; i < BUSY_TURNS; i++) {
		turns[i] = busy;
	}
	turns[at] = *turn;
	turns[BUSY_TURNS - 2] = (struct turn){1, VM_END_CALL, 0, 0};
	turns[BUSY_TURNS - 1] = (struct turn){0, VM_END_CALL, 0, 0};
	return turns;
}

static void a_guest_begins_when_all_of_its_ram_is_clear(void **state)
{
	const struct turn turns[] = {{0, VM_END_CALL, 0, 0}};

	(void)state;
	machine.dirty_pieces[0] = RAM_PIECES;
	machine.piece_count = 0;
	assert_int_equal(RUN(1, false, turns), 0);
	assert_string_equal(machine.events, "M0L0S0E0D0");
	assert_true(machine.started_tsc >= 1000 + RAM_PIECES * PIECE_TICKS);
	/* Its end is the run's when the RAM is clear once more. */
	assert_int_equal(machine.piece_count, 2 * RAM_PIECES);
	assert_int_equal(machine.ram_held, 0);
	assert_true(machine.poll_count >= 2 * RAM_PIECES);
}

/* For two seconds of a processor. The one beside it starts within the second, and waits no longer
 * than half a slice and a piece from then on. */
static void a_guest_runs_while_anothers_ram_is_cleared(void **state)
{
	(void)state;
	machine.dirty_pieces[1] = BIG_RAM_PIECES;
	assert_int_equal(manager_fixture_run(2, false, busy_turns(&busy, 0), BUSY_TURNS), 0);
	assert_string_equal(machine.events, "M0M1L0S0L1S1E1D1E0D0");
	assert_in_range(machine.longest_serve, SLICE_TICKS / 2, SLICE_TICKS / 2 + PIECE_TICKS);
	assert_int_equal(machine.ram_held, 0);
}

static void another_processor_that_clears_spares_this_one(void **state)
{
	(void)state;
	machine.dirty_pieces[1] = BUSY_TURNS / 2;
	machine.is_another_clearing = true;
	assert_int_equal(manager_fixture_run(2, false, busy_turns(&busy, 0), BUSY_TURNS), 0);
	/* Half a slice at the first look alone, when none has cleared any. */
	assert_in_range(machine.longest_serve, 0, SLICE_TICKS / 2 + PIECE_TICKS);
	assert_in_range(machine.poll_count, 1, 2 * SLICE_TICKS / PIECE_TICKS + BUSY_TURNS / 2);
}

static void guests_that_are_clear_within_a_second_begin_together(void **state)
{
	const struct turn turns[] = {{0, VM_END_CALL, 0, 0}, {1, VM_END_CALL, 0, 0}};

	(void)state;
	machine.dirty_pieces[1] = RAM_PIECES;
	assert_int_equal(RUN(2, false, turns), 0);
	assert_string_equal(machine.events, "M0M1L0S0L1S1E0D0E1D1");
}

static void a_stop_while_its_ram_is_cleared_gives_it_back_clear(void **state)
{
	const struct turn stop = {1, VM_END_NONE, 0, GUEST_WISH_STOP};
	struct turn *turns = (struct turn *)(uintptr_t)busy_turns(&stop, 1500);

	(void)state;
	machine.dirty_pieces[1] = BIG_RAM_PIECES;
	turns[BUSY_TURNS - 2] = busy;
	machine.piece_count = 0;
	assert_int_equal(manager_fixture_run(2, false, turns, BUSY_TURNS), 0);
	assert_string_equal(machine.events, "M0M1L0S0E1D1E0D0");
	assert_int_equal(machine.piece_count, BIG_RAM_PIECES);
	assert_int_equal(machine.ram_held, 0);
}

static void a_restart_while_its_ram_is_cleared_is_counted(void **state)
{
	const struct turn restart = {1, VM_END_NONE, 0, GUEST_WISH_RESTART};

	(void)state;
	machine.dirty_pieces[1] = BIG_RAM_PIECES;
	assert_int_equal(manager_fixture_run(2, false, busy_turns(&restart, 1500), BUSY_TURNS), 0);
	assert_string_equal(machine.events, "M0M1L0S0L1S1E1D1E0D0");
	assert_non_null(strstr(fake_log_text(), "restart number 1"));
}

/* It is stopped while it is prepared: the one RAM is cleared for both starts, and at the end. */
static void a_start_while_its_old_ram_is_cleared_takes_that(void **state)
{
	const struct turn turns[] = {busy, {0, 0, 0, GUEST_WISH_STOP}, busy, busy,
		{0, 0, 0, GUEST_WISH_START}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	machine.dirty_pieces[0] = RAM_PIECES;
	machine.ram_limit = RAM_PIECES;
	machine.piece_count = 0;
	assert_int_equal(RUN(1, false, turns), 0);
	assert_string_equal(machine.events, "M0E0D0M0L0S0E0D0");
	assert_int_equal(machine.piece_count, 2 * RAM_PIECES);
}

/* The machine has RAM for one of them. */
static void a_start_waits_for_ram_that_is_being_cleared(void **state)
{
	const struct turn turns[] = {
		{0, VM_END_CALL, 0, 0}, {1, 0, 0, GUEST_WISH_START}, {1, VM_END_CALL, 7, 0}};

	(void)state;
	machine.dirty_pieces[0] = BIG_RAM_PIECES;
	machine.list.entries[1].config.is_stopped_at_boot = true;
	machine.ram_limit = RAM_PIECES;
	assert_int_equal(RUN(2, false, turns), 7);
	assert_string_equal(machine.events, "M0L0S0E0D0M1L1S1E1D1");
	machine.list.entries[1].config.is_stopped_at_boot = false;
}

/* A wish that comes while it waits takes the place of the start. */
static void a_stop_while_a_start_waits_for_ram_is_the_last_word(void **state)
{
	const struct turn turns[] = {
		{0, VM_END_CALL, 0, 0}, {1, 0, 0, GUEST_WISH_START}, {1, 0, 0, GUEST_WISH_STOP}};

	(void)state;
	machine.dirty_pieces[0] = BIG_RAM_PIECES;
	machine.list.entries[1].config.is_stopped_at_boot = true;
	machine.ram_limit = RAM_PIECES;
	assert_int_equal(RUN(2, false, turns), 0);
	assert_string_equal(machine.events, "M0L0S0E0D0");
	machine.list.entries[1].config.is_stopped_at_boot = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LIST(a_guest_begins_when_all_of_its_ram_is_clear),
		WITH_LIST(a_guest_runs_while_anothers_ram_is_cleared),
		WITH_LIST(another_processor_that_clears_spares_this_one),
		WITH_LIST(guests_that_are_clear_within_a_second_begin_together),
		WITH_LIST(a_stop_while_its_ram_is_cleared_gives_it_back_clear),
		WITH_LIST(a_restart_while_its_ram_is_cleared_is_counted),
		WITH_LIST(a_start_while_its_old_ram_is_cleared_takes_that),
		WITH_LIST(a_start_waits_for_ram_that_is_being_cleared),
		WITH_LIST(a_stop_while_a_start_waits_for_ram_is_the_last_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
