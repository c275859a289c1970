/* SPDX-License-Identifier: MIT */
/*
 * All its processors look at themselves without end: registers, mode, tables, MSRs and memory are
 * what they were, whatever the guests beside it do. With manage=yes its first processor, which does
 * the same, also sees to it that they do something:
 *   "lives=N": until they have been restarted so often in all; it starts those that have stopped.
 *   "operations=N": it starts, stops and restarts any of them, so often, at random; it prints its
 *   seed, and "seed=N" makes the same choices.
 * At the end it stops them all. "checks=N": at least so often each processor looks.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "guest/trivet_guest.h"
#include "tests/guests/self_check/self_check_state.h"

enum {
	GUESTS_ROOM = 32,
	CHECKS = 100,
	PAUSES = 500,
	CHECKS_BETWEEN_MASK = 7, /* Up to so many looks between two operations. */
	INDEX_SHIFT = 8,
	OPERATION_SHIFT = 32,
};

static struct trivet_guest_info guests[GUESTS_ROOM];
static struct self_check_state states[GUEST_CPU_MAX];
static atomic_uint check_counts[GUEST_CPU_MAX];
static atomic_uint broken_count;
static atomic_uint is_over;

/* --- Looking --- */

static void look(void)
{
	const unsigned index = guest_cpu_self()->index;

	if (!self_check_passes(&states[index], PAUSES)) {
		atomic_fetch_add(&broken_count, 1);
	}
	atomic_fetch_add(&check_counts[index], 1);
	/* Bochs keeps interrupts from a processor that never enables them, its host's too. */
	guest_sti();
	guest_pause();
	guest_cli();
}

static void look_without_end(void *unused)
{
	(void)unused;
	self_check_begin(&states[guest_cpu_self()->index]);
	while (atomic_load(&is_over) == 0) {
		look();
	}
}

static bool have_all_looked(uint64_t checks)
{
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		if (atomic_load(&check_counts[i]) < checks) {
			return false;
		}
	}
	return true;
}

/* --- The others --- */

static uint64_t list(void)
{
	const uint64_t count = (uint64_t)trivet_guest_list((uintptr_t)guests, GUESTS_ROOM);

	return count < GUESTS_ROOM ? count : GUESTS_ROOM;
}

static bool control(uint32_t operation, const struct trivet_guest_info *guest)
{
	return trivet_guest_control(operation, (uintptr_t)guest->name) == 0;
}

static bool is_own(const struct trivet_guest_info *guest)
{
	return (guest->flags & TRIVET_GUEST_FLAG_CALLER) != 0;
}

static void let_others_live(uint64_t lives)
{
	uint64_t lived = 0;

	while (lived < lives) {
		const uint64_t count = list();

		lived = 0;
		for (uint64_t i = 0; i < count; i++) {
			lived += guests[i].restart_count;
			if (guests[i].state == TRIVET_GUEST_STOPPED) {
				(void)control(TRIVET_GUEST_START, &guests[i]);
			}
		}
		look();
	}
	guest_printf("lives=%lu\n", lived);
	report_true("the_others_have_lived_so_often", lived >= lives);
}

/* xorshift64: any state but 0. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void manage_at_random(uint64_t operations)
{
	static const uint32_t choices[] = {
		TRIVET_GUEST_START, TRIVET_GUEST_STOP, TRIVET_GUEST_RESTART, TRIVET_GUEST_RESTART};
	const uint64_t count = list();
	uint64_t state = guest_option("seed", guest_rdtsc() | 1);
	uint64_t granted = 0;

	guest_printf("seed=%lu\n", state);
	for (uint64_t i = 0; i < operations; i++) {
		const uint64_t number = random_next(&state);
		const struct trivet_guest_info *guest = &guests[(number >> INDEX_SHIFT) % count];

		if (!is_own(guest)) {
			granted += control(choices[(number >> OPERATION_SHIFT) & 3], guest) ? 1 : 0;
		}
		for (uint64_t looks = number & CHECKS_BETWEEN_MASK; looks != 0; looks--) {
			look();
		}
	}
	guest_printf("granted=%lu\n", granted);
	report_true("operations_are_granted", granted * 4 > operations);
}

/* Returns true if all others have stopped; those that run are asked to. */
static bool have_all_stopped(void)
{
	const uint64_t count = list();
	bool is_any_running = false;

	for (uint64_t i = 0; i < count; i++) {
		if (!is_own(&guests[i]) && guests[i].state == TRIVET_GUEST_RUNNING) {
			is_any_running = true;
			(void)control(TRIVET_GUEST_STOP, &guests[i]);
		}
	}
	return !is_any_running;
}

static void stop_others(void)
{
	while (!have_all_stopped()) {
		look();
	}
	report_pass("the_others_stop");
}

uint32_t guest_main(void)
{
	const uint64_t lives = guest_option("lives", 0);
	const uint64_t operations = guest_option("operations", 0);
	const uint64_t checks = guest_option("checks", CHECKS);

	self_check_fill_memory();
	(void)guest_smp_init();
	report_true("all_processors_come", guest_smp_start_all());
	self_check_begin(&states[0]);
	for (unsigned i = 1; i < guest_cpu_count(); i++) {
		guest_smp_run(guest_cpu_at(i), look_without_end, NULL);
	}
	if (lives != 0) {
		let_others_live(lives);
	}
	if (operations != 0) {
		manage_at_random(operations);
	}
	if (lives != 0 || operations != 0) {
		stop_others();
	}
	while (!have_all_looked(checks)) {
		look();
	}
	atomic_store(&is_over, 1);
	for (unsigned i = 1; i < guest_cpu_count(); i++) {
		report_true("a_processor_goes_on_to_the_end", guest_smp_wait(guest_cpu_at(i)));
	}
	report_equal("a_processor_is_as_it_was", atomic_load(&broken_count), 0);
	return report_result();
}
