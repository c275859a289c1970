/* SPDX-License-Identifier: MIT */
#ifndef HOST_MANAGER_FIXTURE_H
#define HOST_MANAGER_FIXTURE_H

#include "boot/managed_guest.h"
#include "boot/manager.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * What boot/manager.c works with, in place of guests, processors and memory: guests that end as a
 * script says, RAM that is cleared in pieces, and a clock that all of it moves on.
 */

enum {
	HZ = 1000000,
	EVENTS_MAX = 32,
	TURNS_MAX = 100,
	RUN_TICKS = 1000,
	RAM_PIECES = 100,
	PIECE_TICKS = 200,
	SLICE_TICKS = 5000,
};

/* One turn of the machine: a guest ends, or somebody has a wish for one. */
struct turn {
	size_t guest;
	enum vm_end end;
	unsigned status;
	enum guest_wish wish;
};

struct manager_machine {
	struct guest_list list;
	const struct turn *script;
	size_t turn_count;
	struct guest_block *blocks;
	char events[EVENTS_MAX]; /* What the manager did: a letter, and the guest's number. */
	uint64_t report_ticks;   /* What a report takes, */
	uint64_t load_ticks;     /* and what loading again. */
	uint64_t started_tsc;    /* Of the last start. */
	unsigned relax_count;
	unsigned poll_count;
	bool is_make_refused;
	bool is_leaving_late;     /* A guest's last vCPU says a moment later that it has left. */
	uint64_t dirty_pieces[3]; /* Of the RAM of each guest when it is taken. */
	size_t ram_held;
	size_t ram_limit;
	uint64_t piece_count;
	bool is_another_clearing; /* Another processor clears while a guest runs here. */
	uint64_t longest_serve;   /* How long the boot processor's guests waited for it at most. */
};

extern struct manager_machine machine;

/* cmocka's set-up and tear-down: nothing has happened, and no RAM is dirty. */
int manager_set_up(void **state);
int manager_tear_down(void **state);

/* Runs `count` guests through all turns of a script. Returns the run's status. */
unsigned manager_fixture_run(
	size_t count, bool is_in_turn, const struct turn *turns, size_t turns_count);

#define RUN(count, is_in_turn, turns)                                                              \
	manager_fixture_run(count, is_in_turn, turns, ARRAY_COUNT(turns))
#define WITH_LIST(test) cmocka_unit_test_setup_teardown(test, manager_set_up, manager_tear_down)

#endif
