/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/manager.c */
#include "boot/manager.h"

#include "boot/audit.h"
#include "boot/managed_guest.h"
#include "boot/manager_calls.h"
#include "boot/manager_keys.h"
#include "boot/operator.h"
#include "cpu/host_timer.h"
#include "cpu/tsc.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "vm/scheduler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static unsigned relax_count;
static uint64_t report_ticks;
static uint64_t load_ticks;
static struct guest_list list;
static struct guest_block *blocks;
static struct managed_guest *guests;
static size_t guest_count;
static const struct turn *script;
static size_t turn_count;
static size_t turns_done;
static char events[EVENTS_MAX]; /* What the manager did: a letter, and the guest's number. */
static struct scheduler boot_scheduler;
static uint64_t started_tsc;
static bool is_make_refused;
static struct guest_block *late_block; /* Its last vCPU is about to say that it has left. */
static bool is_leaving_late;
static uint64_t dirty_pieces[3]; /* Of the RAM of each guest when it is taken. */
static size_t ram_held;
static size_t ram_limit;
static uint64_t piece_count;
static unsigned poll_count;
static bool is_loop_asked;
static bool is_other_processor;  /* It clears a piece, */
static bool is_another_clearing; /* and does so while a guest runs here. */
static uint64_t longest_serve;   /* How long the boot processor's guests waited for it at most. */
static uint64_t served_from;

static void note(char event, const struct managed_guest *guest)
{
	const size_t length = strlen(events);

	assert_true(length + 2 < EVENTS_MAX);
	events[length] = event;
	events[length + 1] = (char)('0' + (guest->entry - list.entries));
}

/* --- RAM that is cleared in pieces: by this processor, or by another meanwhile --- */

static struct managed_guest *ram_queue[EVENTS_MAX];
static size_t ram_queue_length;

static void queue_ram(struct managed_guest *guest)
{
	guest->ram.size_bytes = RAM_PIECES;
	guest->ram.cleared_to = 0;
	guest->ram.dirty_end = dirty_pieces[guest->entry - list.entries];
	if (guest->ram.dirty_end != 0) {
		ram_queue[ram_queue_length++] = guest;
	}
}

bool guest_ram_is_clear(const struct guest_ram *ram)
{
	return ram->cleared_to == ram->dirty_end;
}

bool guest_ram_is_queued(void)
{
	return ram_queue_length != 0;
}

uint64_t guest_ram_piece_count(void)
{
	return piece_count;
}

bool guest_ram_clear_piece(void)
{
	struct guest_ram *ram;

	if (ram_queue_length == 0) {
		return false;
	}
	ram = &ram_queue[0]->ram;
	fake_cpu.tsc += is_other_processor ? 0 : PIECE_TICKS;
	piece_count++;
	if (++ram->cleared_to == ram->dirty_end) {
		ram_queue_length--;
		memmove(&ram_queue[0], &ram_queue[1], ram_queue_length * sizeof(ram_queue[0]));
		is_loop_asked = true;
	}
	return true;
}

/* --- What the manager calls --- */

uint64_t tsc_hz(void)
{
	return HZ;
}

void operator_begin(void)
{
}

void operator_poll(void)
{
	poll_count++;
}

void manager_calls_init(struct managed_guest *all_guests, const size_t *count_of_all)
{
	guests = all_guests;
	guest_count = *count_of_all;
}

void manager_calls_show(struct managed_guest *guest, bool is_shown)
{
	(void)guest;
	(void)is_shown;
}

const struct guest_manager *manager_calls(void)
{
	return NULL;
}

void audit_all(const struct managed_guest *all_guests, size_t count)
{
	(void)count;
	assert_ptr_equal(all_guests, guests);
	assert_true(strchr(events, 'S') == NULL);
}

bool managed_guest_make(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	note('M', guest);
	if (is_make_refused) {
		guest->end_status = VM_STATUS_CRASHED;
		return false;
	}
	guest->block = &blocks[guest->entry - list.entries];
	memset(&guest->block->vm, 0, sizeof(guest->block->vm));
	guest->block->has_left = false;
	guest->is_preparing = true;
	return true;
}

