/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/exit_event.c exits/vmmcall.c exits/exit_again.c vm/event.c vm/vm.c vm/vcpu.c
 * vm/guest_memory.c vm/guest_code.c vm/guest_paging.c vm/guest_store.c vm/cpuid_policy.c
 * vm/cpuid_topology.c vm/msr_policy.c vm/msr_mtrr.c lib/format.c tests/host/vcpu_fixture.c
 * vm/vcpu_interrupts.c vm/vcpu_timer.c vmx/preemption_timer.c vm/vcpu_apicv.c vm/pv_eoi.c
 * devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * cpu/host_timer.c cpu/local_apic.c cpu/tsc.c vm/vm_platform.c vm/port_bus.c cpu/wall_clock.c
 * lib/calendar.c lib/scaled_time.c lib/tick_rate.c devices/pic8259.c devices/ioapic.c
 * devices/pit8254.c devices/pit8254_counter.c devices/rtc_mc146818.c devices/acpi_pm.c
 * devices/i8042.c devices/reset_control.c devices/pci_config.c vm/vcpu_ipi.c vm/vcpu_posted.c
 * vm/vcpu_post.c vm/posted_interrupts.c */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "cpu/trap.h"
#include "exits/exit.h"
#include "fake_insn.h"
#include "fake_panic.h"
#include "tests/host/vcpu_fixture.h"
#include "vm/vcpu_interrupts.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <string.h>

enum { DR6 = 6, STEPPED_VECTOR = 0x61, X2APIC_SELF_IPI = 0x83f };

#define INJECTED_INTERRUPT(vector) (0x80000000u | (vector))
#define INJECTED_NMI               0x80000202u

static unsigned poll_count;

static void poll(void)
{
	poll_count++;
}

static int set_up(void **state)
{
	(void)vcpu_fixture_set_up(state);
	((struct vcpu_fixture *)*state)->scheduler.poll = poll;
	poll_count = 0;
	return 0;
}

static unsigned interrupt_count;
static uint8_t interrupt_vector;

void trap_external_interrupt(uint8_t vector)
{
	interrupt_count++;
	interrupt_vector = vector;
}

static enum exit_action debug_exit(struct vcpu_fixture *f, uint64_t qualification)
{
	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, INJECTED_DB);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, qualification);
	return exit_handle_exception_or_nmi(&f->vcpu);
}

/* INFO: the VM-exit interruption information; #AC by an IRET to CPL 3 with a torn stack. */
static bool is_nmi_blocked_after(struct vcpu_fixture *f, uint32_t info, uint32_t idt_vectoring)
{
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, idt_vectoring);
	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, info);
	assert_int_equal(exit_handle_exception_or_nmi(&f->vcpu), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_AC);
	return (fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) &
		       INTERRUPTIBILITY_BLOCKING_BY_NMI) != 0;
}

static void an_iret_that_faults_leaves_nmis_blocked(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint32_t by_iret = INJECTED_AC | (uint32_t)INTERRUPTION_NMI_UNBLOCKING;

	f->vcpu.controls.pin |= PIN_VIRTUAL_NMIS;
	assert_true(is_nmi_blocked_after(f, by_iret, 0));
	assert_false(is_nmi_blocked_after(f, INJECTED_AC, 0));
	/* Undefined: the exception came while another event was delivered. */
	assert_false(is_nmi_blocked_after(f, by_iret, INJECTED_INTERRUPT(0x41)));
	f->vcpu.controls.pin &= ~(uint32_t)PIN_VIRTUAL_NMIS;
	assert_false(is_nmi_blocked_after(f, by_iret, 0));
}

static void a_debug_exception_is_delivered_to_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(debug_exit(f, DR6_BS), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_DB);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), VCPU_FIXTURE_RIP);
}

static void its_causes_go_to_dr6(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_cpu.dr[DR6] = DR6_FIXED1 | DR6_BD | 0xf;
	(void)debug_exit(f, DR6_BS | 0x2);
	assert_int_equal(fake_cpu.dr[DR6], DR6_FIXED1 | DR6_BD | DR6_BS | 0x2);
}

