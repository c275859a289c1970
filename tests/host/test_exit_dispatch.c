/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/exit.c exits/exit_table.c exits/vmcall.c exits/vmmcall.c exits/exit_again.c
 * vm/guest_store.c exits/advance_rip.c exits/exit_cpuid.c exits/exit_cr.c exits/virtual_cr.c
 * exits/exit_ept.c exits/exit_apic.c exits/exit_event.c exits/exit_io.c exits/exit_msr.c
 * exits/exit_simple.c exits/exit_xsetbv.c exits/io_segment.c exits/io_string.c exits/mmio.c
 * exits/mov_operand.c exits/mov_decode.c hypercall/table.c hypercall/kvm_calls.c
 * hypercall/native_calls.c hypercall/guest_control.c hypercall/batch.c hypercall/counters.c
 * cpu/tsc.c vm/tick_histogram.c hypercall/cpuid_leaves.c vm/cpuid_policy.c vm/cpuid_topology.c
 * vm/event.c vm/guest_code.c vm/guest_memory.c vm/guest_paging.c vm/msr_mtrr.c vm/msr_policy.c
 * vm/port_bus.c vm/vcpu.c vm/vcpu_loop.c vm/vm.c vm/vm_memory.c cpu/page_alloc.c cpu/page_ranges.c
 * vmx/ept.c vmx/ept_edit.c vmx/ept_table.c vmx/entry_check.c vmx/entry_check_activity.c
 * vmx/entry_check_controls.c vmx/entry_check_guest.c vmx/entry_check_host.c vmx/entry_check_misc.c
 * vmx/entry_check_msr_loading.c vmx/entry_check_segments.c vmx/entry_check_shared.c
 * vmx/entry_check_transitions.c vmx/exit_qualification.c vmx/exit_reason.c vmx/instruction_error.c
 * vmx/operation.c vmx/vmcs_names.c lib/format.c lib/status.c tests/host/vcpu_fixture.c
 * vm/memory_layout.c cpu/wall_clock.c lib/calendar.c lib/scaled_time.c hypercall/kvm_msrs.c
 * exits/exit_hlt.c vm/vcpu_interrupts.c vm/vcpu_timer.c vmx/preemption_timer.c vm/vcpu_apicv.c
 * vm/vcpu_apicv_mode.c vmx/apic_controls.c vm/pv_eoi.c devices/virtual_apic.c
 * devices/virtual_apic_access.c devices/virtual_apic_lvt.c devices/virtual_apic_message.c
 * devices/virtual_apic_priority.c devices/virtual_apic_timer.c cpu/host_timer.c cpu/local_apic.c
 * vm/vm_platform.c lib/tick_rate.c devices/pic8259.c devices/ioapic.c devices/pit8254.c
 * devices/pit8254_counter.c devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c
 * devices/reset_control.c devices/pci_config.c vm/vcpu_ipi.c vm/vcpu_posted.c vm/vcpu_post.c
 * vm/posted_interrupts.c vm/steal_time.c vm/vcpu_halt.c vm/vcpu_startup.c vm/guest_state.c
 * vm/vcpu_switch.c vm/vcpu_shootdown.c vmx/itlb_multihit.c */
#include "cpu/registers.h"
#include "cpu/trap.h"
#include "exits/exit.h"
#include "exits/exit_table.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "hypercall/hypercall.h"
#include "tests/host/vcpu_fixture.h"
#include "vm/vcpu_posted.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <string.h>

enum { VMCALL_LENGTH = 3 };

/* What the real ones do is assembly or the machine's interrupt controller. */
static enum vmx_result run_result;

enum vmx_result vmx_run(struct vmx_frame *frame)
{
	(void)frame;
	return run_result;
}

void trap_external_interrupt(uint8_t vector)
{
	(void)vector;
}

static bool dispatch(struct vcpu_fixture *f, uint32_t reason, uint32_t length)
{
	hypercall_init(&f->vcpu);
	fake_vmcs_set(VMCS_EXIT_REASON, reason);
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_LENGTH, length);
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	return exit_dispatch(&f->vcpu.frame) != VMX_RESUME_NOT;
}

