/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_halt.c vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c
 * tests/host/smp_fixture.c vm/guest_memory.c devices/virtual_apic.c
 * devices/virtual_apic_access.c devices/virtual_apic_lvt.c devices/virtual_apic_message.c
 * devices/virtual_apic_priority.c devices/virtual_apic_timer.c vm/vm.c vm/vm_platform.c
 * vm/port_bus.c vm/event.c cpu/wall_clock.c cpu/tsc.c cpu/host_timer.c cpu/local_apic.c
 * lib/calendar.c lib/scaled_time.c lib/tick_rate.c lib/format.c devices/pic8259.c
 * devices/ioapic.c devices/pit8254.c devices/pit8254_counter.c devices/rtc_mc146818.c
 * devices/acpi_pm.c devices/i8042.c devices/reset_control.c devices/pci_config.c
 * vm/vcpu_interrupts.c vm/vcpu_ipi.c vm/vcpu_apicv.c vm/pv_eoi.c vm/vcpu_timer.c
 * vmx/preemption_timer.c */
#include "vm/vcpu_halt.h"

#include "cpu/registers.h"
#include "fake_insn.h"
#include "fake_scheduler.h"
#include "fake_vm.h"
#include "tests/host/smp_fixture.h"
#include "vm/vcpu_posted.h"
#include "vmx/vmcs.h"

#include <string.h>

enum {
	VECTOR = 0x51,
	TPR = 0x80,
	LVT_TIMER = 0x320,
	DIVIDE = 0x3e0,
	INITIAL_COUNT = 0x380,
	DISTANCE = 100000,
};

static struct vcpu *vcpu_of(void **state)
{
	return &((struct smp_fixture *)*state)->vcpus[0];
}

/* All others wait for STARTUP, as in a guest that has not started them. */
static void let_others_wait(struct smp_fixture *f)
{
	for (uint32_t id = 1; id < SMP_VCPUS; id++) {
		f->vcpus[id].activity = VCPU_WAIT_FOR_STARTUP;
		smp_fixture_turn(&f->vcpus[id]);
		assert_false(vcpu_prepare(&f->vcpus[id]));
	}
	smp_fixture_turn(&f->vcpus[0]);
}

/* The timer of the local APIC interrupts in DISTANCE ticks. */
static void start_timer(struct vcpu *vcpu)
{
	const uint64_t now = fake_cpu.tsc;

	(void)virtual_apic_mmio_write(&vcpu->apic, DIVIDE, 0xb, now);
	(void)virtual_apic_mmio_write(&vcpu->apic, LVT_TIMER, VECTOR, now);
	(void)virtual_apic_mmio_write(&vcpu->apic, INITIAL_COUNT, DISTANCE, now);
}

static void a_halt_leaves_the_guest(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	assert_true(vcpu_halt(vcpu));
	assert_int_equal(vcpu->activity, VCPU_HALTED);
	assert_int_equal(vcpu->vm->end, VM_END_NONE);
	assert_int_equal(fake_cpu.hlt_count, 0);
	assert_false(vcpu_prepare(vcpu));
	assert_int_equal(vcpu->activity, VCPU_HALTED);
}

static void an_interrupt_ends_it(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	assert_true(vcpu_halt(vcpu));
	vcpu_post_interrupt(vcpu, VECTOR, false);
	assert_true(vcpu_prepare(vcpu));
	assert_int_equal(vcpu->activity, VCPU_ACTIVE);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_INTERRUPTION_INFO), 0x80000000u | VECTOR);
}

static void an_interrupt_that_pends_keeps_it_from_beginning(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	vcpu_post_interrupt(vcpu, VECTOR, false);
	assert_false(vcpu_halt(vcpu));
	assert_int_equal(vcpu->activity, VCPU_ACTIVE);
}

static void a_masked_interrupt_does_not_end_it(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	(void)virtual_apic_mmio_write(&vcpu->apic, TPR, 0x60, 0);
	assert_true(vcpu_halt(vcpu));
	vcpu_post_interrupt(vcpu, VECTOR, false);
	assert_false(vcpu_prepare(vcpu));
	smp_fixture_set_if(false);
	vcpu_post_interrupt(vcpu, 0x81, false);
	assert_false(vcpu_prepare(vcpu));
	smp_fixture_set_if(true);
	assert_true(vcpu_prepare(vcpu));
}