static void bits_that_are_no_cause_stay_out_of_dr6(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_cpu.dr[DR6] = DR6_FIXED1;
	(void)debug_exit(f, UINT64_MAX);
	assert_int_equal(fake_cpu.dr[DR6], DR6_FIXED1 | DR6_BD | DR6_BS | 0xf);
}

static void general_detect_is_switched_off(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_DR7, DR7_FIXED1 | DR7_GD | 3);
	(void)debug_exit(f, DR6_BD);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_DR7), DR7_FIXED1 | 3);
}

static void lbr_and_btf_are_switched_off(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_IA32_DEBUGCTL, DEBUGCTL_LBR | DEBUGCTL_BTF);
	(void)debug_exit(f, DR6_BS);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_IA32_DEBUGCTL), 0);
}

/* Else the entry demands a pending BS: a guest that steps over STI would fail to enter. */
static void a_debug_exception_ends_the_interrupt_shadow(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_TF | RFLAGS_IF);
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE,
		INTERRUPTIBILITY_BLOCKING_BY_STI | INTERRUPTIBILITY_BLOCKING_BY_NMI);
	(void)debug_exit(f, DR6_BS);
	assert_int_equal(
		fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), INTERRUPTIBILITY_BLOCKING_BY_NMI);
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, INTERRUPTIBILITY_BLOCKING_BY_MOV_SS);
	(void)debug_exit(f, DR6_BD);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), 0);
}

/* SDM Vol. 3C "Other Causes of VM Exits": a window opens before an instruction, whatever TF is, and
 * a single-step trap that is due comes before it. The guest would never get to that instruction. */
static void a_window_that_opens_while_the_guest_is_single_stepped_is_used(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_interrupts_init(&f->vcpu);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_TF | RFLAGS_IF);
	assert_true(vcpu_interrupts_msr_write(
		&f->vcpu, MSR_IA32_APIC_BASE, f->vcpu.apic.base | VIRTUAL_APIC_BASE_EXTD));
	assert_true(vcpu_interrupts_msr_write(&f->vcpu, X2APIC_SELF_IPI, STEPPED_VECTOR));
	/* WRMSR is not complete yet: its own trap comes first. */
	assert_int_equal(vcpu_fixture_injected(), 0);
	assert_int_equal(exit_handle_window(&f->vcpu), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INTERRUPT(STEPPED_VECTOR));
	assert_int_equal(f->vcpu.controls.primary & (uint32_t)PRIMARY_INTERRUPT_WINDOW_EXITING, 0);
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	f->vcpu.is_nmi_pending = true;
	assert_int_equal(exit_handle_window(&f->vcpu), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_NMI);
	assert_false(f->vcpu.is_nmi_pending);
}

static void int1_goes_on_behind_itself(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, INJECTED_INT1);
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_LENGTH, 1);
	assert_int_equal(exit_handle_exception_or_nmi(&f->vcpu), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INT1);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_INSTRUCTION_LENGTH), 1);
}

static void an_alignment_check_keeps_its_error_code(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, INJECTED_AC);
	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_ERROR_CODE, 0);
	fake_vmcs_set(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, 0x55);
	assert_int_equal(exit_handle_exception_or_nmi(&f->vcpu), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_AC);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE), 0);
}

static enum exit_action exception_out_of(struct vcpu_fixture *f, uint32_t info, uint32_t vectoring)
{
	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, info);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, vectoring);
	return exit_handle_exception_or_nmi(&f->vcpu);
}

static void an_exception_out_of_its_own_delivery_ends_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(exception_out_of(f, INJECTED_AC, INJECTED_AC), EXIT_STOP);
	assert_int_equal(f->vm.end, VM_END_CRASHED);
	assert_non_null(strstr(f->vm.end_reason, "endless delivery"));
	assert_int_equal(exception_out_of(f, INJECTED_DB, INJECTED_DB), EXIT_STOP);
	assert_int_equal(vcpu_fixture_injected(), 0);
}

static void an_exception_out_of_another_delivery_is_delivered(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint32_t int_17 = 0x80000411;

	assert_int_equal(exception_out_of(f, INJECTED_AC, INJECTED_PF), EXIT_RESUME);
	assert_int_equal(exception_out_of(f, INJECTED_AC, int_17), EXIT_RESUME);
	assert_int_equal(exception_out_of(f, INJECTED_AC, INJECTED_AC & 0x7fffffff), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_AC);
}

