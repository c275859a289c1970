/* SPDX-License-Identifier: MIT */
#include "tests/host/manager_fixture.h"

#include "boot/audit.h"
#include "boot/manager_calls.h"
#include "boot/manager_keys.h"
#include "boot/operator.h"
#include "cpu/host_timer.h"
#include "cpu/tsc.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "vm/scheduler.h"

#include <stdlib.h>
#include <string.h>

struct manager_machine machine;

static struct managed_guest *guests;
static size_t guest_count;
static size_t turns_done;
static struct scheduler boot_scheduler;
static struct guest_block *late_block; /* Its last vCPU is about to say that it has left. */
static bool is_loop_asked;
static bool is_other_processor; /* Another processor clears a piece: no time passes here. */
static uint64_t served_from;

static void note(char event, const struct managed_guest *guest)
{
	const size_t length = strlen(machine.events);

	assert_true(length + 2 < EVENTS_MAX);
	machine.events[length] = event;
	machine.events[length + 1] = (char)('0' + (guest->entry - machine.list.entries));
}

/* --- RAM that is cleared in pieces: by this processor, or by another meanwhile --- */

static struct managed_guest *ram_queue[EVENTS_MAX];
static size_t ram_queue_length;

static void queue_ram(struct managed_guest *guest)
{
	guest->ram.size_bytes = RAM_PIECES;
	guest->ram.cleared_to = 0;
	guest->ram.dirty_end = machine.dirty_pieces[guest->entry - machine.list.entries];
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
	return machine.piece_count;
}

bool guest_ram_clear_piece(void)
{
	struct guest_ram *ram;

	if (ram_queue_length == 0) {
		return false;
	}
	ram = &ram_queue[0]->ram;
	fake_cpu.tsc += is_other_processor ? 0 : PIECE_TICKS;
	machine.piece_count++;
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
	machine.poll_count++;
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
	assert_true(strchr(machine.events, 'S') == NULL);
}

bool managed_guest_make(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	note('M', guest);
	if (machine.is_make_refused) {
		guest->end_status = VM_STATUS_CRASHED;
		return false;
	}
	guest->block = &machine.blocks[guest->entry - machine.list.entries];
	memset(&guest->block->vm, 0, sizeof(guest->block->vm));
	guest->block->has_left = false;
	guest->is_preparing = true;
	return true;
}

bool managed_guest_take_ram(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	if (guest->ram.size_bytes == 0 && machine.ram_held + RAM_PIECES > machine.ram_limit) {
		return false;
	}
	if (guest->ram.size_bytes == 0) {
		machine.ram_held += RAM_PIECES;
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
		machine.ram_held -= RAM_PIECES;
	}
}

bool managed_guest_start(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	note('S', guest);
	guest->start_tsc = fake_cpu.tsc;
	guest->block->vm.live_count = 1;
	machine.started_tsc = fake_cpu.tsc;
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
	fake_cpu.tsc += machine.report_ticks;
	guest->end_status = guest->block->vm.end_code;
}

bool managed_guest_renew(const struct run_context *context, struct managed_guest *guest)
{
	(void)context;
	note('N', guest);
	fake_cpu.tsc += machine.load_ticks;
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
		block->has_left = !machine.is_leaving_late;
		late_block = machine.is_leaving_late ? block : NULL;
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
		if (guests[i].entry == &machine.list.entries[number]) {
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

	if (served_from != 0 && fake_cpu.tsc - served_from > machine.longest_serve) {
		machine.longest_serve = fake_cpu.tsc - served_from;
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
	machine.relax_count++;
}

bool scheduler_run(struct scheduler *scheduler)
{
	const struct turn *turn = &machine.script[turns_done];

	(void)scheduler;
	fake_cpu.tsc += RUN_TICKS;
	is_other_processor = true;
	(void)(machine.is_another_clearing && guest_ram_clear_piece());
	is_other_processor = false;
	if (late_block != NULL) {
		late_block->has_left = true;
		late_block = NULL;
		return true;
	}
	if (turns_done == machine.turn_count ||
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

int manager_set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	fake_log_clear();
	fake_cpu.tsc_step = 0;
	fake_cpu.tsc = 1000;
	memset(&machine.list, 0, sizeof(machine.list));
	memset(machine.events, 0, sizeof(machine.events));
	memset(&boot_scheduler, 0, sizeof(boot_scheduler));
	machine.is_make_refused = false;
	machine.is_leaving_late = false;
	late_block = NULL;
	turns_done = 0;
	memset(machine.dirty_pieces, 0, sizeof(machine.dirty_pieces));
	ram_queue_length = 0;
	machine.ram_held = 0;
	machine.ram_limit = SIZE_MAX;
	machine.poll_count = 0;
	is_loop_asked = false;
	machine.is_another_clearing = false;
	machine.longest_serve = 0;
	served_from = 0;
	boot_scheduler.queue.slice_ticks = SLICE_TICKS;
	machine.blocks =
		aligned_alloc(_Alignof(struct guest_block), 3 * sizeof(struct guest_block));
	assert_non_null(machine.blocks);
	memset(machine.blocks, 0, 3 * sizeof(struct guest_block));
	return 0;
}

int manager_tear_down(void **state)
{
	(void)state;
	free(machine.blocks);
	return 0;
}

unsigned manager_fixture_run(
	size_t count, bool is_in_turn, const struct turn *turns, size_t turns_count)
{
	const struct run_context context = {.is_in_turn = is_in_turn};
	unsigned result;

	machine.list.count = count;
	machine.script = turns;
	machine.turn_count = turns_count;
	result = manager_run(&context, &machine.list);
	assert_int_equal(turns_done, machine.turn_count);
	return result;
}
