/* SPDX-License-Identifier: MIT */
/*
 * Run with manage=yes: the list of guests, and what guest control says of a guest alone. Others
 * that run beside it are stopped, started and restarted, and stopped at the end. "restarts=N": they
 * are left alone until one of them has been restarted so often, and that one is stopped.
 * "watch_ms=N": how long each of them runs and waits within so long, "RAN name ns=N waited_ns=N".
 */
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"

enum {
	GUESTS_ROOM = 96,
	WAIT_US = 10000,
	WAITS_MAX = 500,
	RESTART_WAITS_MAX = 30000,
	WATCH_DELAY_US = 100000, /* They have begun what they do. */
	US_PER_MS = 1000,
};

static struct trivet_guest_info guests[GUESTS_ROOM];

static uint64_t list(const void *where, uintptr_t room)
{
	return (uint64_t)trivet_guest_list((uintptr_t)where, room);
}

static uint64_t control(uint32_t operation, const char *name)
{
	return (uint64_t)trivet_guest_control(operation, (uintptr_t)name);
}

/* Returns the caller's own; the last one if it is not there. */
static const struct trivet_guest_info *find_caller(uint64_t count)
{
	const struct trivet_guest_info *found = &guests[GUESTS_ROOM - 1];
	unsigned callers = 0;

	for (uint64_t i = 0; i < count && i < GUESTS_ROOM; i++) {
		if ((guests[i].flags & TRIVET_GUEST_FLAG_CALLER) != 0) {
			found = &guests[i];
			callers++;
		}
	}
	report_equal("one_of_the_list_is_the_caller", callers, 1);
	return found;
}

static const struct trivet_guest_info *check_list(void)
{
	const uint64_t count = list(guests, GUESTS_ROOM);
	const struct trivet_guest_info *own = find_caller(count);
	const uint64_t run_ns = own->run_ns;
	uint64_t reserved = own->reserved0;

	report_true("there_is_a_guest", count >= 1 && count <= GUESTS_ROOM);
	report_equal("the_caller_runs", own->state, TRIVET_GUEST_RUNNING);
	report_true("the_caller_has_a_name", own->name[0] != '\0');
	report_equal("the_name_ends", (uint64_t)own->name[TRIVET_GUEST_NAME_BYTES - 1], 0);
	report_true("the_caller_has_processors", own->vcpu_count >= 1);
	report_true("the_caller_has_a_weight", own->weight >= 1);
	report_true("the_caller_has_its_memory", own->memory_bytes >= guest_memory_end());
	for (unsigned i = 0; i < sizeof(own->reserved) / sizeof(own->reserved[0]); i++) {
		reserved |= own->reserved[i];
	}
	report_equal("what_is_reserved_is_zero", reserved, 0);
	(void)trivet_sleep(0);
	report_equal("a_second_list_has_as_many", list(guests, GUESTS_ROOM), count);
	report_true("time_does_not_go_back", own->run_ns >= run_ns);
	return own;
}

static void check_room(void)
{
	const uint64_t count = list(guests, GUESTS_ROOM);

	guests[0].weight = 0x5555;
	report_equal("without_room_they_are_counted", list(guests, 0), count);
	report_equal("and_nothing_is_written", guests[0].weight, 0x5555);
	report_equal("a_list_needs_ram", list((const void *)guest_memory_end(), 1),
		(uint64_t)-TRIVET_EFAULT);
	report_equal("all_of_it",
		list((const void *)(guest_memory_end() - TRIVET_GUEST_INFO_BYTES + 8), 1),
		(uint64_t)-TRIVET_EFAULT);
	report_equal("what_does_not_fit_needs_none",
		list((const void *)(guest_memory_end() - sizeof(guests)), UINTPTR_MAX), count);
}

static void check_control(const struct trivet_guest_info *own)
{
	static const char nobody[TRIVET_GUEST_NAME_BYTES] = "nobody";
	static char endless[TRIVET_GUEST_NAME_BYTES];

	for (unsigned i = 0; i < sizeof(endless); i++) {
		endless[i] = 'a';
	}
	report_equal("who_runs_is_not_started", control(TRIVET_GUEST_START, own->name),
		(uint64_t)-TRIVET_EALREADY);
	report_equal("nobody_is_not_found", control(TRIVET_GUEST_STOP, nobody),
		(uint64_t)-TRIVET_ENOENT);
	report_equal("a_name_without_end_is_nobodys", control(TRIVET_GUEST_STOP, endless),
		(uint64_t)-TRIVET_ENOENT);
	report_equal("0_is_nothing_to_do", control(0, own->name), (uint64_t)-TRIVET_EINVAL);
	report_equal("4_is_nothing_to_do", control(4, own->name), (uint64_t)-TRIVET_EINVAL);
	report_equal("operations_have_64_bits",
		(uint64_t)trivet_call2(
			TRIVET_CALL_GUEST_CONTROL, 0x100000002, (uintptr_t)own->name),
		(uint64_t)-TRIVET_EINVAL);
	report_equal("a_name_needs_ram",
		control(TRIVET_GUEST_STOP, (const char *)guest_memory_end()),
		(uint64_t)-TRIVET_EFAULT);
}

