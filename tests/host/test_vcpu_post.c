/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_post.c vm/posted_interrupts.c tests/host/smp_fixture.c vm/guest_memory.c
 * devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c */
#include "fake_scheduler.h"
#include "tests/host/smp_fixture.h"
#include "vm/vcpu_posted.h"

enum { VECTOR = 0x51 };

static void the_first_vector_makes_the_vcpu_look(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];

	vcpu_post_interrupt(vcpu, VECTOR, false);
	assert_int_equal(fake_scheduler.notify_count, 1);
	assert_int_equal(fake_scheduler.look_count, 0);
	assert_ptr_equal(fake_scheduler.notified, vcpu);
}

static void one_more_finds_that_on_its_way(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];

	vcpu_post_interrupt(vcpu, VECTOR, false);
	vcpu_post_interrupt(vcpu, VECTOR + 1, false);
	assert_int_equal(fake_scheduler.notify_count, 1);
	vcpu_request(vcpu, POSTED_REQUEST_NMI);
	vcpu_request(vcpu, POSTED_REQUEST_KICK);
	vcpu_post_interrupt(vcpu, VECTOR, true);
	assert_int_equal(fake_scheduler.notify_count, 2);
}

static void a_taken_one_is_no_notification_on_its_way(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];
	struct posted_taken taken;

	vcpu_post_interrupt(vcpu, VECTOR, false);
	posted_interrupts_take(&vcpu->posted, &taken);
	vcpu_post_interrupt(vcpu, VECTOR, false);
	assert_int_equal(fake_scheduler.notify_count, 2);
}

/* The vCPU may have been told, and look within its exit: that is not enough for these. */
static void what_is_put_off_asks_for_a_look_from_the_loop_each_time(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];

	vcpu_request(vcpu, POSTED_REQUEST_KICK);
	vcpu_request(vcpu, POSTED_REQUEST_STOP);
	assert_int_equal(fake_scheduler.look_count, 1);
	vcpu_request(vcpu, POSTED_REQUEST_REPORT);
	assert_int_equal(fake_scheduler.look_count, 2);
	vcpu_request_init(vcpu);
	assert_int_equal(fake_scheduler.look_count, 3);
	vcpu_request_startup(vcpu, 0x9a);
	assert_int_equal(fake_scheduler.look_count, 4);
	assert_int_equal(fake_scheduler.notify_count, 5);
}

/* The CPU's doorbell is for edge-triggered vectors alone. */
static void a_cpu_that_takes_posted_interrupts_is_notified_of_vectors(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];

	vcpu->apicv.level = APIC_LEVEL_POSTING;
	vcpu_post_interrupt(vcpu, VECTOR, false);
	assert_int_equal(fake_scheduler.notify_posted_count, 1);
	assert_int_equal(fake_scheduler.notify_count, 0);
	vcpu_post_interrupt(vcpu, VECTOR + 1, false);
	assert_int_equal(fake_scheduler.notify_posted_count, 1);
	/* The CPU took them, by itself: ON is clear, and what the owner looks at is not. */
	vcpu->posted.descriptor.control &= ~POSTED_CONTROL_ON;
	vcpu->posted.descriptor.requests[VECTOR / 64] = 0;
	vcpu_post_interrupt(vcpu, VECTOR, false);
	assert_int_equal(fake_scheduler.notify_posted_count, 2);
	vcpu_post_interrupt(vcpu, VECTOR, true);
	assert_int_equal(fake_scheduler.notify_count, 1);
	vcpu_request(vcpu, POSTED_REQUEST_KICK);
	assert_int_equal(fake_scheduler.notify_count, 1);
	assert_int_equal(fake_scheduler.notify_posted_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SMP(the_first_vector_makes_the_vcpu_look),
		WITH_SMP(one_more_finds_that_on_its_way),
		WITH_SMP(a_taken_one_is_no_notification_on_its_way),
		WITH_SMP(a_cpu_that_takes_posted_interrupts_is_notified_of_vectors),
		WITH_SMP(what_is_put_off_asks_for_a_look_from_the_loop_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
