/* SPDX-License-Identifier: MIT */
#include "boot/manager.h"

#include "boot/audit.h"
#include "boot/managed_guest.h"
#include "boot/manager_calls.h"
#include "boot/manager_keys.h"
#include "boot/operator.h"
#include "cpu/host_timer.h"
#include "cpu/log.h"
#include "cpu/tsc.h"
#include "lib/string.h"
#include "vm/scheduler.h"

/* So that a guest that crashes or resets at once does not keep the boot processor busy. */
enum {
	RESTARTS_PER_SECOND = 100,
	RESTARTS_PER_SECOND_OF_CRASHES = 1,
	TOGETHER_HZ = 1, /* Guests of a menu wait for each other for a second. */
	REST_FACTOR = 3, /* It stands still so many times as long as its restart took. */
};

/* The boot processor's. */
static struct managed_guest guests[GUESTS_MAX];
static size_t guest_count;
static const struct run_context *context;
static unsigned result;
static uint64_t together_tsc; /* Until then those that are prepared wait for each other. */
/* When to go on with the clearing, and how many pieces there were at the last look. */
static struct {
	uint64_t next_tsc;
	uint64_t piece_count;
} clearing;
static bool is_operator_awaited; /* No guest has been started, but one can be. */

static void ended(const struct managed_guest *guest)
{
	result = result == 0 ? guest->end_status : result;
}

static void start(struct managed_guest *guest)
{
	is_operator_awaited = false;
	guest->block->vm.manager = manager_calls();
	if (!managed_guest_start(context, guest)) {
		ended(guest);
		return;
	}
	manager_calls_show(guest, true);
}

/* True if a guest that has ended will give its RAM back. */
static bool is_ram_to_come(const struct managed_guest *guest)
{
	for (size_t i = 0; i < guest_count; i++) {
		if (&guests[i] != guest && guests[i].block == NULL &&
			guests[i].ram.size_bytes != 0) {
			return true;
		}
	}
	return false;
}