/* One whose memory is still to be cleared is called running too. */
static bool is_so(const struct trivet_guest_info *guest, uint32_t state, uint32_t restart_count)
{
	return guest->state == state && guest->restart_count == restart_count &&
	       (state != TRIVET_GUEST_RUNNING || guest->run_ns != 0);
}

/* Waits until the list has a guest so; false if that takes too long. */
static bool comes_to(uint64_t index, uint32_t state, uint32_t restart_count)
{
	for (unsigned i = 0; i < WAITS_MAX; i++) {
		(void)list(guests, GUESTS_ROOM);
		if (is_so(&guests[index], state, restart_count)) {
			return true;
		}
		(void)trivet_sleep(WAIT_US);
	}
	return false;
}

static void check_other(uint64_t index)
{
	const char *name = guests[index].name;
	const uint32_t restarts = guests[index].restart_count;

	report_equal("another_is_asked_to_stop", control(TRIVET_GUEST_STOP, name), 0);
	report_true("it_stops", comes_to(index, TRIVET_GUEST_STOPPED, restarts));
	report_equal("who_is_stopped_is_not_stopped", control(TRIVET_GUEST_STOP, name),
		(uint64_t)-TRIVET_EALREADY);
	report_equal("another_is_asked_to_start", control(TRIVET_GUEST_START, name), 0);
	report_true("it_starts", comes_to(index, TRIVET_GUEST_RUNNING, restarts));
	report_equal("another_is_asked_to_restart", control(TRIVET_GUEST_RESTART, name), 0);
	report_true("it_restarts", comes_to(index, TRIVET_GUEST_RUNNING, restarts + 1));
	report_equal("it_is_asked_to_stop_again", control(TRIVET_GUEST_STOP, name), 0);
	report_true("it_stops_again", comes_to(index, TRIVET_GUEST_STOPPED, restarts + 1));
}

static void check_others(void)
{
	const uint64_t count = list(guests, GUESTS_ROOM);

	for (uint64_t i = 0; i < count; i++) {
		if ((guests[i].flags & TRIVET_GUEST_FLAG_CALLER) == 0) {
			check_other(i);
		}
	}
}

/* Returns the index of one with so many restarts; GUESTS_ROOM if none comes to them. */
static uint64_t find_restarted(uint64_t restarts)
{
	for (unsigned i = 0; i < RESTART_WAITS_MAX; i++) {
		const uint64_t count = list(guests, GUESTS_ROOM);

		for (uint64_t index = 0; index < count && index < GUESTS_ROOM; index++) {
			if (guests[index].restart_count >= restarts) {
				return index;
			}
		}
		(void)trivet_sleep(WAIT_US);
	}
	return GUESTS_ROOM;
}

static void stop_restarted(uint64_t restarts)
{
	const uint64_t index = find_restarted(restarts);

	if (!report_true("one_is_restarted_so_often", index < GUESTS_ROOM)) {
		return;
	}
	report_equal("it_is_asked_to_stop", control(TRIVET_GUEST_STOP, guests[index].name), 0);
	for (unsigned i = 0; i < WAITS_MAX && guests[index].state == TRIVET_GUEST_RUNNING; i++) {
		(void)trivet_sleep(WAIT_US);
		(void)list(guests, GUESTS_ROOM);
	}
	report_equal("it_has_stopped", guests[index].state, TRIVET_GUEST_STOPPED);
}

static void watch(uint64_t ms)
{
	static struct trivet_guest_info before[GUESTS_ROOM];
	uint64_t count;

	(void)trivet_sleep(WATCH_DELAY_US);
	count = list(before, GUESTS_ROOM);
	(void)trivet_sleep(ms * US_PER_MS);
	report_equal("nobody_comes_or_goes", list(guests, GUESTS_ROOM), count);
	for (uint64_t i = 0; i < count && i < GUESTS_ROOM; i++) {
		guest_printf("RAN %s ns=%lu waited_ns=%lu\n", guests[i].name,
			guests[i].run_ns - before[i].run_ns, guests[i].wait_ns - before[i].wait_ns);
	}
}

uint32_t guest_main(void)
{
	const uint64_t restarts = guest_option("restarts", 0);
	const uint64_t watch_ms = guest_option("watch_ms", 0);

	if (!report_has_trivet("guest_control")) {
		return report_result();
	}
	if (watch_ms != 0) {
		watch(watch_ms);
		return report_result();
	}
	if (restarts != 0) {
		stop_restarted(restarts);
		return report_result();
	}
	check_control(check_list());
	check_room();
	check_others();
	return report_result();
}