bool managed_guest_take_ram(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	if (guest->ram.size_bytes == 0 && ram_held + RAM_PIECES > ram_limit) {
		return false;
	}
	if (guest->ram.size_bytes == 0) {
		ram_held += RAM_PIECES;
		queue_ram(guest);
	}
	return true;
}

bool managed_guest_load(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	assert_true(guest_ram_is_clear(&guest->ram));
	note('L', guest);
	guest->is_preparing = false;
	return true;
}

void managed_guest_give_ram(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	if (guest->block == NULL && guest->ram.size_bytes != 0 && guest_ram_is_clear(&guest->ram)) {
		guest->ram.size_bytes = 0;
		ram_held -= RAM_PIECES;
	}
}

bool managed_guest_start(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	note('S', guest);
	guest->start_tsc = fake_cpu.tsc;
	guest->block->vm.live_count = 1;
	started_tsc = fake_cpu.tsc;
	return true;
}

bool managed_guest_has_left(const struct managed_guest *guest)
{
	return guest->block != NULL && guest->block->has_left;
}

void managed_guest_report(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	note('E', guest);
	fake_cpu.tsc += report_ticks;
	guest->end_status = guest->block->vm.end_code;
}

bool managed_guest_renew(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	note('N', guest);
	fake_cpu.tsc += load_ticks;
	memset(&guest->block->vm, 0, sizeof(guest->block->vm));
	guest->block->has_left = false;
	return true;
}

void managed_guest_destroy(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	note('D', guest);
	guest->block = NULL;
	if (!guest->is_preparing) {
		queue_ram(guest);
	}
	guest->is_preparing = false;
}

/* Of a guest without vCPUs: it leaves at once. */
static void end_with(struct guest_block *block, enum vm_end end, unsigned status)
{
	if (block->vm.end == VM_END_NONE) {
		block->vm.end = end;
		block->vm.end_code = status;
		block->vm.live_count = 0;
		block->has_left = !is_leaving_late;
		late_block = is_leaving_late ? block : NULL;
	}
}

void vm_end(struct vm *vm, enum vm_end end, uint32_t code, const char *template, ...)
{
	(void)template;
	end_with((struct guest_block *)(void *)vm, end, code);
}

static struct managed_guest *managed(size_t number)
{
	for (size_t i = 0; i < GUESTS_MAX; i++) {
		if (guests[i].entry == &list.entries[number]) {
			return &guests[i];
		}
	}
	fail_msg("guest %zu is not managed", number);
	return NULL;
}

void manager_keys_obey(struct managed_guest *all_guests, size_t count)
{
	(void)all_guests;
	(void)count;
}

/* --- The boot processor's scheduler --- */

struct scheduler *scheduler_of(unsigned cpu_index)
{
	assert_int_equal(cpu_index, 0);
	return &boot_scheduler;
}

bool scheduler_is_loop_asked(struct scheduler *scheduler)
{
	static bool is_asked;

	if (served_from != 0 && fake_cpu.tsc - served_from > longest_serve) {
		longest_serve = fake_cpu.tsc - served_from;
	}
	served_from = 0;
	is_asked = !is_asked || is_loop_asked || fake_cpu.tsc >= scheduler->loop_tsc;
	is_loop_asked = false;
	return is_asked;
}

/* Returns false if nobody runs. */
void scheduler_put_back(struct scheduler *scheduler)
{
	assert_ptr_equal(scheduler, scheduler_of(0));
	served_from = fake_cpu.tsc;
}

void scheduler_relax(struct scheduler *scheduler)
{
	assert_ptr_equal(scheduler, scheduler_of(0));
	relax_count++;
}

bool scheduler_run(struct scheduler *scheduler)
{
	const struct turn *turn = &script[turns_done];

	(void)scheduler;
	fake_cpu.tsc += RUN_TICKS;
	is_other_processor = true;
	(void)(is_another_clearing && guest_ram_clear_piece());
	is_other_processor = false;
	if (late_block != NULL) {
		late_block->has_left = true;
		late_block = NULL;
		return true;
	}
	if (turns_done == turn_count ||
		(turn->end != VM_END_NONE &&
			(managed(turn->guest)->block == NULL ||
				managed(turn->guest)->block->has_left ||
				managed(turn->guest)->block->vm.live_count == 0))) {
		return false;
	}
	turns_done++;
	if (turn->end != VM_END_NONE) {
		end_with(managed(turn->guest)->block, turn->end, turn->status);
	} else {
		managed(turn->guest)->wish = turn->wish;
	}
	return true;
}

