/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/vcpu_interrupts.c vm/vcpu_timer.c vmx/preemption_timer.c vm/vcpu_apicv.c vm/pv_eoi.c
 * vm/event.c vm/guest_memory.c vm/vm.c lib/format.c devices/virtual_apic.c
 * devices/virtual_apic_access.c devices/virtual_apic_lvt.c devices/virtual_apic_message.c
 * devices/virtual_apic_priority.c devices/virtual_apic_timer.c cpu/tsc.c tests/host/vcpu_fixture.c
 * vm/vm_platform.c vm/port_bus.c cpu/wall_clock.c lib/calendar.c lib/scaled_time.c lib/tick_rate.c
 * devices/pic8259.c devices/ioapic.c devices/pit8254.c devices/pit8254_counter.c
 * devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c devices/reset_control.c
 * devices/pci_config.c
 * vm/vcpu_ipi.c vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c */
#include "vm/vcpu_interrupts.h"

#include "cpu/host_timer.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"
#include "fake_scheduler.h"
#include "tests/host/vcpu_fixture.h"
#include "vm/pv_eoi.h"
#include "vm/vcpu_timer.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <string.h>

enum {
	VECTOR = 0x51,
	VECTOR_ABOVE = 0x91,
	X2APIC_TPR = 0x808,
	X2APIC_EOI = 0x80b,
	X2APIC_SVR = 0x80f,
	X2APIC_ICR = 0x830,
	X2APIC_LVT_TIMER = 0x832,
	X2APIC_SELF_IPI = 0x83f,
	PV_EOI_WORD = 0x1000,
};

#define INJECTED_INTERRUPT(vector) (0x80000000u | (vector))
#define INJECTED_NMI               0x80000202u
#define ICR_NMI                    0x400u
#define LVT_TIMER_TSC_DEADLINE     0x40000u

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

static int set_up(void **state)
{
	struct vcpu_fixture *f;

	(void)vcpu_fixture_set_up(state);
	f = *state;
	has_host_timer = true;
	host_timer = 0;
	f->vcpu.tsc_offset = 0 - fake_cpu.tsc;
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF);
	f->vcpu.timer_choice = TIMER_HOST;
	vcpu_timer_init(&f->vcpu);
	vcpu_interrupts_init(&f->vcpu);
	return 0;
}

static void write_msr(struct vcpu_fixture *f, uint32_t msr, uint64_t value)
{
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	assert_true(vcpu_interrupts_msr_write(&f->vcpu, msr, value));
}

static void go_to_x2apic(struct vcpu_fixture *f)
{
	write_msr(f, MSR_IA32_APIC_BASE, f->vcpu.apic.base | VIRTUAL_APIC_BASE_EXTD);
}

static bool has_window(uint64_t control)
{
	return (fake_vmcs_get(VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS) & control) != 0;
}

static void an_interrupt_is_injected_at_once_where_the_guest_can_take_it(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	write_msr(f, X2APIC_SELF_IPI, VECTOR);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
	assert_false(has_window(PRIMARY_INTERRUPT_WINDOW_EXITING));
}

static void expect_window_then_interrupt(struct vcpu_fixture *f)
{
	write_msr(f, X2APIC_SELF_IPI, VECTOR);
	assert_int_equal(vcpu_fixture_injected(), 0);
	assert_true(has_window(PRIMARY_INTERRUPT_WINDOW_EXITING));
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF);
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0);
	vcpu_interrupts_update(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
	assert_false(has_window(PRIMARY_INTERRUPT_WINDOW_EXITING));
	write_msr(f, X2APIC_EOI, 0);
}

static void an_interrupt_waits_for_its_window(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	expect_window_then_interrupt(f);
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, INTERRUPTIBILITY_BLOCKING_BY_STI);
	expect_window_then_interrupt(f);
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, INTERRUPTIBILITY_BLOCKING_BY_MOV_SS);
	expect_window_then_interrupt(f);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF | RFLAGS_TF);
	expect_window_then_interrupt(f);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, INTERRUPTION_VALID);
	expect_window_then_interrupt(f);
}

static void an_exception_that_is_injected_is_not_replaced(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, INJECTED_GP);
	assert_true(vcpu_interrupts_msr_write(&f->vcpu, X2APIC_SELF_IPI, VECTOR));
	assert_int_equal(vcpu_fixture_injected(), INJECTED_GP);
	assert_true(has_window(PRIMARY_INTERRUPT_WINDOW_EXITING));
}

static void a_lower_interrupt_comes_behind_the_eoi_of_a_higher(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	write_msr(f, X2APIC_SELF_IPI, VECTOR_ABOVE);
	write_msr(f, X2APIC_SELF_IPI, VECTOR);
	assert_int_equal(vcpu_fixture_injected(), 0);
	assert_false(has_window(PRIMARY_INTERRUPT_WINDOW_EXITING));
	write_msr(f, X2APIC_EOI, 0);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
}

