/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_ipi.c vm/vcpu_post.c vm/posted_interrupts.c tests/host/smp_fixture.c
 * vm/guest_memory.c devices/virtual_apic.c devices/virtual_apic_access.c
 * devices/virtual_apic_lvt.c devices/virtual_apic_message.c devices/virtual_apic_priority.c
 * devices/virtual_apic_timer.c */
#include "fake_scheduler.h"
#include "tests/host/smp_fixture.h"
#include "vm/vcpu_interrupts.h"

enum { VECTOR = 0x51, TPR = 0x80, SVR = 0xf0, SVR_DISABLED = 0xff, TOO_LOW = 15 };

static const struct virtual_apic_message to_1 = {
	.mode = VIRTUAL_APIC_FIXED, .destination = 1, .vector = VECTOR, .is_assert = true};

/* What was posted to the vCPU since the last time; its own APIC's IRR is apart. */
static struct posted_taken taken_from(struct vcpu *vcpu)
{
	struct posted_taken taken = {0};

	posted_interrupts_take(&vcpu->posted, &taken);
	return taken;
}

static bool has_vector(struct vcpu *vcpu)
{
	return taken_from(vcpu).edge[VECTOR / 64] == BIT(VECTOR % 64);
}

static void a_physical_destination_is_one(void **state)
{
	struct smp_fixture *f = *state;

	assert_int_equal(vcpu_interrupts_send(&f->vm, &to_1, &f->vcpus[0]), 1);
	assert_false(has_vector(&f->vcpus[0]));
	assert_true(has_vector(&f->vcpus[1]));
	assert_false(has_vector(&f->vcpus[2]));
	assert_ptr_equal(fake_scheduler.notified, &f->vcpus[1]);
}

static void a_logical_destination_is_a_mask(void **state)
{
	struct smp_fixture *f = *state;
	struct virtual_apic_message message = to_1;

	message.is_logical = true;
	message.destination = 6;
	assert_int_equal(vcpu_interrupts_send(&f->vm, &message, NULL), 2);
	assert_false(has_vector(&f->vcpus[0]));
	assert_true(has_vector(&f->vcpus[1]) && has_vector(&f->vcpus[2]));
}

static void a_destination_that_nobody_has_counts_none(void **state)
{
	struct smp_fixture *f = *state;
	struct virtual_apic_message message = to_1;

	message.destination = SMP_VCPUS;
	assert_int_equal(vcpu_interrupts_send(&f->vm, &message, NULL), 0);
	assert_int_equal(fake_scheduler.notify_count, 0);
}

static void shorthands_know_the_sender(void **state)
{
	struct smp_fixture *f = *state;
	struct virtual_apic_message message = to_1;

	message.shorthand = VIRTUAL_APIC_ALL_BUT_SELF;
	assert_int_equal(vcpu_interrupts_send(&f->vm, &message, &f->vcpus[1]), 2);
	assert_true(has_vector(&f->vcpus[0]) && has_vector(&f->vcpus[2]));
	assert_false(has_vector(&f->vcpus[1]));
	assert_int_equal(f->vcpus[1].apic.irr_highest, 0);
}

/* The sender is in its exit: its own APIC is its own. */
static void the_sender_takes_its_part_at_once(void **state)
{
	struct smp_fixture *f = *state;
	struct virtual_apic_message message = to_1;

	message.shorthand = VIRTUAL_APIC_ALL;
	assert_int_equal(vcpu_interrupts_send(&f->vm, &message, &f->vcpus[1]), 3);
	assert_int_equal(f->vcpus[1].apic.irr_highest, VECTOR);
	assert_false(has_vector(&f->vcpus[1]));
	assert_int_equal(f->vcpus[0].apic.irr_highest, 0);
}

static void lowest_priority_has_one_target(void **state)
{
	struct smp_fixture *f = *state;
	struct virtual_apic_message message = to_1;

	message.mode = VIRTUAL_APIC_LOWEST_PRIORITY;
	message.is_logical = true;
	message.destination = 7;
	(void)virtual_apic_mmio_write(&f->vcpus[0].apic, TPR, 0x40, 0);
	(void)virtual_apic_mmio_write(&f->vcpus[1].apic, TPR, 0x20, 0);
	(void)virtual_apic_mmio_write(&f->vcpus[2].apic, TPR, 0x30, 0);
	assert_int_equal(vcpu_interrupts_send(&f->vm, &message, NULL), 1);
	assert_false(has_vector(&f->vcpus[0]) || has_vector(&f->vcpus[2]));
	assert_true(has_vector(&f->vcpus[1]));
}