static void an_nmi_ends_it_with_interrupts_disabled(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	smp_fixture_set_if(false);
	assert_true(vcpu_halt(vcpu));
	vcpu_request(vcpu, POSTED_REQUEST_NMI);
	assert_true(vcpu_prepare(vcpu));
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_INTERRUPTION_INFO), 0x80000202u);
}

static void a_kick_ends_it_and_no_other(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	smp_fixture_set_if(false);
	assert_true(vcpu_halt(vcpu));
	vcpu_request(vcpu, POSTED_REQUEST_KICK);
	assert_true(vcpu_prepare(vcpu));
	assert_true(vcpu_halt(vcpu));
}

static void a_kick_before_it_is_kept(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	vcpu_request(vcpu, POSTED_REQUEST_KICK);
	assert_true(vcpu_prepare(vcpu));
	assert_true(vcpu->is_kicked);
	assert_false(vcpu_halt(vcpu));
	assert_true(vcpu_halt(vcpu));
}

static void the_timer_tells_when_it_ends(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	start_timer(vcpu);
	assert_true(vcpu_halt(vcpu));
	assert_in_range(vcpu->wake_tsc, DISTANCE - 100, DISTANCE + 100);
	assert_false(vcpu_prepare(vcpu));
	fake_cpu.tsc = vcpu->wake_tsc;
	assert_true(vcpu_prepare(vcpu));
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_INTERRUPTION_INFO), 0x80000000u | VECTOR);
}

static void all_idle_for_good_end_the_guest(void **state)
{
	struct smp_fixture *f = *state;

	smp_fixture_set_if(false);
	let_others_wait(f);
	assert_int_equal(f->vm.end, VM_END_NONE);
	assert_true(vcpu_halt(&f->vcpus[0]));
	assert_int_equal(f->vm.end, VM_END_HALTED);
	assert_non_null(strstr(f->vm.end_reason, "interrupts disabled"));
	assert_false(vcpu_prepare(&f->vcpus[0]));
}

static void one_that_runs_keeps_the_guest(void **state)
{
	struct smp_fixture *f = *state;

	smp_fixture_set_if(false);
	let_others_wait(f);
	f->vcpus[2].activity = VCPU_ACTIVE;
	smp_fixture_turn(&f->vcpus[2]);
	smp_fixture_set_if(false);
	assert_true(vcpu_prepare(&f->vcpus[2]));
	smp_fixture_turn(&f->vcpus[0]);
	assert_true(vcpu_halt(&f->vcpus[0]));
	assert_int_equal(f->vm.end, VM_END_NONE);
	smp_fixture_turn(&f->vcpus[2]);
	assert_true(vcpu_halt(&f->vcpus[2]));
	assert_int_equal(f->vm.end, VM_END_HALTED);
}

static void something_posted_keeps_the_guest(void **state)
{
	struct smp_fixture *f = *state;

	smp_fixture_set_if(false);
	let_others_wait(f);
	vcpu_request_startup(&f->vcpus[2], 1);
	assert_true(vcpu_halt(&f->vcpus[0]));
	assert_int_equal(f->vm.end, VM_END_NONE);
}

static void a_timer_keeps_the_guest(void **state)
{
	struct smp_fixture *f = *state;

	let_others_wait(f);
	start_timer(&f->vcpus[0]);
	assert_true(vcpu_halt(&f->vcpus[0]));
	assert_int_equal(f->vm.end, VM_END_NONE);
}

static void a_sleep_ends_at_its_time_whatever_comes(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	vcpu_sleep_until(vcpu, DISTANCE);
	assert_int_equal(vcpu->activity, VCPU_SLEEPING);
	assert_int_equal(vcpu->after_call, VMX_RESUME_NOT);
	vcpu_post_interrupt(vcpu, VECTOR, false);
	vcpu_request(vcpu, POSTED_REQUEST_NMI | POSTED_REQUEST_KICK);
	assert_false(vcpu_prepare(vcpu));
	assert_int_equal(vcpu->wake_tsc, DISTANCE);
	fake_cpu.tsc = DISTANCE;
	assert_true(vcpu_prepare(vcpu));
	assert_int_equal(vcpu->activity, VCPU_ACTIVE);
	assert_int_equal(vcpu->after_call, VMX_RESUME_CALL);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_INTERRUPTION_INFO), 0x80000202u);
}