static void the_tpr_holds_back_and_lets_go(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	vcpu_interrupts_set_cr8(&f->vcpu, 5);
	write_msr(f, X2APIC_SELF_IPI, VECTOR);
	assert_int_equal(vcpu_fixture_injected(), 0);
	vcpu_interrupts_set_cr8(&f->vcpu, 4);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
}

static void an_nmi_comes_before_an_interrupt_and_waits_for_its_own_window(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, INTERRUPTIBILITY_BLOCKING_BY_NMI);
	write_msr(f, X2APIC_ICR, ICR_NMI);
	assert_int_equal(vcpu_fixture_injected(), 0);
	assert_true(has_window(PRIMARY_NMI_WINDOW_EXITING));
	f->vcpu.is_nmi_pending = true;
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	write_msr(f, X2APIC_SELF_IPI, VECTOR);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_NMI);
	assert_false(has_window(PRIMARY_NMI_WINDOW_EXITING));
	assert_true(has_window(PRIMARY_INTERRUPT_WINDOW_EXITING));
}

static void an_nmi_does_not_need_rflags_if(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	write_msr(f, X2APIC_ICR, ICR_NMI);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_NMI);
}

static void the_hosts_timer_is_set_for_the_guests(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint64_t host_due = fake_cpu.tsc + 1000;

	go_to_x2apic(f);
	write_msr(f, X2APIC_LVT_TIMER, LVT_TIMER_TSC_DEADLINE | VECTOR);
	write_msr(f, MSR_IA32_TSC_DEADLINE, host_due + f->vcpu.tsc_offset);
	assert_int_equal(host_timer, host_due);
	assert_int_equal(vcpu_fixture_injected(), 0);
	fake_cpu.tsc = host_due;
	vcpu_interrupts_update(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
	assert_int_equal(host_timer, HOST_TIMER_NEVER);
}

/* The VM exit at which the preemption timer was at 0. */
static void exit_at(struct vcpu_fixture *f, uint64_t tsc)
{
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	fake_cpu.tsc = tsc;
	f->vcpu.exit_tsc = tsc;
}

static uint64_t arm_timer(struct vcpu_fixture *f)
{
	const uint64_t due = fake_cpu.tsc + 1000;

	go_to_x2apic(f);
	write_msr(f, X2APIC_LVT_TIMER, LVT_TIMER_TSC_DEADLINE | VECTOR);
	f->vcpu.exit_tsc = fake_cpu.tsc;
	assert_true(vcpu_interrupts_rearm(&f->vcpu, due + f->vcpu.tsc_offset));
	assert_int_equal(host_timer, due);
	return due;
}

static void a_due_timer_is_injected_straight(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint64_t due = arm_timer(f);

	exit_at(f, due);
	vcpu_interrupts_timer_due(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
	assert_int_equal(f->vcpu.apic.isr_highest, VECTOR);
	assert_int_equal(host_timer, HOST_TIMER_NEVER);
}

static void a_timer_that_is_not_due_yet_waits(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint64_t due = arm_timer(f);

	exit_at(f, due - 100);
	vcpu_interrupts_timer_due(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), 0);
	assert_int_equal(host_timer, due);
}

static void a_due_timer_waits_for_its_window(void **state)
{
	struct vcpu_fixture *f = *state;
	static const struct {
		uint64_t rflags;
		uint64_t interruptibility;
	} closed[] = {
		{RFLAGS_FIXED1, 0},
		{RFLAGS_FIXED1 | RFLAGS_IF | RFLAGS_TF, 0},
		{RFLAGS_FIXED1 | RFLAGS_IF, INTERRUPTIBILITY_BLOCKING_BY_STI},
		{RFLAGS_FIXED1 | RFLAGS_IF, INTERRUPTIBILITY_BLOCKING_BY_MOV_SS},
	};

	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		exit_at(f, arm_timer(f));
		fake_vmcs_set(VMCS_GUEST_RFLAGS, closed[i].rflags);
		fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, closed[i].interruptibility);
		vcpu_interrupts_timer_due(&f->vcpu);
		assert_int_equal(vcpu_fixture_injected(), 0);
		assert_true(has_window(PRIMARY_INTERRUPT_WINDOW_EXITING));
		fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF);
		fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
		vcpu_interrupts_update(&f->vcpu);
		assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
		assert_false(has_window(PRIMARY_INTERRUPT_WINDOW_EXITING));
		write_msr(f, X2APIC_EOI, 0);
	}
}