static void a_disabled_apic_takes_no_vector_and_does_not_count(void **state)
{
	struct smp_fixture *f = *state;
	struct virtual_apic_message nmi = to_1;

	(void)virtual_apic_mmio_write(&f->vcpus[1].apic, SVR, SVR_DISABLED, 0);
	assert_int_equal(vcpu_interrupts_send(&f->vm, &to_1, NULL), 0);
	assert_false(vcpu_has_posted(&f->vcpus[1]));
	assert_false(vcpu_interrupts_deliver_vector(&f->vcpus[1], VECTOR, NULL));
	/* Software disabling does not keep these away. */
	nmi.mode = VIRTUAL_APIC_NMI;
	assert_int_equal(vcpu_interrupts_send(&f->vm, &nmi, NULL), 1);
	assert_int_equal(taken_from(&f->vcpus[1]).requests, POSTED_REQUEST_NMI);
	assert_true(virtual_apic_write_base(&f->vcpus[1].apic, VIRTUAL_APIC_BASE_DEFAULT));
	assert_false(vcpu_interrupts_deliver(&f->vcpus[1], &nmi, NULL));
}

static void a_vector_below_16_is_refused(void **state)
{
	struct smp_fixture *f = *state;
	struct virtual_apic_message message = to_1;

	message.vector = TOO_LOW;
	assert_int_equal(vcpu_interrupts_send(&f->vm, &message, &f->vcpus[0]), 0);
	assert_false(vcpu_interrupts_deliver_vector(&f->vcpus[1], TOO_LOW, &f->vcpus[0]));
	assert_true(vcpu_interrupts_deliver_vector(&f->vcpus[1], TOO_LOW + 1, &f->vcpus[0]));
	assert_int_equal(taken_from(&f->vcpus[1]).edge[0], BIT(TOO_LOW + 1));
}

static uint32_t requests_by(struct smp_fixture *f, struct virtual_apic_message message)
{
	if (vcpu_interrupts_send(&f->vm, &message, &f->vcpus[0]) != 1) {
		assert_false(vcpu_has_posted(&f->vcpus[1]));
		return 0;
	}
	return taken_from(&f->vcpus[1]).requests;
}

static void each_mode_is_its_request(void **state)
{
	struct smp_fixture *f = *state;
	struct virtual_apic_message message = to_1;

	message.mode = VIRTUAL_APIC_NMI;
	assert_int_equal(requests_by(f, message), POSTED_REQUEST_NMI);
	message.mode = VIRTUAL_APIC_INIT;
	assert_int_equal(requests_by(f, message), POSTED_REQUEST_INIT);
	message.mode = VIRTUAL_APIC_EXTINT;
	assert_int_equal(requests_by(f, message), POSTED_REQUEST_EXTINT);
	message.mode = VIRTUAL_APIC_RESERVED_MODE;
	assert_int_equal(requests_by(f, message), 0);
	message.mode = VIRTUAL_APIC_STARTUP;
	assert_int_equal(posted_request_startup_vector(requests_by(f, message)), VECTOR);
	assert_true((requests_by(f, message) & POSTED_REQUEST_STARTUP) != 0);
}

static void the_de_assertion_of_init_is_nothing(void **state)
{
	struct smp_fixture *f = *state;
	struct virtual_apic_message message = to_1;

	message.mode = VIRTUAL_APIC_INIT;
	message.is_level = true;
	message.is_assert = false;
	assert_int_equal(requests_by(f, message), 0);
	message.is_assert = true;
	assert_int_equal(requests_by(f, message), POSTED_REQUEST_INIT);
}

static void a_level_triggered_message_stays_one(void **state)
{
	struct smp_fixture *f = *state;
	struct virtual_apic_message message = to_1;
	struct posted_taken taken;

	message.is_level = true;
	assert_int_equal(vcpu_interrupts_send(&f->vm, &message, NULL), 1);
	taken = taken_from(&f->vcpus[1]);
	assert_int_equal(taken.level[VECTOR / 64], BIT(VECTOR % 64));
	assert_int_equal(taken.edge[VECTOR / 64], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SMP(a_physical_destination_is_one),
		WITH_SMP(a_logical_destination_is_a_mask),
		WITH_SMP(a_destination_that_nobody_has_counts_none),
		WITH_SMP(shorthands_know_the_sender),
		WITH_SMP(the_sender_takes_its_part_at_once),
		WITH_SMP(lowest_priority_has_one_target),
		WITH_SMP(a_disabled_apic_takes_no_vector_and_does_not_count),
		WITH_SMP(a_vector_below_16_is_refused),
		WITH_SMP(each_mode_is_its_request),
		WITH_SMP(the_de_assertion_of_init_is_nothing),
		WITH_SMP(a_level_triggered_message_stays_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
