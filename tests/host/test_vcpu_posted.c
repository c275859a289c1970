/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c tests/host/smp_fixture.c
 * vm/guest_memory.c devices/virtual_apic.c devices/virtual_apic_access.c
 * devices/virtual_apic_lvt.c devices/virtual_apic_message.c devices/virtual_apic_priority.c
 * devices/virtual_apic_timer.c */
#include "vm/vcpu_posted.h"

#include "fake_insn.h"
#include "fake_vm.h"
#include "tests/host/smp_fixture.h"

enum { IRR = 0x200, TMR = 0x180, VECTOR = 0x51, LEVEL_VECTOR = 0xa2 };

/* True if the vector's bit is set in IRR, or in TMR. */
static bool has(const struct vcpu *vcpu, unsigned registers, uint8_t vector)
{
	const uint32_t word = vcpu->apic.page[(registers + vector / 32 * 16) / sizeof(uint32_t)];

	return (word & BIT(vector % 32)) != 0;
}

static void a_posted_vector_goes_into_the_irr(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];

	vcpu_post_interrupt(vcpu, VECTOR, false);
	assert_true(vcpu_has_posted(vcpu));
	vcpu_take_posted(vcpu);
	assert_false(vcpu_has_posted(vcpu));
	assert_true(has(vcpu, IRR, VECTOR));
	assert_false(has(vcpu, TMR, VECTOR));
	assert_int_equal(vcpu->apic.irr_highest, VECTOR);
}

static void a_level_triggered_one_is_in_the_tmr_too(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];

	vcpu_post_interrupt(vcpu, LEVEL_VECTOR, true);
	vcpu_post_interrupt(vcpu, VECTOR, false);
	vcpu_take_posted(vcpu);
	assert_true(has(vcpu, IRR, LEVEL_VECTOR) && has(vcpu, TMR, LEVEL_VECTOR));
	assert_true(has(vcpu, IRR, VECTOR) && !has(vcpu, TMR, VECTOR));
}

static void an_nmi_and_a_kick_stay_until_they_are_used(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];

	vcpu_request(vcpu, POSTED_REQUEST_NMI | POSTED_REQUEST_KICK);
	vcpu_take_posted(vcpu);
	vcpu_take_posted(vcpu);
	assert_true(vcpu->is_nmi_pending);
	assert_true(vcpu->is_kicked);
	assert_int_equal(vcpu->deferred_requests, 0);
}

static void an_extint_is_latched_until_its_inta(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];

	vcpu_request(vcpu, POSTED_REQUEST_EXTINT);
	vcpu_take_posted(vcpu);
	assert_true(vcpu->apic.is_extint_latched);
}

/* The level when it is taken counts, not the one when it was posted. */
static void lint0_takes_the_level_of_now(void **state)
{
	struct smp_fixture *f = *state;

	f->vm.platform.is_int_high = true;
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_LINT0);
	vcpu_take_posted(&f->vcpus[0]);
	assert_true(f->vcpus[0].apic.is_line_high[VIRTUAL_APIC_LINT0]);
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_LINT0);
	f->vm.platform.is_int_high = false;
	vcpu_take_posted(&f->vcpus[0]);
	assert_false(f->vcpus[0].apic.is_line_high[VIRTUAL_APIC_LINT0]);
}

static void a_flush_invalidates_the_guests_ept_here_and_says_so(void **state)
{
	struct smp_fixture *f = *state;

	f->vcpus[1].is_ept_stale = true;
	vcpu_request(&f->vcpus[1], POSTED_REQUEST_FLUSH_EPT);
	vcpu_take_posted(&f->vcpus[1]);
	assert_int_equal(fake_cpu.invept_count, 1);
	assert_int_equal(fake_cpu.invept_descriptor.first, ept_pointer(&f->vm.ept));
	assert_false(f->vcpus[1].is_ept_stale);
}

static void input_goes_to_the_uart(void **state)
{
	struct smp_fixture *f = *state;

	fake_vm_input_count = 0;
	vcpu_request(&f->vcpus[0], POSTED_REQUEST_INPUT);
	vcpu_take_posted(&f->vcpus[0]);
	assert_int_equal(fake_vm_input_count, 1);
}

static void what_changes_the_vcpu_itself_waits_for_the_exits_end(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];

	vcpu_request_init(vcpu);
	vcpu_take_posted(vcpu);
	vcpu_request_startup(vcpu, 0x9a);
	vcpu_request(vcpu, POSTED_REQUEST_STOP | POSTED_REQUEST_REPORT | POSTED_REQUEST_NMI);
	vcpu_take_posted(vcpu);
	assert_int_equal(vcpu->deferred_requests, VCPU_DEFERRED_REQUESTS);
	assert_int_equal(vcpu->startup_vector, 0x9a);
	assert_int_equal(vcpu->activity, VCPU_ACTIVE);
}

/* SDM Vol. 3A "MP Initialization Protocol Requirements and Restrictions": INIT comes first. */
static void a_startup_before_an_init_is_lost(void **state)
{
	struct vcpu *vcpu = &((struct smp_fixture *)*state)->vcpus[1];

	vcpu_request_startup(vcpu, 0x9a);
	vcpu_take_posted(vcpu);
	vcpu_request_init(vcpu);
	vcpu_take_posted(vcpu);
	assert_int_equal(vcpu->deferred_requests, POSTED_REQUEST_INIT);
	vcpu->deferred_requests = 0;
	vcpu_request_startup(vcpu, 0x9a);
	vcpu_request_init(vcpu);
	vcpu_take_posted(vcpu);
	assert_int_equal(vcpu->deferred_requests, POSTED_REQUEST_INIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SMP(a_posted_vector_goes_into_the_irr),
		WITH_SMP(a_level_triggered_one_is_in_the_tmr_too),
		WITH_SMP(an_nmi_and_a_kick_stay_until_they_are_used),
		WITH_SMP(an_extint_is_latched_until_its_inta),
		WITH_SMP(lint0_takes_the_level_of_now),
		WITH_SMP(a_flush_invalidates_the_guests_ept_here_and_says_so),
		WITH_SMP(input_goes_to_the_uart),
		WITH_SMP(what_changes_the_vcpu_itself_waits_for_the_exits_end),
		WITH_SMP(a_startup_before_an_init_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