static void an_nmi_is_the_hosts(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, 0x80000202);
	assert_int_equal(exit_handle_exception_or_nmi(&f->vcpu), EXIT_RESUME);
	assert_int_equal(fake_cpu.int_nmi_count, 1);
	assert_int_equal(vcpu_fixture_injected(), 0);
}

static void handle_exception(void *vcpu)
{
	(void)exit_handle_exception_or_nmi(vcpu);
}

static void a_machine_check_ends_the_run(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, 0x80000312);
	assert_true(fake_panics(handle_exception, &f->vcpu));
	assert_non_null(strstr(fake_panic_text(), "vm0"));
}

static void an_exception_that_we_do_not_intercept_is_unhandled(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, INJECTED_PF);
	assert_int_equal(exit_handle_exception_or_nmi(&f->vcpu), EXIT_UNHANDLED);
}

static void an_external_interrupt_goes_to_the_host(void **state)
{
	struct vcpu_fixture *f = *state;

	interrupt_count = 0;
	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, 0x80000031);
	assert_int_equal(exit_handle_external_interrupt(&f->vcpu), EXIT_RESUME);
	assert_int_equal(interrupt_count, 1);
	assert_true(poll_count > 0);
	assert_int_equal(interrupt_vector, 0x31);
	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, 0x31);
	assert_int_equal(exit_handle_external_interrupt(&f->vcpu), EXIT_RESUME);
	assert_int_equal(interrupt_count, 1);
	assert_int_equal(vcpu_fixture_injected(), 0);
}

/* A guest with a short timer would keep the host waiting else. */
static void the_hosts_time_comes_before_the_guests(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.exit_tsc = 1000;
	f->vcpu.timer.event_tsc = 999;
	f->vcpu.timer.host_tsc = 1000;
	assert_int_equal(exit_handle_preemption_timer(&f->vcpu), EXIT_LEAVE);
	f->vcpu.timer.host_tsc = 1001;
	assert_int_equal(exit_handle_preemption_timer(&f->vcpu), EXIT_RESUME);
	f->scheduler.is_look_due = true;
	assert_int_equal(exit_handle_preemption_timer(&f->vcpu), EXIT_LEAVE);
}

static void a_timer_that_counts_no_further_is_no_event(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.exit_tsc = 1000;
	f->vcpu.timer.event_tsc = 1001;
	f->vcpu.timer.host_tsc = 1001;
	assert_int_equal(exit_handle_preemption_timer(&f->vcpu), EXIT_RESUME);
	assert_int_equal(f->vcpu.timer.event_tsc, 1001);
}

#define WITH_POLL(test) cmocka_unit_test_setup_teardown(test, set_up, vcpu_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_POLL(a_debug_exception_is_delivered_to_the_guest),
		WITH_POLL(its_causes_go_to_dr6),
		WITH_POLL(bits_that_are_no_cause_stay_out_of_dr6),
		WITH_POLL(general_detect_is_switched_off),
		WITH_POLL(lbr_and_btf_are_switched_off),
		WITH_POLL(a_debug_exception_ends_the_interrupt_shadow),
		WITH_POLL(a_window_that_opens_while_the_guest_is_single_stepped_is_used),
		WITH_POLL(int1_goes_on_behind_itself),
		WITH_POLL(an_alignment_check_keeps_its_error_code),
		WITH_POLL(an_iret_that_faults_leaves_nmis_blocked),
		WITH_POLL(an_exception_out_of_its_own_delivery_ends_the_guest),
		WITH_POLL(an_exception_out_of_another_delivery_is_delivered),
		WITH_POLL(an_nmi_is_the_hosts),
		WITH_POLL(a_machine_check_ends_the_run),
		WITH_POLL(an_exception_that_we_do_not_intercept_is_unhandled),
		WITH_POLL(an_external_interrupt_goes_to_the_host),
		WITH_POLL(the_hosts_time_comes_before_the_guests),
		WITH_POLL(a_timer_that_counts_no_further_is_no_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
