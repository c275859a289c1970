/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/scheduler.c vm/run_queue.c vm/vcpu_halt.c vm/vcpu_posted.c vm/vcpu_post.c
 * vm/posted_interrupts.c vm/steal_time.c tests/host/smp_fixture.c tests/host/scheduler_fixture.c
 * vm/guest_memory.c devices/virtual_apic.c devices/virtual_apic_access.c
 * devices/virtual_apic_lvt.c devices/virtual_apic_message.c devices/virtual_apic_priority.c
 * devices/virtual_apic_timer.c vm/vm.c vm/vm_platform.c vm/port_bus.c vm/event.c
 * cpu/wall_clock.c cpu/tsc.c cpu/host_timer.c cpu/local_apic.c lib/calendar.c lib/scaled_time.c
 * lib/tick_rate.c lib/format.c devices/pic8259.c devices/ioapic.c devices/pit8254.c
 * devices/pit8254_counter.c devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c
 * devices/reset_control.c devices/pci_config.c vm/vcpu_interrupts.c vm/vcpu_ipi.c
 * vm/vcpu_apicv.c vm/pv_eoi.c vm/vcpu_timer.c vmx/preemption_timer.c */
#include "fake_insn.h"
#include "tests/host/scheduler_fixture.h"
#include "vm/vcpu_posted.h"

#include <string.h>

enum { VECTOR = 0x51 };

/* --- Being told --- */

static void one_on_another_cpu_is_kicked(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 1);
	f->scheduler.cpu = &scheduler_fixture_other_cpu;
	f->scheduler.is_look_due = false;
	f->vcpus[0].is_on_cpu = true;
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	assert_int_equal(scheduler_turns.kick_count, 1);
	assert_ptr_equal(scheduler_turns.kicked, &scheduler_fixture_other_cpu);
	assert_false(f->scheduler.is_look_due);
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_STOP);
	assert_int_equal(scheduler_turns.kick_count, 2);
	assert_true(f->scheduler.is_look_due);
}

static void one_whose_cpu_takes_posted_interrupts_is_not_kicked(void **state)
{
	struct smp_fixture *f = *state;
	struct cpu *own = f->scheduler.cpu;

	scheduler_fixture_start(f, 1);
	f->vcpus[0].apicv.level = APIC_LEVEL_POSTING;
	f->scheduler.cpu = &scheduler_fixture_other_cpu;
	f->vcpus[0].is_on_cpu = true;
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	assert_int_equal(scheduler_turns.posted_notify_count, 1);
	assert_int_equal(scheduler_turns.kick_count, 0);
	assert_ptr_equal(scheduler_turns.kicked, &scheduler_fixture_other_cpu);
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_NMI);
	assert_int_equal(scheduler_turns.kick_count, 1);
	/* Its own CPU looks before it goes on. */
	f->scheduler.cpu = own;
	smp_fixture_clear_posted(f);
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	assert_int_equal(scheduler_turns.posted_notify_count, 1);
	assert_int_equal(scheduler_turns.kick_count, 1);
}

/* In its own exit it looks before it goes on, but for what is put off. */
static void one_on_this_cpu_is_not_kicked_for_a_vector(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 1);
	f->vcpus[0].is_on_cpu = true;
	vcpu_post_interrupt(&f->vcpus[0], VECTOR, false);
	assert_int_equal(scheduler_turns.kick_count, 0);
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_STOP);
	assert_int_equal(scheduler_turns.kick_count, 1);
}

static void one_that_is_not_placed_is_left_alone(void **state)
{
	struct smp_fixture *f = *state;

	f->vcpus[0].scheduler = NULL;
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_STOP);
	assert_int_equal(scheduler_turns.kick_count, 0);
}

/* --- Yielding --- */

static bool is_given;
static struct vcpu *yield_target;

static void yield(struct vcpu *vcpu)
{
	is_given = scheduler_yield_to(vcpu, yield_target);
}

static void a_yield_gives_the_cpu_to_the_one_named(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 3);
	scheduler_turns.guest = yield;
	scheduler_fixture_run(f, 1);
	scheduler_turns.order_count = 0;
	for (unsigned i = 1; i < SMP_VCPUS; i++) {
		const struct vcpu *current = f->scheduler.loaded;

		yield_target = &f->vcpus[(current->id + 2) % SMP_VCPUS];
		assert_true(scheduler_yield_to(f->scheduler.loaded, yield_target));
		scheduler_fixture_run(f, 1);
		assert_ptr_equal(f->scheduler.loaded, yield_target);
	}
}

static void a_yield_to_one_that_waits_gives_nothing(void **state)
{
	struct smp_fixture *f = *state;

	scheduler_fixture_start(f, 1);
	yield_target = &f->vcpus[1];
	scheduler_turns.guest = yield;
	scheduler_fixture_run(f, 1);
	assert_false(is_given);
	yield_target = NULL;
	scheduler_fixture_run(f, 1);
	assert_false(is_given);
}

static void a_yield_to_anybody_stays_in_the_guest(void **state)
{
	struct smp_fixture *f = *state;
	struct vm other_vm = f->vm;

	scheduler_fixture_start(f, 2);
	f->vcpus[1].vm = &other_vm;
	yield_target = NULL;
	scheduler_turns.guest = yield;
	scheduler_fixture_run(f, 1);
	assert_false(is_given);
	f->vcpus[1].vm = &f->vm;
	scheduler_fixture_run(f, 1);
	assert_true(is_given);
}

static void a_yield_to_another_cpu_helps_there_and_gives_nothing_up(void **state)
{
	struct smp_fixture *f = *state;
	struct scheduler elsewhere = {0};

	scheduler_fixture_start(f, 1);
	scheduler_fixture_run(f, 1);
	scheduler_init(&elsewhere, NULL);
	elsewhere.cpu = &scheduler_fixture_other_cpu;
	memset(&f->vcpus[2].run, 0, sizeof(f->vcpus[2].run));
	scheduler_place(&elsewhere, &f->vcpus[2], RUN_WEIGHT_DEFAULT);
	assert_false(scheduler_yield_to(&f->vcpus[0], &f->vcpus[2]));
	assert_int_equal(scheduler_turns.kick_count, 0);
	scheduler_start(&f->vcpus[2]);
	scheduler_turns.kick_count = 0;
	elsewhere.is_look_due = false;
	assert_false(scheduler_yield_to(&f->vcpus[0], &f->vcpus[2]));
	assert_int_equal(scheduler_turns.kick_count, elsewhere.is_look_due ? 1 : 0);
	assert_false(f->scheduler.is_look_due && f->scheduler.queue.is_switch_wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCHEDULER(one_on_another_cpu_is_kicked),
		WITH_SCHEDULER(one_whose_cpu_takes_posted_interrupts_is_not_kicked),
		WITH_SCHEDULER(one_on_this_cpu_is_not_kicked_for_a_vector),
		WITH_SCHEDULER(one_that_is_not_placed_is_left_alone),
		WITH_SCHEDULER(a_yield_gives_the_cpu_to_the_one_named),
		WITH_SCHEDULER(a_yield_to_one_that_waits_gives_nothing),
		WITH_SCHEDULER(a_yield_to_anybody_stays_in_the_guest),
		WITH_SCHEDULER(a_yield_to_another_cpu_helps_there_and_gives_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