/* Where another's RAM must be clear first, the wish stays, unless there is another since. */
static void make(struct managed_guest *guest)
{
	enum guest_wish none = GUEST_WISH_NONE;

	if (guest->entry->error[0] == '\0' && !managed_guest_take_ram(context, guest) &&
		is_ram_to_come(guest)) {
		(void)__atomic_compare_exchange_n(&guest->wish, &none, GUEST_WISH_START, false,
			__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
		return;
	}
	if (!managed_guest_make(context, guest)) {
		ended(guest);
	}
}

/* Loads and starts a guest whose RAM is clear. */
static void load_and_start(struct managed_guest *guest)
{
	if (managed_guest_load(context, guest)) {
		start(guest);
	} else {
		ended(guest);
	}
}

static bool is_to_restart(const struct managed_guest *guest)
{
	const enum vm_end end = guest->block->vm.end;

	switch (guest->entry->config.restart) {
	case VM_RESTART_NEVER:
		return false;
	case VM_RESTART_RESET:
		return end == VM_END_RESET;
	case VM_RESTART_ALWAYS:
		return end == VM_END_RESET || end == VM_END_CRASHED || end == VM_END_HALTED;
	}
	return false;
}

/*
 * When a guest that has ended may begin anew. A large image and a long report take the boot
 * processor from the guests there: a guest that does nothing but reset gets it no more than a part
 * of the time.
 */
static uint64_t restart_time(const struct managed_guest *guest, uint64_t left_tsc)
{
	const uint64_t per_second = guest->block->vm.end == VM_END_RESET
					    ? RESTARTS_PER_SECOND
					    : RESTARTS_PER_SECOND_OF_CRASHES;
	const uint64_t now_tsc = insn_rdtsc();
	const uint64_t rest_tsc = now_tsc + REST_FACTOR * (now_tsc - left_tsc + guest->renew_ticks);
	const uint64_t start_tsc = guest->start_tsc + tsc_hz() / per_second;

	return rest_tsc > start_tsc ? rest_tsc : start_tsc;
}

static void finish(struct managed_guest *guest)
{
	const bool is_asked = guest->is_restart_due;
	const uint64_t left_tsc = insn_rdtsc();

	manager_calls_show(guest, false);
	managed_guest_report(context, guest);
	if (is_asked || is_to_restart(guest)) {
		guest->is_restart_due = true;
		guest->is_waiting = true;
		guest->restart_tsc = is_asked ? 0 : restart_time(guest, left_tsc);
		__atomic_store_n(&guest->block->has_left, false, __ATOMIC_RELAXED);
		return;
	}
	ended(guest);
	managed_guest_destroy(context, guest);
}

static void count_restart(struct managed_guest *guest)
{
	__atomic_store_n(&guest->restart_count, guest->restart_count + 1, __ATOMIC_RELAXED);
	log_info(guest->entry->config.name, "restart number %u", guest->restart_count);
}

static void restart(struct managed_guest *guest)
{
	const uint64_t begin_tsc = insn_rdtsc();
	bool is_ready;

	guest->is_restart_due = false;
	guest->is_waiting = false;
	count_restart(guest);
	is_ready = managed_guest_renew(context, guest);
	guest->renew_ticks = insn_rdtsc() - begin_tsc;
	if (is_ready) {
		start(guest);
	} else {
		ended(guest);
	}
}

/* Nothing of it has run, and its RAM is clear before it is anybody else's. */
static void stop_preparing(struct managed_guest *guest)
{
	vm_end(&guest->block->vm, VM_END_STOPPED, 0, "%s", "");
	managed_guest_report(context, guest);
	ended(guest);
	managed_guest_destroy(context, guest);
}

static void stop(struct managed_guest *guest, bool is_restart)
{
	if (guest->block == NULL) {
		return;
	}
	if (guest->is_preparing) {
		/* The guest has not run: it needs no new start, but the restart is counted. */
		if (is_restart) {
			count_restart(guest);
		} else {
			stop_preparing(guest);
		}
		return;
	}
	if (guest->is_waiting) {
		/* Nothing of it runs: the wish is granted here. */
		guest->is_restart_due = is_restart;
		guest->is_waiting = is_restart;
		guest->restart_tsc = 0;
		if (!is_restart) {
			ended(guest);
			managed_guest_destroy(context, guest);
		}
		return;
	}
	guest->is_restart_due = is_restart;
	vm_end(&guest->block->vm, VM_END_STOPPED, 0, "%s", "");
}

static void grant(struct managed_guest *guest)
{
	switch (__atomic_exchange_n(&guest->wish, GUEST_WISH_NONE, __ATOMIC_ACQ_REL)) {
	case GUEST_WISH_NONE:
		return;
	case GUEST_WISH_START:
		if (guest->block == NULL) {
			make(guest);
		}
		return;
	case GUEST_WISH_STOP:
		stop(guest, false);
		return;
	case GUEST_WISH_RESTART:
		if (guest->block == NULL) {
			make(guest);
		} else {
			stop(guest, true);
		}
		return;
	}
}

static bool is_prepared(const struct managed_guest *guest)
{
	return guest->is_preparing && guest_ram_is_clear(&guest->ram);
}

/* Guests that are prepared at once start at once, if that does not take the first of them long. */
static bool are_all_ready(void)
{
	for (size_t i = 0; i < guest_count; i++) {
		if (guests[i].is_preparing && !is_prepared(&guests[i])) {
			return false;
		}
	}
	return true;
}

/* Starts the guests that are ready. Returns when to look at those that wait for others. */
static uint64_t start_ready(void)
{
	const bool is_time = insn_rdtsc() >= together_tsc || are_all_ready();
	uint64_t next_tsc = HOST_TIMER_NEVER;

	for (size_t i = 0; i < guest_count; i++) {
		if (is_time && is_prepared(&guests[i])) {
			load_and_start(&guests[i]);
		} else if (!is_time && guests[i].is_preparing) {
			next_tsc = together_tsc;
		}
	}
	return next_tsc;
}

/*
 * Goes on with the clearing where no processor is idle: of this one's time, half a slice between
 * two slices of its guests. Returns when to do so again.
 */
static uint64_t clear_for_a_while(void)
{
	const uint64_t slice_ticks = scheduler_of(0)->queue.slice_ticks;
	const uint64_t now_tsc = insn_rdtsc();

	if (!guest_ram_is_queued()) {
		return HOST_TIMER_NEVER;
	}
	if (now_tsc < clearing.next_tsc) {
		return clearing.next_tsc;
	}
	if (guest_ram_piece_count() == clearing.piece_count) {
		while (insn_rdtsc() - now_tsc < slice_ticks / 2 && guest_ram_clear_piece()) {
			operator_poll();
		}
	}
	clearing.piece_count = guest_ram_piece_count();
	clearing.next_tsc = insn_rdtsc() + slice_ticks;
	return clearing.next_tsc;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Does what is to be done. Returns when it wants to be called again. */
static uint64_t serve(void)
{
	uint64_t next_tsc = HOST_TIMER_NEVER;

	scheduler_put_back(scheduler_of(0));
	manager_keys_obey(guests, guest_count);
	for (size_t i = 0; i < guest_count; i++) {
		managed_guest_give_ram(context, &guests[i]);
	}
	for (size_t i = 0; i < guest_count; i++) {
		struct managed_guest *guest = &guests[i];

		if (managed_guest_has_left(guest)) {
			finish(guest);
		}
		grant(guest);
		if (!guest->is_waiting) {
			continue;
		}
		if (insn_rdtsc() >= guest->restart_tsc) {
			restart(guest);
		} else {
			next_tsc = earlier(next_tsc, guest->restart_tsc);
		}
	}
	next_tsc = earlier(next_tsc, start_ready());
	return earlier(next_tsc, clear_for_a_while());
}

/* Wishes are granted where the loop is asked: none is left behind. */
static bool is_needed(void)
{
	for (size_t i = 0; i < guest_count; i++) {
		if (guests[i].block != NULL || guests[i].ram.size_bytes != 0) {
			return true;
		}
	}
	return is_operator_awaited;
}

/* A processor with nothing to run clears what is to be cleared, or sleeps. */
static void idle(struct scheduler *scheduler)
{
	if (guest_ram_clear_piece()) {
		operator_poll();
	} else {
		scheduler_sleep(scheduler);
	}
}

/* Until no guest is there any more, and what they had is clear. */
static void run(void)
{
	struct scheduler *scheduler = scheduler_of(0);

	operator_begin();
	/* What is needed changes in serve() alone. */
	for (scheduler->loop_tsc = serve(); is_needed(); scheduler->loop_tsc = serve()) {
		while (!scheduler_is_loop_asked(scheduler)) {
			if (!scheduler_run(scheduler)) {
				idle(scheduler);
			}
		}
	}
}

void manager_relax(void)
{
	scheduler_relax(scheduler_of(0));
}

_Static_assert(1 + GUESTS_MAX * VM_VCPUS_MAX - 1 <= UINT16_MAX, "a VPID for each vCPU");

static void add(const struct guest_entry *entry)
{
	struct managed_guest *guest = &guests[guest_count];

	*guest = (struct managed_guest){
		.entry = entry,
		.vpid_first = (uint16_t)(1 + guest_count * VM_VCPUS_MAX), /* 0 is the host's. */
	};
	guest_count++;
}

static void run_alone(const struct guest_entry *entry)
{
	guest_count = 0;
	add(entry);
	make(&guests[0]);
	run();
}

/* All are made, and the audit has passed, before the first runs. */
static void run_together(const struct guest_list *list)
{
	guest_count = 0;
	for (size_t i = 0; i < list->count; i++) {
		add(&list->entries[i]);
		if (list->entries[i].config.is_stopped_at_boot) {
			log_info(list->entries[i].config.name, "start=manual: not started yet");
			is_operator_awaited = true;
		} else {
			make(&guests[i]);
		}
	}
	audit_all(guests, guest_count);
	together_tsc = insn_rdtsc() + tsc_hz() / TOGETHER_HZ;
	run();
}

static void begin(const struct run_context *run_context)
{
	context = run_context;
	result = 0;
	is_operator_awaited = false;
	together_tsc = 0;
	clearing.next_tsc = 0;
	clearing.piece_count = guest_ram_piece_count();
	manager_calls_init(guests, &guest_count);
}

unsigned manager_run(const struct run_context *run_context, const struct guest_list *list)
{
	begin(run_context);
	if (!context->is_in_turn) {
		run_together(list);
		return result;
	}
	for (size_t i = 0; i < list->count; i++) {
		if (list->entries[i].config.is_stopped_at_boot) {
			log_warn(list->entries[i].config.name,
				"start=manual: left out, as the guests run in turn");
		} else {
			run_alone(&list->entries[i]);
		}
	}
	return result;
}

unsigned run_guest(const struct run_context *run_context, const struct guest_entry *entry)
{
	begin(run_context);
	run_alone(entry);
	return result;
}
