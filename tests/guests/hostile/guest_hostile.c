/* SPDX-License-Identifier: MIT */
/*
 * Random operations of every kind on one or two processors: everything that exits, vector state,
 * memory types, page splits, debugging, the APIC, batches of calls, and what one processor changes
 * while the hypervisor looks at the other. What comes back is not judged here, but for page-table
 * entries that must stay cleared: that the hypervisor lives, and a guest beside this one, is the
 * test.
 *
 * Words: seed=N (printed, so that a run can be repeated; else from the TSC), count=N operations of
 * both processors together, life=N: about so many operations after a reset the guest ends by
 * another one, and goes on with another seed; it wants restart=always. only=N takes the attack of
 * that number alone. trace=N: each probe of processor 0 is printed from its Nth operation on.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

enum { OPERATION_COUNT = 20000, PROGRESS_STEPS = 4, STRIKE_ONE_IN = 1024, NOTE_STEP = 64 };

/* An attack stands here as often as it is chosen. */
static bool (*const attacks[])(void) = {hostile_instruction, hostile_system, hostile_vector,
	hostile_memory, hostile_debug, hostile_apic, hostile_call, hostile_race,
	hostile_instruction, hostile_instruction, hostile_system, hostile_memory,
	hostile_instruction, hostile_instruction, hostile_vector, hostile_apic};

static uint64_t only;
static uint64_t traced_from;
static uint64_t own_operations;

bool hostile_step(void)
{
	if (only < ARRAY_COUNT(attacks)) {
		return attacks[only]();
	}
	return attacks[choose_below(ARRAY_COUNT(attacks))]();
}

/* How many are made, with those of the lives before. */
static uint64_t sum_of(const struct hostile_life *life)
{
	return life->operations + own_operations + hostile_other_operations();
}

/* Makes operations until that many are made. Returns how many ran to their end. */
static uint64_t live(const struct hostile_life *life, uint64_t until, uint64_t progress)
{
	uint64_t next_line = (life->operations / progress + 1) * progress;
	uint64_t done = 0;

	while (sum_of(life) < until) {
		if (own_operations == traced_from) {
			hostile_trace();
		}
		done += hostile_step();
		own_operations++;
		if (only >= ARRAY_COUNT(attacks) && choose_below(STRIKE_ONE_IN) == 0) {
			(void)hostile_other_strike();
		}
		if (own_operations % NOTE_STEP == 0) {
			hostile_life_note(life, sum_of(life));
		}
		if (sum_of(life) >= next_line) {
			next_line += progress;
			guest_printf("hostile: operations=%lu\n", sum_of(life));
		}
	}
	hostile_life_note(life, sum_of(life));
	return done;
}

/* What has no memory is not mapped: see hostile_map_absent(). So its end is an edge for addresses.
 */
static void unmap_absent(void)
{
	for (uint64_t linear = guest_memory_end(); linear <= HOSTILE_MAPPED_END;
		linear += GUEST_PAGE_2M_BYTES) {
		guest_map_2m(linear, 0, 0);
	}
}

/* At the end of each life, since the next one begins with a count of 0. */
static void check_race(void)
{
	if (hostile_race_failures() != 0) {
		report_equal(
			"a_cleared_page_table_entry_stays_cleared", hostile_race_failures(), 0);
	}
}

static uint32_t finish(void)
{
	report_pass("hypervisor_lives");
	if (report_is_trivet()) {
		report_equal(
			"calls_are_still_answered", (uint64_t)trivet_ping(), TRIVET_PING_RESULT);
	}
	return report_result();
}

uint32_t guest_main(void)
{
	const uint64_t count = guest_option("count", OPERATION_COUNT);
	const uint64_t length = guest_option("life", 0);
	const struct hostile_life life =
		hostile_life_begin(guest_option("seed", guest_rdtsc() & HOSTILE_LOW_HALF));
	uint64_t until = count;
	uint64_t done;

	traced_from = guest_option("trace", UINT64_MAX);
	only = guest_option("only", ARRAY_COUNT(attacks));
	guest_printf("hostile: seed=0x%lx count=%lu life=%lu operations=%lu\n", life.seed, count,
		life.number, life.operations);
	choose_seed(life.seed);
	if (length != 0 && life.operations + length < count) {
		until = life.operations + 1 + choose_below(length);
	}
	unmap_absent();
	hostile_other_find();
	hostile_take_vectors();
	hostile_begin();
	hostile_other_start(until - life.operations);
	done = live(&life, until, count / PROGRESS_STEPS + 1);
	guest_printf("hostile: operations=%lu done=%lu of=%lu other=%lu\n", sum_of(&life), done,
		own_operations, hostile_other_operations());
	check_race();
	if (until != count) {
		hostile_life_end();
	}
	return finish();
}