static bool vmcall(struct vcpu_fixture *f, uint64_t number)
{
	fake_vmcs_set(VMCS_GUEST_RIP, VCPU_FIXTURE_RIP);
	f->vcpu.frame.registers[REGISTER_RAX] = number;
	return dispatch(f, EXIT_REASON_VMCALL, VMCALL_LENGTH);
}

static void expect_call(struct vcpu_fixture *f, uint64_t number, uint64_t result)
{
	assert_true(vmcall(f, number));
	assert_int_equal(f->vcpu.frame.registers[REGISTER_RAX], result);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), VCPU_FIXTURE_RIP + VMCALL_LENGTH);
	assert_int_equal(vcpu_fixture_injected(), 0);
}

static void a_vmcall_has_its_result_and_goes_on_behind_itself(void **state)
{
	struct vcpu_fixture *f = *state;

	expect_call(f, KVM_CALL_VAPIC_POLL_IRQ, 0);
	expect_call(f, TRIVET_CALL_PING, TRIVET_PING_RESULT);
	expect_call(f, 99, 0xfffffffffffffc18);
	assert_int_equal(tick_histogram_count(&f->vcpu.hypercall_ticks[HYPERCALL_UNKNOWN]), 1);
	assert_int_equal(tick_histogram_count(&f->vcpu.hypercall_ticks[1]), 1);
}

static void a_vmcall_outside_64_bit_code_has_32_bits(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_compatibility(f);
	expect_call(f, 99, 0xfffffc18);
	vcpu_fixture_32bit(f);
	expect_call(f, 99, 0xfffffc18);
	expect_call(f, 0xffffffff00000000 | TRIVET_CALL_PING, TRIVET_PING_RESULT);
	vcpu_fixture_real_mode(f);
	expect_call(f, 99, 0xfffffc18);
	/* CS.L means nothing outside of IA-32e mode. */
	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xe09b);
	expect_call(f, 99, 0xfffffc18);
}

static void a_vmcall_above_cpl_0_is_eperm(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_set_cpl(f, 3);
	expect_call(f, TRIVET_CALL_PING, UINT64_MAX);
	vcpu_fixture_set_cpl(f, 1);
	expect_call(f, 99, UINT64_MAX);
	vcpu_fixture_32bit(f);
	vcpu_fixture_set_cpl(f, 3);
	expect_call(f, TRIVET_CALL_PING, UINT32_MAX);
}

static void the_cpl_of_conforming_code_is_that_of_ss(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa09f);
	fake_vmcs_set(VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc0f3);
	expect_call(f, TRIVET_CALL_PING, UINT64_MAX);
	fake_vmcs_set(VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc093);
	expect_call(f, TRIVET_CALL_PING, TRIVET_PING_RESULT);
}

static void virtual_8086_mode_is_cpl_3(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xf3);
	fake_vmcs_set(VMCS_GUEST_SS_ACCESS_RIGHTS, 0xf3);
	expect_call(f, TRIVET_CALL_PING, UINT32_MAX);
}

static void a_64_bit_vmcall_costs_at_most_seven_vmcs_accesses(void **state)
{
	struct vcpu_fixture *f = *state;

	hypercall_init(&f->vcpu);
	fake_vmcs_set(VMCS_EXIT_REASON, EXIT_REASON_VMCALL);
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_LENGTH, VMCALL_LENGTH);
	f->vcpu.frame.registers[REGISTER_RAX] = KVM_CALL_VAPIC_POLL_IRQ;
	fake_cpu.vmread_count = 0;
	fake_cpu.vmwrite_count = 0;
	assert_int_equal(exit_dispatch(&f->vcpu.frame), VMX_RESUME_CALL);
	assert_true(fake_cpu.vmread_count + fake_cpu.vmwrite_count <= 7);
	assert_int_equal(fake_cpu.vmwrite_count, 1);
}

static void a_vmcall_with_prefixes_is_longer(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_true(dispatch(f, EXIT_REASON_VMCALL, 15));
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), VCPU_FIXTURE_RIP + 15);
}