static void a_due_timer_waits_behind_an_nmi(void **state)
{
	struct vcpu_fixture *f = *state;

	exit_at(f, arm_timer(f));
	f->vcpu.is_nmi_pending = true;
	vcpu_interrupts_timer_due(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_NMI);
	assert_true(has_window(PRIMARY_INTERRUPT_WINDOW_EXITING));
}

static void a_due_timer_is_left_to_a_cpu_that_delivers(void **state)
{
	struct vcpu_fixture *f = *state;

	exit_at(f, arm_timer(f));
	f->vcpu.apicv.level = APIC_LEVEL_DELIVERY;
	vcpu_interrupts_timer_due(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), 0);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPT_STATUS), VECTOR);
}

static void a_rearm_that_is_due_is_left_to_the_long_way(void **state)
{
	struct vcpu_fixture *f = *state;

	(void)arm_timer(f);
	assert_false(vcpu_interrupts_rearm(&f->vcpu, f->vcpu.exit_tsc + f->vcpu.tsc_offset));
	write_msr(f, MSR_IA32_TSC_DEADLINE, 1);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
}

static void without_a_host_timer_there_is_no_tsc_deadline(void **state)
{
	struct vcpu_fixture *f = *state;
	uint64_t value;

	has_host_timer = false;
	vcpu_interrupts_init(&f->vcpu);
	assert_false(vcpu_interrupts_msr_read(&f->vcpu, MSR_IA32_TSC_DEADLINE, &value));
	assert_false(vcpu_interrupts_msr_write(&f->vcpu, MSR_IA32_TSC_DEADLINE, 1));
}

static void a_timer_goes_on_when_the_guest_sets_its_tsc(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	write_msr(f, X2APIC_LVT_TIMER, LVT_TIMER_TSC_DEADLINE | VECTOR);
	write_msr(f, MSR_IA32_TSC_DEADLINE, 5000);
	vcpu_interrupts_set_tsc(&f->vcpu, 4000);
	assert_int_equal(fake_vmcs_get(VMCS_TSC_OFFSET), f->vcpu.tsc_offset);
	assert_int_equal(host_timer, 5000 - f->vcpu.tsc_offset);
}

static void a_halt_ends_for_what_the_guest_takes(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	assert_false(vcpu_interrupts_pend(&f->vcpu));
	assert_false(vcpu_interrupts_may_come(&f->vcpu));
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	write_msr(f, X2APIC_SELF_IPI, VECTOR);
	assert_false(vcpu_interrupts_pend(&f->vcpu));
	assert_false(vcpu_interrupts_may_come(&f->vcpu));
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF);
	assert_true(vcpu_interrupts_pend(&f->vcpu));
	assert_true(vcpu_interrupts_may_come(&f->vcpu));
	f->vcpu.is_nmi_pending = true;
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	assert_true(vcpu_interrupts_pend(&f->vcpu));
}

static void a_running_timer_may_end_a_halt(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	write_msr(f, X2APIC_LVT_TIMER, LVT_TIMER_TSC_DEADLINE | VECTOR);
	write_msr(f, MSR_IA32_TSC_DEADLINE, UINT64_MAX / 2);
	assert_true(vcpu_interrupts_may_come(&f->vcpu));
	assert_false(vcpu_interrupts_pend(&f->vcpu));
}

static void registers_are_in_memory_or_msrs_but_not_in_both(void **state)
{
	struct vcpu_fixture *f = *state;
	uint64_t value;

	assert_true(vcpu_interrupts_mmio_owns(&f->vcpu, gpa(0xfee00080)));
	assert_false(vcpu_interrupts_mmio_owns(&f->vcpu, gpa(0xfee01080)));
	assert_false(vcpu_interrupts_msr_read(&f->vcpu, X2APIC_TPR, &value));
	vcpu_interrupts_mmio_write(&f->vcpu, gpa(0xfee00080), 0x20);
	assert_int_equal(vcpu_interrupts_mmio_read(&f->vcpu, gpa(0xfee00080)), 0x20);
	go_to_x2apic(f);
	assert_false(vcpu_interrupts_mmio_owns(&f->vcpu, gpa(0xfee00080)));
	assert_true(vcpu_interrupts_msr_read(&f->vcpu, X2APIC_TPR, &value));
}

/* Another CPU's IPI that comes behind the read finds nothing posted any more. */
static void a_read_gives_what_it_has_taken(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.apic.is_software_enabled = true;
	assert_int_equal(virtual_apic_accept(&f->vcpu.apic, VECTOR, false), VIRTUAL_APIC_ACCEPTED);
	(void)vcpu_interrupts_mmio_read(&f->vcpu, gpa(0xfee00080));
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
}

