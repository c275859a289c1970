/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lock.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "tests/guests/large_pages/large_pages.h"

/* Several processors in one piece of fresh memory. The races: all fetch from it at once, first. */

enum {
	RACES = 4,
	CHANGES = 200,
	DATA_PAGES = 64,
	CODE_FIRST_PAGE = 128, /* Code beside that data. */
	DATA_ROUNDS_MIN = 4,
};

static struct guest_barrier barrier;
static uint64_t race_base;
static atomic_uint race_wrong;

static uint64_t page_of(uint64_t base, unsigned page)
{
	return base + (uint64_t)page * CODE_PAGE_BYTES;
}

static void race(void *unused)
{
	const unsigned index = guest_cpu_self()->index;

	(void)unused;
	guest_barrier_meet(&barrier, guest_cpu_count());
	/* Each in its own page, then all in one. */
	if (code_call(page_of(race_base, index)) != index ||
		code_call(page_of(race_base, CODE_PAGES - 1)) != CODE_PAGES - 1) {
		atomic_fetch_add(&race_wrong, 1);
	}
}

static void check_races(void)
{
	for (unsigned i = 0; i < RACES; i++) {
		race_base = fresh_take();
		for (unsigned page = 0; page < CODE_PAGES; page++) {
			code_put_return(page_of(race_base, page), page);
		}
		report_true("all_come_back_from_a_race", guest_smp_run_all(race, NULL));
	}
	report_equal("all_execute_what_is_there", atomic_load(&race_wrong), 0);
}

static uint64_t shared_base;
static atomic_uint data_rounds;
static atomic_uint is_over;
static atomic_uint data_wrong;

static volatile uint64_t *data_at(unsigned page)
{
	return (volatile uint64_t *)(uintptr_t)page_of(shared_base, page);
}

static void count_in_data(void *unused)
{
	uint64_t round = 0;

	(void)unused;
	while (atomic_load(&is_over) == 0) {
		for (unsigned page = 0; page < DATA_PAGES; page++) {
			if (*data_at(page) != round) {
				atomic_fetch_add(&data_wrong, 1);
			}
			*data_at(page) = round + 1;
		}
		round++;
		atomic_store(&data_rounds, (unsigned)round);
	}
}

static void check_data_beside_code(void)
{
	unsigned wrong = 0;
	unsigned rounds;

	shared_base = fresh_take();
	for (unsigned page = 0; page < CODE_PAGES; page++) {
		*data_at(page) = 0;
		if (page >= CODE_FIRST_PAGE) {
			code_put_return(page_of(shared_base, page), page);
		}
	}
	guest_smp_run(guest_cpu_at(1), count_in_data, NULL);
	(void)guest_wait_for(&data_rounds, DATA_ROUNDS_MIN);
	for (unsigned page = CODE_FIRST_PAGE; page < CODE_PAGES; page++) {
		wrong += code_call(page_of(shared_base, page)) != page;
	}
	rounds = atomic_load(&data_rounds);
	(void)guest_wait_for(&data_rounds, rounds + DATA_ROUNDS_MIN);
	atomic_store(&is_over, 1);
	report_true("the_other_ends", guest_smp_wait(guest_cpu_at(1)));
	report_equal("code_runs_while_another_writes_beside_it", wrong, 0);
	report_equal("what_it_writes_is_what_it_reads", atomic_load(&data_wrong), 0);
	for (unsigned page = 0; page < DATA_PAGES; page++) {
		wrong += *data_at(page) != atomic_load(&data_rounds);
	}
	report_equal("it_is_there_for_all", wrong, 0);
}

static uint64_t changed_at;
static atomic_uint change;
static atomic_uint answer;
static atomic_uint answered;

static void execute_changes(void *unused)
{
	(void)unused;
	for (unsigned i = 1; i <= CHANGES; i++) {
		if (!guest_wait_for(&change, i)) {
			return;
		}
		/* It serialises: SDM Vol. 3A "Handling Self- and Cross-Modifying Code". */
		(void)guest_cpuid(0, 0);
		atomic_store(&answer, code_call(changed_at));
		atomic_store(&answered, i);
	}
}

static void check_cross_modification(void)
{
	unsigned wrong = 0;

	changed_at = fresh_take() + CODE_PAGE_BYTES;
	guest_smp_run(guest_cpu_at(1), execute_changes, NULL);
	for (unsigned i = 1; i <= CHANGES; i++) {
		code_put_return(changed_at, i * 0x01010101);
		atomic_store(&change, i);
		if (!guest_wait_for(&answered, i)) {
			break;
		}
		wrong += atomic_load(&answer) != i * 0x01010101;
	}
	report_true("the_executing_one_ends", guest_smp_wait(guest_cpu_at(1)));
	report_equal("each_change_is_executed", atomic_load(&answered), CHANGES);
	report_equal("as_it_was_written", wrong, 0);
}

void check_processors(void)
{
	if (guest_cpu_count() < 2) {
		report_skip("processors", "there is one");
		return;
	}
	check_races();
	check_data_beside_code();
	check_cross_modification();
}
