/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/manager.c tests/host/manager_fixture.c */
#include "cpu/host_timer.h"
#include "fake_insn.h"
#include "tests/host/manager_fixture.h"

#include <stdlib.h>
#include <string.h>

static void each_guest_is_made_started_reported_and_given_back(void **state)
{
	const struct turn turns[] = {{1, VM_END_CALL, 0, 0}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	assert_int_equal(RUN(2, false, turns), 0);
	assert_string_equal(machine.events, "M0M1L0S0L1S1E1D1E0D0");
}

static void in_turn_one_that_waits_for_its_operator_is_left_out(void **state)
{
	const struct turn turns[] = {{1, VM_END_CALL, 5, 0}};

	(void)state;
	machine.list.entries[0].config.is_stopped_at_boot = true;
	assert_int_equal(RUN(2, true, turns), 5);
	machine.list.entries[0].config.is_stopped_at_boot = false;
	assert_true(strchr(machine.events, '1') != NULL);
	assert_true(strchr(machine.events, 'M') == strrchr(machine.events, 'M'));
}

static void in_turn_they_are_alone(void **state)
{
	const struct turn turns[] = {{0, VM_END_CALL, 0, 0}, {1, VM_END_CALL, 5, 0}};

	(void)state;
	assert_int_equal(RUN(2, true, turns), 5);
	assert_string_equal(machine.events, "M0L0S0E0D0M1L1S1E1D1");
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
	machine.is_make_refused = true;
	machine.list.count = 1;
	machine.turn_count = 0;
	assert_int_equal(manager_run(&context, &machine.list), VM_STATUS_CRASHED);
	assert_string_equal(machine.events, "M0");
}

/* True if a guest with that option begins anew after that end. */
static bool restarts(enum vm_restart restart, enum vm_end end)
{
	const struct turn turns[] = {{0, end, 9, 0}, {0, VM_END_POWER_OFF, 0, 0}};
	bool is_restarted;
	unsigned status;

	(void)manager_set_up(NULL);
	machine.list.entries[0].config.restart = restart;
	machine.list.count = 1;
	machine.script = turns;
	machine.turn_count = ARRAY_COUNT(turns);
	status = manager_run(&(const struct run_context){0}, &machine.list);
	is_restarted = strcmp(machine.events, "M0L0S0E0N0S0E0D0") == 0;
	if (!is_restarted) {
		assert_string_equal(machine.events, "M0L0S0E0D0");
	}
	/* What it was restarted after is not the run's end. */
	assert_int_equal(status, is_restarted ? 0 : 9);
	free(machine.blocks);
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
	return machine.started_tsc;
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
	machine.report_ticks = HZ;
	machine.load_ticks = 2 * HZ;
	machine.list.entries[0].config.restart = VM_RESTART_RESET;
	assert_int_equal(RUN(1, false, turns), 0);
	machine.report_ticks = machine.load_ticks = 0;
	/* Started at 1000; ran, reported, rested three reports; loaded; ran, reported, rested three
	 * reports and loads; loaded. */
	assert_in_range(machine.started_tsc, 1000 + HZ * (1 + 3 + 2 + 1 + 9 + 2),
		1000 + HZ * (1 + 3 + 2 + 1 + 9 + 2) + 4 * RUN_TICKS);
}

static void a_wish_stops_and_another_starts(void **state)
{
	const struct turn turns[] = {{0, 0, 0, GUEST_WISH_STOP}, {0, 0, 0, GUEST_WISH_START},
		{1, VM_END_CALL, 0, 0}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	assert_int_equal(RUN(2, false, turns), 0);
	assert_string_equal(machine.events, "M0M1L0S0L1S1E0D0M0L0S0E1D1E0D0");
}

/* Whatever the option says, and at once. */
static void a_wish_restarts(void **state)
{
	const struct turn turns[] = {{0, 0, 0, GUEST_WISH_RESTART}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	assert_int_equal(RUN(1, false, turns), 0);
	assert_string_equal(machine.events, "M0L0S0E0N0S0E0D0");
	assert_true(machine.started_tsc < 1000 + HZ / 100);
}

/* The last vCPU has counted itself out on its CPU, and says so a moment later. */
static void a_guest_is_not_begun_anew_before_it_has_said_that_it_left(void **state)
{
	const struct turn turns[] = {{0, 0, 0, GUEST_WISH_RESTART}, {0, VM_END_CALL, 0, 0}};

	(void)state;
	machine.is_leaving_late = true;
	assert_int_equal(RUN(1, false, turns), 0);
	assert_string_equal(machine.events, "M0L0S0E0N0S0E0D0");
}

static void a_stop_while_it_waits_for_its_restart_is_the_end(void **state)
{
	const struct turn turns[] = {{0, VM_END_CRASHED, 3, 0}, {0, 0, 0, GUEST_WISH_STOP}};

	(void)state;
	machine.list.entries[0].config.restart = VM_RESTART_ALWAYS;
	assert_int_equal(RUN(1, false, turns), 3);
	assert_string_equal(machine.events, "M0L0S0E0D0");
}

static void one_with_start_manual_waits_for_its_wish(void **state)
{
	const struct turn turns[] = {{0, 0, 0, GUEST_WISH_START}, {0, VM_END_CALL, 4, 0}};

	(void)state;
	machine.list.entries[0].config.is_stopped_at_boot = true;
	assert_int_equal(RUN(1, false, turns), 4);
	assert_string_equal(machine.events, "M0L0S0E0D0");
}

static void long_work_lets_the_guests_of_its_cpu_run(void **state)
{
	(void)state;
	machine.relax_count = 0;
	manager_relax();
	assert_int_equal(machine.relax_count, 1);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