/* What it does is test_vcpu_startup.c's: here the instruction that sent it is still to end. */
static void init_to_itself_waits_for_the_end_of_the_exit(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	write_msr(f, X2APIC_ICR, 0x4500);
	assert_int_equal(f->vm.end, VM_END_NONE);
	assert_int_equal(f->vcpu.deferred_requests, POSTED_REQUEST_INIT);
	assert_ptr_equal(fake_scheduler.notified, &f->vcpu);
	assert_int_equal(fake_scheduler.look_count, 1);
}

/* --- PV EOI --- */

static uint8_t *pv_word(struct vcpu_fixture *f)
{
	return f->ram + PV_EOI_WORD;
}

static void start_pv_eoi(struct vcpu_fixture *f)
{
	pv_eoi_set(&f->vcpu, PV_EOI_WORD | 1);
	go_to_x2apic(f);
	write_msr(f, X2APIC_SELF_IPI, VECTOR);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
	assert_int_equal(*pv_word(f), 1);
}

static void a_guest_may_end_its_interrupt_in_memory(void **state)
{
	struct vcpu_fixture *f = *state;

	start_pv_eoi(f);
	*pv_word(f) = 0;
	write_msr(f, X2APIC_SELF_IPI, VECTOR);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
	assert_int_equal(f->vcpu.apic.isr_count, 1);
	assert_int_equal(*pv_word(f), 1);
}

static void a_due_timer_ends_what_was_ended_in_memory(void **state)
{
	struct vcpu_fixture *f = *state;

	start_pv_eoi(f);
	*pv_word(f) = 0;
	exit_at(f, arm_timer(f));
	vcpu_interrupts_timer_due(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR));
	assert_int_equal(f->vcpu.apic.isr_count, 1);
	assert_int_equal(*pv_word(f), 1);
}

static void the_offer_is_taken_back_when_something_waits(void **state)
{
	struct vcpu_fixture *f = *state;

	start_pv_eoi(f);
	write_msr(f, X2APIC_SELF_IPI, VECTOR - 1);
	assert_int_equal(*pv_word(f), 0);
	assert_int_equal(f->vcpu.apic.isr_count, 1);
	write_msr(f, X2APIC_EOI, 0);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(VECTOR - 1));
}

static void an_eoi_at_the_apic_takes_the_offer_back(void **state)
{
	struct vcpu_fixture *f = *state;

	start_pv_eoi(f);
	write_msr(f, X2APIC_EOI, 0);
	assert_int_equal(*pv_word(f), 0);
	assert_int_equal(f->vcpu.apic.isr_count, 0);
}

static void without_pv_eoi_memory_is_left_alone(void **state)
{
	struct vcpu_fixture *f = *state;

	go_to_x2apic(f);
	write_msr(f, X2APIC_SELF_IPI, VECTOR);
	assert_int_equal(*pv_word(f), 0);
}

#define WITH_APIC(test) cmocka_unit_test_setup_teardown(test, set_up, vcpu_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_APIC(an_interrupt_is_injected_at_once_where_the_guest_can_take_it),
		WITH_APIC(an_interrupt_waits_for_its_window),
		WITH_APIC(an_exception_that_is_injected_is_not_replaced),
		WITH_APIC(a_lower_interrupt_comes_behind_the_eoi_of_a_higher),
		WITH_APIC(the_tpr_holds_back_and_lets_go),
		WITH_APIC(an_nmi_comes_before_an_interrupt_and_waits_for_its_own_window),
		WITH_APIC(an_nmi_does_not_need_rflags_if),
		WITH_APIC(the_hosts_timer_is_set_for_the_guests),
		WITH_APIC(a_due_timer_is_injected_straight),
		WITH_APIC(a_timer_that_is_not_due_yet_waits),
		WITH_APIC(a_due_timer_waits_for_its_window),
		WITH_APIC(a_due_timer_waits_behind_an_nmi),
		WITH_APIC(a_due_timer_is_left_to_a_cpu_that_delivers),
		WITH_APIC(a_rearm_that_is_due_is_left_to_the_long_way),
		WITH_APIC(a_due_timer_ends_what_was_ended_in_memory),
		WITH_APIC(without_a_host_timer_there_is_no_tsc_deadline),
		WITH_APIC(a_timer_goes_on_when_the_guest_sets_its_tsc),
		WITH_APIC(a_halt_ends_for_what_the_guest_takes),
		WITH_APIC(a_running_timer_may_end_a_halt),
		WITH_APIC(a_read_gives_what_it_has_taken),
		WITH_APIC(registers_are_in_memory_or_msrs_but_not_in_both),
		WITH_APIC(init_to_itself_waits_for_the_end_of_the_exit),
		WITH_APIC(a_guest_may_end_its_interrupt_in_memory),
		WITH_APIC(the_offer_is_taken_back_when_something_waits),
		WITH_APIC(an_eoi_at_the_apic_takes_the_offer_back),
		WITH_APIC(without_pv_eoi_memory_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