static void a_vmcall_ends_the_shadow_and_is_single_stepped(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, INTERRUPTIBILITY_BLOCKING_BY_MOV_SS);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_TF);
	expect_call(f, 99, 0xfffffffffffffc18);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), 0);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS), PENDING_DEBUG_BS);
}

static void the_end_call_stops_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.frame.registers[REGISTER_RBX] = 42;
	assert_false(vmcall(f, TRIVET_CALL_END));
	assert_int_equal(f->vm.end, VM_END_CALL);
	assert_int_equal(f->vm.end_code, 42);
}

static void an_unknown_reason_ends_the_guest_with_a_report(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint32_t reasons[] = {EXIT_REASON_INIT, EXIT_REASON_SIPI, EXIT_REASON_INVLPG, 35,
		EXIT_REASON_INSTRUCTION_TIMEOUT, EXIT_REASON_COUNT, 0xffff,
		0x08000000 | EXIT_REASON_CPUID};

	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, 0x1234);
	for (size_t i = 0; i < ARRAY_COUNT(reasons); i++) {
		vcpu_fixture_revive(f);
		assert_false(dispatch(f, reasons[i], 2));
		assert_int_equal(f->vm.end, VM_END_CRASHED);
		assert_non_null(strstr(f->vm.end_reason, "unhandled VM exit"));
		assert_non_null(strstr(f->vm.end_reason, "qualification=0x1234"));
		assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), VCPU_FIXTURE_RIP);
	}
}

static void a_failed_entry_ends_the_guest_with_the_broken_rules(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, 0);
	assert_false(dispatch(f, 0x80000021, 0));
	assert_int_equal(f->vm.end, VM_END_CRASHED);
	assert_non_null(strstr(f->vm.end_reason, "VM entry failed"));
	assert_non_null(strstr(f->vm.end_reason, "reason=0x80000021"));
	assert_non_null(strstr(fake_log_text(), "error: vmx: entry check"));
}

static void a_refused_entry_ends_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint32_t own[] = {
		0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102, 0xc0000103};

	for (size_t i = 0; i < ARRAY_COUNT(own); i++) {
		fake_msr_set(own[i], 0);
	}
	run_result = VMX_FAIL_VALID;
	fake_vmcs_set(VMCS_VM_INSTRUCTION_ERROR, 7);
	vcpu_run(&f->vcpu);
	assert_int_equal(f->vm.end, VM_END_CRASHED);
	assert_non_null(strstr(f->vm.end_reason, "VM entry refused"));
	assert_non_null(strstr(f->vm.end_reason, "error=7"));
	vcpu_fixture_revive(f);
	run_result = VMX_FAIL_INVALID;
	vcpu_run(&f->vcpu);
	assert_int_equal(f->vm.end, VM_END_CRASHED);
	vcpu_fixture_revive(f);
	run_result = VMX_SUCCEED;
	vcpu_run(&f->vcpu);
	assert_int_equal(f->vm.end, VM_END_NONE);
}

static void instructions_of_vmx_and_smx_are_ud(void **state)
{
	const uint32_t reasons[] = {EXIT_REASON_GETSEC, EXIT_REASON_RSM, EXIT_REASON_VMCLEAR,
		EXIT_REASON_VMLAUNCH, EXIT_REASON_VMPTRLD, EXIT_REASON_VMPTRST, EXIT_REASON_VMREAD,
		EXIT_REASON_VMRESUME, EXIT_REASON_VMWRITE, EXIT_REASON_VMXOFF, EXIT_REASON_VMXON,
		EXIT_REASON_MWAIT, EXIT_REASON_MONITOR, EXIT_REASON_INVEPT, EXIT_REASON_INVVPID,
		EXIT_REASON_VMFUNC, EXIT_REASON_ENCLS, EXIT_REASON_XSAVES, EXIT_REASON_XRSTORS,
		EXIT_REASON_SEAMCALL, EXIT_REASON_TDCALL};

	for (size_t i = 0; i < ARRAY_COUNT(reasons); i++) {
		struct vcpu_fixture *f = *state;

		assert_true(dispatch(f, reasons[i], 3));
		assert_int_equal(vcpu_fixture_injected(), INJECTED_UD);
		assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), VCPU_FIXTURE_RIP);
		assert_int_equal(tick_histogram_count(&f->vcpu.exit_ticks[reasons[i]]), 1);
	}
}