void scheduler_sleep(struct scheduler *scheduler)
{
	static unsigned sleeps;

	/* A machine on which nothing will happen any more. */
	if (scheduler->loop_tsc == HOST_TIMER_NEVER) {
		assert_true(sleeps++ < TURNS_MAX);
		return;
	}
	sleeps = 0;
	fake_cpu.tsc = scheduler->loop_tsc;
}

/* --- The tests --- */

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	fake_log_clear();
	fake_cpu.tsc_step = 0;
	fake_cpu.tsc = 1000;
	memset(&list, 0, sizeof(list));
	memset(events, 0, sizeof(events));
	memset(&boot_scheduler, 0, sizeof(boot_scheduler));
	is_make_refused = false;
	is_leaving_late = false;
	late_block = NULL;
	turns_done = 0;
	memset(dirty_pieces, 0, sizeof(dirty_pieces));
	ram_queue_length = 0;
	ram_held = 0;
	ram_limit = SIZE_MAX;
	poll_count = 0;
	is_loop_asked = false;
	is_another_clearing = false;
	longest_serve = 0;
	served_from = 0;
	boot_scheduler.queue.slice_ticks = SLICE_TICKS;
	blocks = aligned_alloc(_Alignof(struct guest_block), 3 * sizeof(struct guest_block));
	assert_non_null(blocks);
	memset(blocks, 0, 3 * sizeof(struct guest_block));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(blocks);
	return 0;
}

static unsigned run(size_t count, bool is_in_turn, const struct turn *turns, size_t turns_count)
{
	const struct run_context context = {.is_in_turn = is_in_turn};
	unsigned result;

	list.count = count;
	script = turns;
	turn_count = turns_count;
	result = manager_run(&context, &list);
	assert_int_equal(turns_done, turn_count);
	return result;
}

#define RUN(count, is_in_turn, turns) run(count, is_in_turn, turns, ARRAY_COUNT(turns))

