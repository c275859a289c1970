/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_timer.c vmx/preemption_timer.c vm/guest_memory.c cpu/tsc.c
 * tests/host/vcpu_fixture.c */
#include "vm/vcpu_timer.h"

#include "cpu/host_timer.h"
#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

enum { DISTANCE = 8000 };

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
	f->vcpu.timer.host_tsc = HOST_TIMER_NEVER;
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
	/* It is for CPUs that sleep. */
	assert_int_equal(host_timer, 0);
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

static void a_guest_without_events_is_left_for_the_host(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, TIMER_AUTO);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	vcpu_timer_set(&f->vcpu, HOST_TIMER_NEVER);
	assert_int_equal(loaded(), UINT32_MAX);
	f->vcpu.timer.host_tsc = fake_cpu.tsc + 2 * DISTANCE;
	vcpu_timer_load(&f->vcpu);
	assert_int_equal(loaded(), 2 * DISTANCE);
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

static void others_get_the_cpu_before_a_later_event(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, TIMER_AUTO);
	f->vcpu.timer.host_tsc = fake_cpu.tsc + DISTANCE / 2;
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	assert_int_equal(loaded(), DISTANCE / 2);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE / 4);
	assert_int_equal(loaded(), DISTANCE / 4);
}

static void the_slices_end_stands_before_the_timer_is_chosen(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.timer.host_tsc = 100000 + DISTANCE;
	vcpu_timer_init(&f->vcpu);
	assert_int_equal(f->vcpu.timer.host_tsc, 100000 + DISTANCE);
	assert_int_equal(f->vcpu.timer.event_tsc, HOST_TIMER_NEVER);
}

/* The CPU was another vCPU's meanwhile: what is left of the way is loaded, not the way. */
static void a_load_counts_from_the_present(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, TIMER_AUTO);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	fake_cpu.tsc += DISTANCE - 10;
	vcpu_timer_load(&f->vcpu);
	assert_int_equal(loaded(), 10);
	assert_int_equal(host_timer, 0);
}

static void a_load_sets_the_hosts_timer_where_it_is_the_guests(void **state)
{
	struct vcpu_fixture *f = *state;

	start(f, TIMER_HOST);
	vcpu_timer_set(&f->vcpu, fake_cpu.tsc + DISTANCE);
	host_timer = 0;
	vcpu_timer_load(&f->vcpu);
	assert_int_equal(host_timer, fake_cpu.tsc + DISTANCE);
	f->vcpu.timer.host_tsc = fake_cpu.tsc + 1;
	vcpu_timer_load(&f->vcpu);
	assert_int_equal(host_timer, fake_cpu.tsc + 1);
	assert_int_equal(loaded(), 0);
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
		WITH_TIMERS(a_guest_without_events_is_left_for_the_host),
		WITH_TIMERS(the_same_event_is_not_set_twice),
		WITH_TIMERS(it_is_late_from_an_eighth_of_its_way_on),
		WITH_TIMERS(others_get_the_cpu_before_a_later_event),
		WITH_TIMERS(the_slices_end_stands_before_the_timer_is_chosen),
		WITH_TIMERS(a_load_counts_from_the_present),
		WITH_TIMERS(a_load_sets_the_hosts_timer_where_it_is_the_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