static void cache_and_pause_instructions_do_nothing(void **state)
{
	const uint32_t reasons[] = {EXIT_REASON_INVD, EXIT_REASON_WBINVD, EXIT_REASON_PAUSE};

	for (uint32_t i = 0; i < ARRAY_COUNT(reasons); i++) {
		assert_true(dispatch(*state, reasons[i], 2));
		assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), VCPU_FIXTURE_RIP + 2 * (i + 1));
	}
	assert_int_equal(fake_cpu.wbinvd_count, 0);
}

/* An IPI that says so may be kept away by a guest with interrupts disabled. */
static void a_look_that_is_due_is_taken_at_any_late_exit(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.timer.refresh_tsc = 0;
	f->scheduler.is_look_due = true;
	assert_false(dispatch(f, EXIT_REASON_CPUID, 2));
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), VCPU_FIXTURE_RIP + 2);
	f->scheduler.is_look_due = false;
	assert_true(dispatch(f, EXIT_REASON_CPUID, 2));
}

static void what_is_posted_is_taken_at_any_late_exit(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.timer.refresh_tsc = 0;
	vcpu_request(&f->vcpu, POSTED_REQUEST_NMI);
	assert_true(dispatch(f, EXIT_REASON_CPUID, 2));
	assert_int_equal(f->vcpu.posted.requests, 0);
	/* An INIT is carried out between two turns. */
	f->vcpu.timer.refresh_tsc = 0;
	vcpu_request_init(&f->vcpu);
	assert_false(dispatch(f, EXIT_REASON_CPUID, 2));
	assert_int_equal(f->vcpu.deferred_requests, POSTED_REQUEST_INIT);
}

static void rdpmc_is_gp(void **state)
{
	assert_true(dispatch(*state, EXIT_REASON_RDPMC, 2));
	assert_int_equal(vcpu_fixture_injected(), INJECTED_GP);
}

static void hlt_ends_a_guest_that_nothing_can_wake(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF);
	assert_false(dispatch(f, EXIT_REASON_HLT, 1));
	assert_int_equal(f->vm.end, VM_END_HALTED);
	assert_non_null(strstr(f->vm.end_reason, "interrupts enabled"));
}

static void a_single_step_wakes_a_halt(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_TF);
	assert_true(dispatch(f, EXIT_REASON_HLT, 1));
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), VCPU_FIXTURE_RIP + 1);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS), PENDING_DEBUG_BS);
	fake_vmcs_set(VMCS_GUEST_IA32_DEBUGCTL, 2);
	assert_false(dispatch(f, EXIT_REASON_HLT, 1));
	assert_int_equal(f->vm.end, VM_END_HALTED);
}

static void a_triple_fault_and_a_task_switch_end_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_false(dispatch(f, EXIT_REASON_TRIPLE_FAULT, 0));
	assert_string_equal(f->vm.end_reason, "triple fault");
	vcpu_fixture_revive(f);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, 0x80000028);
	assert_false(dispatch(f, EXIT_REASON_TASK_SWITCH, 0));
	assert_int_equal(f->vm.end, VM_END_CRASHED);
	assert_non_null(strstr(f->vm.end_reason, "selector=0x28"));
}

static void a_refused_xsetbv_wrmsr_and_mov_to_cr_stay_where_they_are(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.frame.registers[REGISTER_RCX] = 0x12345;
	assert_true(dispatch(f, EXIT_REASON_XSETBV, 3));
	assert_int_equal(vcpu_fixture_injected(), INJECTED_GP);
	assert_true(dispatch(f, EXIT_REASON_WRMSR, 2));
	assert_int_equal(vcpu_fixture_injected(), INJECTED_GP);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, 4);
	assert_true(dispatch(f, EXIT_REASON_CR_ACCESS, 3));
	assert_int_equal(vcpu_fixture_injected(), INJECTED_GP);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), VCPU_FIXTURE_RIP);
}