static void each_guest_is_made_started_reported_and_given_back(void **state)
{
	const struct turn turns[] = {{1, VM_END_CALL, 0, 0}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	assert_int_equal(RUN(2, false, turns), 0);
	assert_string_equal(events, "M0M1L0S0L1S1E1D1E0D0");
}

static void in_turn_one_that_waits_for_its_operator_is_left_out(void **state)
{
	const struct turn turns[] = {{1, VM_END_CALL, 5, 0}};

	(void)state;
	list.entries[0].config.is_stopped_at_boot = true;
	assert_int_equal(RUN(2, true, turns), 5);
	list.entries[0].config.is_stopped_at_boot = false;
	assert_true(strchr(events, '1') != NULL);
	assert_true(strchr(events, 'M') == strrchr(events, 'M'));
}

static void in_turn_they_are_alone(void **state)
{
	const struct turn turns[] = {{0, VM_END_CALL, 0, 0}, {1, VM_END_CALL, 5, 0}};

	(void)state;
	assert_int_equal(RUN(2, true, turns), 5);
	assert_string_equal(events, "M0L0S0E0D0M1L1S1E1D1");
}

static void the_first_status_that_is_not_0_is_the_runs(void **state)
{
	const struct turn turns[] = {
		{1, VM_END_CALL, 0, 0}, {2, VM_END_CALL, 7, 0}, {0, VM_END_CALL, 3, 0}};

	(void)state;
	assert_int_equal(RUN(3, false, turns), 7);
}

static void a_guest_that_cannot_be_made_is_its_status(void **state)
{
	const struct run_context context = {0};

	(void)state;
	is_make_refused = true;
	list.count = 1;
	turn_count = 0;
	assert_int_equal(manager_run(&context, &list), VM_STATUS_CRASHED);
	assert_string_equal(events, "M0");
}

/* True if a guest with that option begins anew after that end. */
static bool restarts(enum vm_restart restart, enum vm_end end)
{
	const struct turn turns[] = {{0, end, 9, 0}, {0, VM_END_POWER_OFF, 0, 0}};
	bool is_restarted;
	unsigned status;

	(void)set_up(NULL);
	list.entries[0].config.restart = restart;
	list.count = 1;
	script = turns;
	turn_count = ARRAY_COUNT(turns);
	status = manager_run(&(const struct run_context){0}, &list);
	is_restarted = strcmp(events, "M0L0S0E0N0S0E0D0") == 0;
	if (!is_restarted) {
		assert_string_equal(events, "M0L0S0E0D0");
	}
	/* What it was restarted after is not the run's end. */
	assert_int_equal(status, is_restarted ? 0 : 9);
	free(blocks);
	return is_restarted;
}

static void the_option_says_after_which_ends_it_begins_anew(void **state)
{
	static const struct {
		enum vm_end end;
		bool by_reset;
		bool by_always;
	} rules[] = {
		{VM_END_RESET, true, true},
		{VM_END_CRASHED, false, true},
		{VM_END_HALTED, false, true},
		{VM_END_POWER_OFF, false, false},
		{VM_END_DEBUG_EXIT, false, false},
		{VM_END_CALL, false, false},
		{VM_END_STOPPED, false, false},
		{VM_END_NOT_STARTED, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		assert_false(restarts(VM_RESTART_NEVER, rules[i].end));
		assert_int_equal(restarts(VM_RESTART_RESET, rules[i].end), rules[i].by_reset);
		assert_int_equal(restarts(VM_RESTART_ALWAYS, rules[i].end), rules[i].by_always);
	}
}

static uint64_t time_of_restart(enum vm_end end)
{
	assert_true(restarts(VM_RESTART_ALWAYS, end));
	return started_tsc;
}

/* A hundredth of a second between two starts by a reset, a second by a crash. */
static void one_that_ends_at_once_does_not_keep_the_cpu_busy(void **state)
{
	(void)state;
	assert_int_equal(time_of_restart(VM_END_RESET), 1000 + HZ / 100);
	assert_int_equal(time_of_restart(VM_END_CRASHED), 1000 + HZ);
	assert_int_equal(time_of_restart(VM_END_HALTED), 1000 + HZ);
}

/* It resets twice: the second rest is for what loading it again took, too. */
static void who_takes_long_to_begin_anew_rests_for_longer(void **state)
{
	const struct turn turns[] = {
		{0, VM_END_RESET, 0, 0}, {0, VM_END_RESET, 0, 0}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	report_ticks = HZ;
	load_ticks = 2 * HZ;
	list.entries[0].config.restart = VM_RESTART_RESET;
	assert_int_equal(RUN(1, false, turns), 0);
	report_ticks = load_ticks = 0;
	/* Started at 1000; ran, reported, rested three reports; loaded; ran, reported, rested three
	 * reports and loads; loaded. */
	assert_in_range(started_tsc, 1000 + HZ * (1 + 3 + 2 + 1 + 9 + 2),
		1000 + HZ * (1 + 3 + 2 + 1 + 9 + 2) + 4 * RUN_TICKS);
}

static void a_wish_stops_and_another_starts(void **state)
{
	const struct turn turns[] = {{0, 0, 0, GUEST_WISH_STOP}, {0, 0, 0, GUEST_WISH_START},
		{1, VM_END_CALL, 0, 0}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	assert_int_equal(RUN(2, false, turns), 0);
	assert_string_equal(events, "M0M1L0S0L1S1E0D0M0L0S0E1D1E0D0");
}

/* Whatever the option says, and at once. */
static void a_wish_restarts(void **state)
{
	const struct turn turns[] = {{0, 0, 0, GUEST_WISH_RESTART}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	assert_int_equal(RUN(1, false, turns), 0);
	assert_string_equal(events, "M0L0S0E0N0S0E0D0");
	assert_true(started_tsc < 1000 + HZ / 100);
}

/* The last vCPU has counted itself out on its CPU, and says so a moment later. */
static void a_guest_is_not_begun_anew_before_it_has_said_that_it_left(void **state)
{
	const struct turn turns[] = {{0, 0, 0, GUEST_WISH_RESTART}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	is_leaving_late = true;
	assert_int_equal(RUN(1, false, turns), 0);
	assert_string_equal(events, "M0L0S0E0N0S0E0D0");
}

static void a_stop_while_it_waits_for_its_restart_is_the_end(void **state)
{
	const struct turn turns[] = {{0, VM_END_CRASHED, 3, 0}, {0, 0, 0, GUEST_WISH_STOP}};

	(void)state;
	list.entries[0].config.restart = VM_RESTART_ALWAYS;
	assert_int_equal(RUN(1, false, turns), 3);
	assert_string_equal(events, "M0L0S0E0D0");
}

static void one_with_start_manual_waits_for_its_wish(void **state)
{
	const struct turn turns[] = {{0, 0, 0, GUEST_WISH_START}, {0, VM_END_CALL, 4, 0}};

	(void)state;
	list.entries[0].config.is_stopped_at_boot = true;
	assert_int_equal(RUN(1, false, turns), 4);
	assert_string_equal(events, "M0L0S0E0D0");
}

/* --- RAM that is to be cleared --- */

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
	dirty_pieces[0] = RAM_PIECES;
	piece_count = 0;
	assert_int_equal(RUN(1, false, turns), 0);
	assert_string_equal(events, "M0L0S0E0D0");
	assert_true(started_tsc >= 1000 + RAM_PIECES * PIECE_TICKS);
	/* Its end is the run's when the RAM is clear once more. */
	assert_int_equal(piece_count, 2 * RAM_PIECES);
	assert_int_equal(ram_held, 0);
	assert_true(poll_count >= 2 * RAM_PIECES);
}

/* For two seconds of a processor. The one beside it starts within the second, and waits no longer
 * than half a slice and a piece from then on. */
static void a_guest_runs_while_anothers_ram_is_cleared(void **state)
{
	(void)state;
	dirty_pieces[1] = BIG_RAM_PIECES;
	assert_int_equal(run(2, false, busy_turns(&busy, 0), BUSY_TURNS), 0);
	assert_string_equal(events, "M0M1L0S0L1S1E1D1E0D0");
	assert_in_range(longest_serve, SLICE_TICKS / 2, SLICE_TICKS / 2 + PIECE_TICKS);
	assert_int_equal(ram_held, 0);
}

static void another_processor_that_clears_spares_this_one(void **state)
{
	(void)state;
	dirty_pieces[1] = BUSY_TURNS / 2;
	is_another_clearing = true;
	assert_int_equal(run(2, false, busy_turns(&busy, 0), BUSY_TURNS), 0);
	/* Half a slice at the first look alone, when none has cleared any. */
	assert_in_range(longest_serve, 0, SLICE_TICKS / 2 + PIECE_TICKS);
	assert_in_range(poll_count, 1, 2 * SLICE_TICKS / PIECE_TICKS + BUSY_TURNS / 2);
}

static void guests_that_are_clear_within_a_second_begin_together(void **state)
{
	const struct turn turns[] = {{0, VM_END_CALL, 0, 0}, {1, VM_END_CALL, 0, 0}};

	(void)state;
	dirty_pieces[1] = RAM_PIECES;
	assert_int_equal(RUN(2, false, turns), 0);
	assert_string_equal(events, "M0M1L0S0L1S1E0D0E1D1");
}

static void a_stop_while_its_ram_is_cleared_gives_it_back_clear(void **state)
{
	const struct turn stop = {1, VM_END_NONE, 0, GUEST_WISH_STOP};
	struct turn *turns = (struct turn *)(uintptr_t)busy_turns(&stop, 1500);

	(void)state;
	dirty_pieces[1] = BIG_RAM_PIECES;
	turns[BUSY_TURNS - 2] = busy;
	piece_count = 0;
	assert_int_equal(run(2, false, turns, BUSY_TURNS), 0);
	assert_string_equal(events, "M0M1L0S0E1D1E0D0");
	assert_int_equal(piece_count, BIG_RAM_PIECES);
	assert_int_equal(ram_held, 0);
}

static void a_restart_while_its_ram_is_cleared_changes_nothing(void **state)
{
	const struct turn restart = {1, VM_END_NONE, 0, GUEST_WISH_RESTART};

	(void)state;
	dirty_pieces[1] = BIG_RAM_PIECES;
	assert_int_equal(run(2, false, busy_turns(&restart, 1500), BUSY_TURNS), 0);
	assert_string_equal(events, "M0M1L0S0L1S1E1D1E0D0");
}

/* It is stopped while it is prepared: the one RAM is cleared for both starts, and at the end. */
static void a_start_while_its_old_ram_is_cleared_takes_that(void **state)
{
	const struct turn turns[] = {busy, {0, 0, 0, GUEST_WISH_STOP}, busy, busy,
		{0, 0, 0, GUEST_WISH_START}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	dirty_pieces[0] = RAM_PIECES;
	ram_limit = RAM_PIECES;
	piece_count = 0;
	assert_int_equal(RUN(1, false, turns), 0);
	assert_string_equal(events, "M0E0D0M0L0S0E0D0");
	assert_int_equal(piece_count, 2 * RAM_PIECES);
}

/* The machine has RAM for one of them. */
static void a_start_waits_for_ram_that_is_being_cleared(void **state)
{
	const struct turn turns[] = {
		{0, VM_END_CALL, 0, 0}, {1, 0, 0, GUEST_WISH_START}, {1, VM_END_CALL, 7, 0}};

	(void)state;
	dirty_pieces[0] = BIG_RAM_PIECES;
	list.entries[1].config.is_stopped_at_boot = true;
	ram_limit = RAM_PIECES;
	assert_int_equal(RUN(2, false, turns), 7);
	assert_string_equal(events, "M0L0S0E0D0M1L1S1E1D1");
	list.entries[1].config.is_stopped_at_boot = false;
}

/* A wish that comes while it waits takes the place of the start. */
static void a_stop_while_a_start_waits_for_ram_is_the_last_word(void **state)
{
	const struct turn turns[] = {
		{0, VM_END_CALL, 0, 0}, {1, 0, 0, GUEST_WISH_START}, {1, 0, 0, GUEST_WISH_STOP}};

	(void)state;
	dirty_pieces[0] = BIG_RAM_PIECES;
	list.entries[1].config.is_stopped_at_boot = true;
	ram_limit = RAM_PIECES;
	assert_int_equal(RUN(2, false, turns), 0);
	assert_string_equal(events, "M0L0S0E0D0");
	list.entries[1].config.is_stopped_at_boot = false;
}

#define WITH_LIST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void long_work_lets_the_guests_of_its_cpu_run(void **state)
{
	(void)state;
	relax_count = 0;
	manager_relax();
	assert_int_equal(relax_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_work_lets_the_guests_of_its_cpu_run),
		WITH_LIST(each_guest_is_made_started_reported_and_given_back),
		WITH_LIST(in_turn_one_that_waits_for_its_operator_is_left_out),
		WITH_LIST(in_turn_they_are_alone),
		WITH_LIST(the_first_status_that_is_not_0_is_the_runs),
		WITH_LIST(a_guest_that_cannot_be_made_is_its_status),
		cmocka_unit_test(the_option_says_after_which_ends_it_begins_anew),
		cmocka_unit_test(one_that_ends_at_once_does_not_keep_the_cpu_busy),
		WITH_LIST(who_takes_long_to_begin_anew_rests_for_longer),
		WITH_LIST(a_wish_stops_and_another_starts),
		WITH_LIST(a_wish_restarts),
		WITH_LIST(a_guest_is_not_begun_anew_before_it_has_said_that_it_left),
		WITH_LIST(a_stop_while_it_waits_for_its_restart_is_the_end),
		WITH_LIST(one_with_start_manual_waits_for_its_wish),
		WITH_LIST(a_guest_begins_when_all_of_its_ram_is_clear),
		WITH_LIST(a_guest_runs_while_anothers_ram_is_cleared),
		WITH_LIST(another_processor_that_clears_spares_this_one),
		WITH_LIST(guests_that_are_clear_within_a_second_begin_together),
		WITH_LIST(a_stop_while_its_ram_is_cleared_gives_it_back_clear),
		WITH_LIST(a_restart_while_its_ram_is_cleared_changes_nothing),
		WITH_LIST(a_start_while_its_old_ram_is_cleared_takes_that),
		WITH_LIST(a_start_waits_for_ram_that_is_being_cleared),
		WITH_LIST(a_stop_while_a_start_waits_for_ram_is_the_last_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
