/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_shootdown.c vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c
 * tests/host/smp_fixture.c vm/guest_memory.c devices/virtual_apic.c
 * devices/virtual_apic_access.c devices/virtual_apic_lvt.c devices/virtual_apic_message.c
 * devices/virtual_apic_priority.c devices/virtual_apic_timer.c */
#include "vm/vcpu_shootdown.h"

#include "fake_insn.h"
#include "fake_scheduler.h"
#include "tests/host/smp_fixture.h"
#include "vm/vcpu_posted.h"

static struct smp_fixture *fixture;

static void those_off_their_cpus_are_not_waited_for(void **state)
{
	struct smp_fixture *f = *state;

	vcpu_shoot_down_ept(&f->vcpus[1]);
	assert_int_equal(fake_cpu.pause_count, 0);
	assert_int_equal(fake_cpu.invept_count, 1);
	assert_int_equal(fake_cpu.invept_descriptor.first, ept_pointer(&f->vm.ept));
	assert_false(f->vcpus[1].is_ept_stale || vcpu_has_posted(&f->vcpus[1]));
	assert_int_equal(fake_scheduler.notify_count, 2);
	/* But they invalidate before they enter the guest again. */
	assert_true(f->vcpus[0].is_ept_stale && f->vcpus[2].is_ept_stale);
	vcpu_take_posted(&f->vcpus[2]);
	assert_int_equal(fake_cpu.invept_count, 2);
	assert_false(f->vcpus[2].is_ept_stale);
}

/* The third look: the one that runs has come out of its guest, and takes what is posted. */
static void take_at_the_third_look(void)
{
	if (fake_cpu.pause_count == 3) {
		vcpu_take_posted(&fixture->vcpus[2]);
	}
}

static void one_on_its_cpu_is_waited_for(void **state)
{
	fixture = *state;
	fixture->vcpus[2].is_on_cpu = true;
	fake_cpu.on_pause = take_at_the_third_look;
	vcpu_shoot_down_ept(&fixture->vcpus[0]);
	assert_int_equal(fake_cpu.pause_count, 3);
	assert_false(fixture->vcpus[2].is_ept_stale);
}

static void leave_at_the_second_look(void)
{
	if (fake_cpu.pause_count == 2) {
		fixture->vcpus[2].is_on_cpu = false;
	}
}

static void one_that_leaves_its_cpu_is_no_longer_waited_for(void **state)
{
	fixture = *state;
	fixture->vcpus[2].is_on_cpu = true;
	fake_cpu.on_pause = leave_at_the_second_look;
	vcpu_shoot_down_ept(&fixture->vcpus[0]);
	assert_int_equal(fake_cpu.pause_count, 2);
	assert_true(fixture->vcpus[2].is_ept_stale);
}

/* The other shoots too, and waits for this one: each goes on for itself meanwhile. */
static void shoot_back(void)
{
	if (fake_cpu.pause_count == 1) {
		fixture->vcpus[0].is_ept_stale = true;
		vcpu_request(&fixture->vcpus[0], POSTED_REQUEST_FLUSH_EPT);
	}
	if (fake_cpu.pause_count >= 2 && !fixture->vcpus[0].is_ept_stale) {
		vcpu_take_posted(&fixture->vcpus[2]);
	}
	assert_true(fake_cpu.pause_count < 100);
}

static void two_that_shoot_at_once_do_not_wait_for_ever(void **state)
{
	fixture = *state;
	fixture->vcpus[0].is_on_cpu = true;
	fixture->vcpus[2].is_on_cpu = true;
	fake_cpu.on_pause = shoot_back;
	vcpu_shoot_down_ept(&fixture->vcpus[0]);
	/* Own, own again for the other, and the other's. */
	assert_int_equal(fake_cpu.invept_count, 3);
	assert_false(fixture->vcpus[0].is_ept_stale || fixture->vcpus[2].is_ept_stale);
}

static void alone_it_is_one_instruction(void **state)
{
	struct smp_fixture *f = *state;

	f->vm.vcpu_count = 1;
	vcpu_shoot_down_ept(&f->vcpus[0]);
	assert_int_equal(fake_cpu.invept_count, 1);
	assert_int_equal(fake_scheduler.notify_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SMP(those_off_their_cpus_are_not_waited_for),
		WITH_SMP(one_on_its_cpu_is_waited_for),
		WITH_SMP(one_that_leaves_its_cpu_is_no_longer_waited_for),
		WITH_SMP(two_that_shoot_at_once_do_not_wait_for_ever),
		WITH_SMP(alone_it_is_one_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
