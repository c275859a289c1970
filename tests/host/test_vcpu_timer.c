/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_timer.c vmx/preemption_timer.c vm/guest_memory.c cpu/tsc.c
 * tests/host/vcpu_fixture.c */
#include "vm/vcpu_timer.h"

#include "cpu/host_timer.h"
#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum { DISTANCE = 8000, LOOK = 1000000 };

static uint64_t host_timer;
static bool has_host_timer;

void host_timer_set(uint64_t tsc)
{
	host_timer = tsc;
}

bool host_timer_is_started(void)
{
	return has_host_timer;
}

static void start(struct vcpu_fixture *f, enum timer_choice choice)
{
	fake_cpu.tsc = 100000;
	fake_cpu.tsc_step = 0;
	f->capability.pin.allowed1 = (uint32_t)PIN_VMX_PREEMPTION_TIMER;
	f->capability.exit.allowed1 = (uint32_t)EXIT_SAVE_PREEMPTION_TIMER;
	f->vcpu.timer_choice = choice;
	vcpu_timer_init(&f->vcpu);
	/* The TSC's frequency is not known here. */
	f->vcpu.timer.look_ticks = LOOK;
}

static int set_up(void **state)
{
	(void)vcpu_fixture_set_up(state);
	has_host_timer = true;
	host_timer = 0;
	return 0;
}

static uint64_t loaded(void)
{
	return fake_vmcs_get(VMCS_VMX_PREEMPTION_TIMER_VALUE);
}

static void the_preemption_timer_is_taken_with_both_its_controls(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, TIMER_AUTO);
	assert_int_equal(fake_vmcs_get(VMCS_PIN_BASED_CONTROLS),
		PIN_VIRTUAL_NMIS | PIN_VMX_PREEMPTION_TIMER);
	assert_int_equal(fake_vmcs_get(VMCS_VM_EXIT_CONTROLS), EXIT_SAVE_PREEMPTION_TIMER);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	assert_int_equal(loaded(), DISTANCE);
	assert_int_equal(host_timer, HOST_TIMER_NEVER);
}

static void the_hosts_timer_is_taken_where_it_is_asked_for_or_the_only_one(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, TIMER_HOST);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	assert_int_equal(host_timer, fake_cpu.tsc + DISTANCE);
	assert_false(vcpu_timer_is_late(&f->vcpu, UINT64_MAX - 1));
	f->capability.exit.allowed1 = 0;
	f->vcpu.timer_choice = TIMER_AUTO;
	vcpu_timer_init(&f->vcpu);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	assert_int_equal(host_timer, fake_cpu.tsc + DISTANCE);
	assert_int_equal(fake_vmcs_get(VMCS_PIN_BASED_CONTROLS), 0);
	assert_int_equal(loaded(), 0);
}

static void without_a_host_timer_for_halts_neither_is_used(void **state)
{
	struct vcpu_fixture *f = *state;

	has_host_timer = false;
	start(f, TIMER_AUTO);
	assert_false(f->vcpu.timer.is_preemption);
}

static void a_rate_of_the_timer_is_taken_from_the_cpu(void **state)
{
	struct vcpu_fixture *f = *state;

	f->capability.misc = 5;
	start(f, TIMER_AUTO);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	assert_int_equal(loaded(), DISTANCE / 32);
}

static void an_event_that_is_over_comes_at_once(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, TIMER_AUTO);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc - 1);
	assert_int_equal(loaded(), 0);
}

static void a_guest_without_events_is_left_now_and_then(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, TIMER_AUTO);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	vcpu_timer_set(&f->vcpu, HOST_TIMER_NEVER);
	assert_int_equal(loaded(), LOOK);
}

static void the_same_event_is_not_set_twice(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, TIMER_AUTO);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	fake_vmcs_set(VMCS_VMX_PREEMPTION_TIMER_VALUE, 1);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	assert_int_equal(loaded(), 1);
}

/* Exits that take long make it late by an eighth at most. */
static void it_is_late_from_an_eighth_of_its_way_on(void **state)
{
	struct vcpu_fixture *f = *state;
	uint64_t now;

	start(f, TIMER_AUTO);
	now = fake_cpu.tsc;
	vcpu_timer_set(&f->vcpu, now + DISTANCE);
	assert_false(vcpu_timer_is_late(&f->vcpu, now + DISTANCE / 8 - 1));
	assert_true(vcpu_timer_is_late(&f->vcpu, now + DISTANCE / 8));
	fake_cpu.tsc = now + DISTANCE / 2;
	vcpu_timer_refresh(&f->vcpu);
	assert_int_equal(loaded(), DISTANCE / 2);
	assert_false(vcpu_timer_is_late(&f->vcpu, now + DISTANCE / 2 + DISTANCE / 16 - 1));
	assert_true(vcpu_timer_is_late(&f->vcpu, now + DISTANCE / 2 + DISTANCE / 16));
}

static uint64_t host_timer_in_sleep;
static uint64_t woken_at;

static void wake(void)
{
	host_timer_in_sleep = host_timer;
	fake_cpu.tsc = woken_at;
}

static void a_sleep_is_ended_by_the_hosts_timer(void **state)
{
	struct vcpu_fixture *f = *state;
	uint64_t due;

	start(f, TIMER_AUTO);
	due = fake_cpu.tsc + DISTANCE;
	vcpu_timer_set(&f->vcpu, due);
	fake_cpu.on_hlt = wake;
	woken_at = due;
	vcpu_timer_sleep(&f->vcpu);
	assert_int_equal(host_timer_in_sleep, due);
	assert_int_equal(loaded(), 0);
}

static void a_sleep_that_ends_early_leaves_no_timer_of_the_hosts(void **state)
{
	struct vcpu_fixture *f = *state;
	uint64_t due;

	start(f, TIMER_AUTO);
	due = fake_cpu.tsc + DISTANCE;
	vcpu_timer_set(&f->vcpu, due);
	fake_cpu.on_hlt = wake;
	woken_at = due - 10;
	vcpu_timer_sleep(&f->vcpu);
	assert_int_equal(host_timer, HOST_TIMER_NEVER);
	assert_int_equal(loaded(), 10);
}

static void the_hosts_timer_stays_over_a_sleep_where_it_is_the_guests(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, TIMER_HOST);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	vcpu_timer_sleep(&f->vcpu);
	assert_int_equal(fake_cpu.hlt_count, 1);
	assert_int_equal(host_timer, fake_cpu.tsc + DISTANCE);
}

#define WITH_TIMERS(test) cmocka_unit_test_setup_teardown(test, set_up, vcpu_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TIMERS(the_preemption_timer_is_taken_with_both_its_controls),
		WITH_TIMERS(the_hosts_timer_is_taken_where_it_is_asked_for_or_the_only_one),
		WITH_TIMERS(without_a_host_timer_for_halts_neither_is_used),
		WITH_TIMERS(a_rate_of_the_timer_is_taken_from_the_cpu),
		WITH_TIMERS(an_event_that_is_over_comes_at_once),
		WITH_TIMERS(a_guest_without_events_is_left_now_and_then),
		WITH_TIMERS(the_same_event_is_not_set_twice),
		WITH_TIMERS(it_is_late_from_an_eighth_of_its_way_on),
		WITH_TIMERS(a_sleep_is_ended_by_the_hosts_timer),
		WITH_TIMERS(a_sleep_that_ends_early_leaves_no_timer_of_the_hosts),
		WITH_TIMERS(the_hosts_timer_stays_over_a_sleep_where_it_is_the_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