static void only_startup_ends_the_wait_for_it(void **state)
{
	struct smp_fixture *f = *state;
	struct vcpu *vcpu = &f->vcpus[1];

	smp_fixture_turn(vcpu);
	vcpu->activity = VCPU_WAIT_FOR_STARTUP;
	vcpu->wake_tsc = 1;
	vcpu_request(vcpu, POSTED_REQUEST_NMI | POSTED_REQUEST_KICK);
	vcpu_post_interrupt(vcpu, VECTOR, false);
	assert_false(vcpu_prepare(vcpu));
	assert_int_equal(vcpu->activity, VCPU_WAIT_FOR_STARTUP);
	assert_int_equal(vcpu->wake_tsc, UINT64_MAX);
}

/* What is posted for it stays where it is: its state may be gone already. */
static void nothing_is_served_behind_the_end(void **state)
{
	struct smp_fixture *f = *state;
	struct vcpu *vcpu = &f->vcpus[1];
	uint64_t digest;

	smp_fixture_turn(vcpu);
	digest = fake_vmcs_digest(vcpu->pages.vmcs);
	fake_serve_deferred_count = 0;
	fake_vm_input_count = 0;
	vcpu_request_init(vcpu);
	vcpu_request_startup(vcpu, 1);
	vcpu_request(vcpu, POSTED_REQUEST_REPORT | POSTED_REQUEST_NMI | POSTED_REQUEST_INPUT);
	vm_end(&f->vm, VM_END_RESET, 0, "%s", "");
	assert_false(vcpu_prepare(vcpu));
	assert_int_equal(fake_serve_deferred_count, 0);
	assert_int_equal(fake_vm_input_count, 0);
	assert_false(vcpu->is_nmi_pending);
	assert_true(fake_vmcs_digest(vcpu->pages.vmcs) == digest);
}

static void what_was_put_off_is_served_before_the_entry(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	fake_serve_deferred_count = 0;
	assert_true(vcpu_prepare(vcpu));
	assert_int_equal(fake_serve_deferred_count, 0);
	vcpu_request(vcpu, POSTED_REQUEST_REPORT);
	assert_true(vcpu_prepare(vcpu));
	assert_int_equal(fake_serve_deferred_count, 1);
}

static void an_ended_guest_is_not_entered(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	vm_end(vcpu->vm, VM_END_STOPPED, 0, "%s", "");
	assert_false(vcpu_prepare(vcpu));
}

/* The end comes between two calls: the next one that asks must still leave. */
static void an_end_behind_the_look_leaves_by_the_next_call(void **state)
{
	struct vcpu *vcpu = vcpu_of(state);

	assert_true(vcpu_prepare(vcpu));
	vm_end(vcpu->vm, VM_END_STOPPED, 0, "%s", "");
	assert_int_equal(vcpu->after_call, VMX_RESUME_NOT);
	assert_true(vcpu_has_posted(vcpu));
	assert_true(fake_scheduler.look_count >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SMP(a_halt_leaves_the_guest),
		WITH_SMP(an_interrupt_ends_it),
		WITH_SMP(an_interrupt_that_pends_keeps_it_from_beginning),
		WITH_SMP(a_masked_interrupt_does_not_end_it),
		WITH_SMP(an_nmi_ends_it_with_interrupts_disabled),
		WITH_SMP(a_kick_ends_it_and_no_other),
		WITH_SMP(a_kick_before_it_is_kept),
		WITH_SMP(the_timer_tells_when_it_ends),
		WITH_SMP(all_idle_for_good_end_the_guest),
		WITH_SMP(one_that_runs_keeps_the_guest),
		WITH_SMP(something_posted_keeps_the_guest),
		WITH_SMP(a_timer_keeps_the_guest),
		WITH_SMP(a_sleep_ends_at_its_time_whatever_comes),
		WITH_SMP(only_startup_ends_the_wait_for_it),
		WITH_SMP(nothing_is_served_behind_the_end),
		WITH_SMP(what_was_put_off_is_served_before_the_entry),
		WITH_SMP(an_ended_guest_is_not_entered),
		WITH_SMP(an_end_behind_the_look_leaves_by_the_next_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