static void a_decoded_instruction_goes_on_by_the_decoders_length(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_map_identity(f);
	memcpy(f->ram + VCPU_FIXTURE_RIP, "\x8b\x43\x08", 3); /* mov eax, [rbx + 8] */
	*vcpu_fixture_page(f, 0x10000) = 0xfed00007;
	f->vcpu.frame.registers[REGISTER_RBX] = 0x10000;
	fake_vmcs_set(VMCS_GUEST_LINEAR_ADDRESS, 0x10008);
	fake_vmcs_set(VMCS_GUEST_PHYSICAL_ADDRESS, 0xfed00008);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, 0x181);
	assert_true(dispatch(f, EXIT_REASON_EPT_VIOLATION, 77));
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), VCPU_FIXTURE_RIP + 3);
	assert_int_equal(f->vcpu.frame.registers[REGISTER_RAX], UINT32_MAX);
}

static void a_new_exception_replaces_the_interrupted_event(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0x80000b0e);
	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, 0x80000b11);
	assert_true(dispatch(f, EXIT_REASON_EXCEPTION_OR_NMI, 0));
	assert_int_equal(vcpu_fixture_injected(), INJECTED_AC);
}

static void an_event_interrupted_by_an_nmi_exit_comes_again(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0x80000b0e);
	fake_vmcs_set(VMCS_IDT_VECTORING_ERROR_CODE, 2);
	fake_vmcs_set(VMCS_VM_EXIT_INTERRUPTION_INFO, 0x80000202);
	assert_true(dispatch(f, EXIT_REASON_EXCEPTION_OR_NMI, 0));
	assert_int_equal(vcpu_fixture_injected(), INJECTED_PF);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE), 2);
}

static void every_row_has_a_name(void **state)
{
	(void)state;
	for (uint32_t reason = 0; reason < EXIT_REASON_COUNT; reason++) {
		if (exit_table[reason].handler != NULL) {
			assert_string_not_equal(exit_reason_name(reason), "UNKNOWN");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(a_vmcall_has_its_result_and_goes_on_behind_itself),
		WITH_VCPU(a_vmcall_outside_64_bit_code_has_32_bits),
		WITH_VCPU(a_vmcall_above_cpl_0_is_eperm),
		WITH_VCPU(the_cpl_of_conforming_code_is_that_of_ss),
		WITH_VCPU(virtual_8086_mode_is_cpl_3),
		WITH_VCPU(a_64_bit_vmcall_costs_at_most_seven_vmcs_accesses),
		WITH_VCPU(a_vmcall_with_prefixes_is_longer),
		WITH_VCPU(a_vmcall_ends_the_shadow_and_is_single_stepped),
		WITH_VCPU(the_end_call_stops_the_guest),
		WITH_VCPU(an_unknown_reason_ends_the_guest_with_a_report),
		WITH_VCPU(a_failed_entry_ends_the_guest_with_the_broken_rules),
		WITH_VCPU(a_refused_entry_ends_the_guest),
		WITH_VCPU(instructions_of_vmx_and_smx_are_ud),
		WITH_VCPU(cache_and_pause_instructions_do_nothing),
		WITH_VCPU(a_look_that_is_due_is_taken_at_any_late_exit),
		WITH_VCPU(what_is_posted_is_taken_at_any_late_exit),
		WITH_VCPU(rdpmc_is_gp),
		WITH_VCPU(hlt_ends_a_guest_that_nothing_can_wake),
		WITH_VCPU(a_single_step_wakes_a_halt),
		WITH_VCPU(a_triple_fault_and_a_task_switch_end_the_guest),
		WITH_VCPU(a_refused_xsetbv_wrmsr_and_mov_to_cr_stay_where_they_are),
		WITH_VCPU(a_decoded_instruction_goes_on_by_the_decoders_length),
		WITH_VCPU(a_new_exception_replaces_the_interrupted_event),
		WITH_VCPU(an_event_interrupted_by_an_nmi_exit_comes_again),
		WITH_VCPU(every_row_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
