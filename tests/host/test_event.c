/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/event.c vm/guest_memory.c tests/host/vcpu_fixture.c */
#include "vm/event.h"

#include "cpu/registers.h"
#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

static uint64_t error_code(void)
{
	return fake_vmcs_get(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE);
}

static void an_exception_without_error_code_is_a_hardware_exception(void **state)
{
	(void)state;
	fake_vmcs_set(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, 0x77);
	event_inject_exception(VECTOR_UD);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_UD);
	assert_int_equal(error_code(), 0x77);
}

static void an_error_code_goes_along_in_protected_mode(void **state)
{
	(void)state;
	event_inject_exception_with_error(VECTOR_GP, 0xfff8);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_GP);
	assert_int_equal(error_code(), 0xfff8);
}

static void real_mode_delivers_no_error_code(void **state)
{
	vcpu_fixture_real_mode(*state);
	event_inject_exception_with_error(VECTOR_GP, 0);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_GP_REAL_MODE);
}

static void the_last_injection_wins(void **state)
{
	(void)state;
	event_inject_exception_with_error(VECTOR_GP, 0);
	event_inject_exception(VECTOR_UD);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_UD);
}

static void a_page_fault_sets_cr2(void **state)
{
	(void)state;
	event_inject_page_fault(gva(0xffff800012345678), 6);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_PF);
	assert_int_equal(error_code(), 6);
	assert_int_equal(fake_cpu.cr2, 0xffff800012345678);
}

static void a_fault_is_pushed_with_rf_set(void **state)
{
	(void)state;
	event_inject_exception(VECTOR_UD);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RFLAGS), RFLAGS_FIXED1 | RFLAGS_RF);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_IF);
	event_inject_exception_with_error(VECTOR_GP, 0);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RFLAGS), RFLAGS_FIXED1 | RFLAGS_IF | RFLAGS_RF);
}

static void a_debug_exception_leaves_rf(void **state)
{
	(void)state;
	event_inject_exception(VECTOR_DB);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_DB);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RFLAGS), RFLAGS_FIXED1);
}

static void int1_is_injected_with_its_length(void **state)
{
	(void)state;
	event_inject_int1(2);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_INT1);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_INSTRUCTION_LENGTH), 2);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RFLAGS), RFLAGS_FIXED1);
}

static void no_interrupted_event_is_no_injection(void **state)
{
	(void)state;
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0x00000b0e);
	assert_false(event_reinject_interrupted());
	assert_int_equal(fake_cpu.vmwrite_count, 0);
}

static void an_interrupted_exception_comes_again_with_its_error_code(void **state)
{
	(void)state;
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0x80000b0e);
	fake_vmcs_set(VMCS_IDT_VECTORING_ERROR_CODE, 0x13);
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_LENGTH, 7);
	assert_true(event_reinject_interrupted());
	assert_int_equal(vcpu_fixture_injected(), INJECTED_PF);
	assert_int_equal(error_code(), 0x13);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_INSTRUCTION_LENGTH), 0);
}

static void undefined_bits_of_the_vectoring_field_are_left_out(void **state)
{
	(void)state;
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0xfffff020);
	assert_true(event_reinject_interrupted());
	assert_int_equal(vcpu_fixture_injected(), 0x80000020);
}

static void software_events_take_their_length_along(void **state)
{
	const uint32_t types[] = {INTERRUPTION_SOFTWARE_INTERRUPT,
		INTERRUPTION_PRIVILEGED_SOFTWARE_EXCEPTION, INTERRUPTION_SOFTWARE_EXCEPTION};

	(void)state;
	for (uint32_t i = 0; i < ARRAY_COUNT(types); i++) {
		fake_vmcs_set(VMCS_IDT_VECTORING_INFO, INTERRUPTION_VALID | types[i] << 8 | 0x21);
		fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_LENGTH, 2 + i);
		assert_true(event_reinject_interrupted());
		assert_int_equal(vcpu_fixture_injected(), 0x80000021 | types[i] << 8);
		assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_INSTRUCTION_LENGTH), 2 + i);
	}
}

static void an_interrupted_nmi_finds_nmis_unblocked(void **state)
{
	(void)state;
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE,
		INTERRUPTIBILITY_BLOCKING_BY_NMI | INTERRUPTIBILITY_BLOCKING_BY_SMI);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0x80000202);
	assert_true(event_reinject_interrupted());
	assert_int_equal(vcpu_fixture_injected(), 0x80000202);
	assert_int_equal(
		fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), INTERRUPTIBILITY_BLOCKING_BY_SMI);
}

static void other_events_leave_nmi_blocking(void **state)
{
	(void)state;
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, INTERRUPTIBILITY_BLOCKING_BY_NMI);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0x80000306);
	assert_true(event_reinject_interrupted());
	assert_int_equal(
		fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), INTERRUPTIBILITY_BLOCKING_BY_NMI);
}

static void an_error_code_claimed_in_real_mode_is_dropped(void **state)
{
	vcpu_fixture_real_mode(*state);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0x80000b0d);
	assert_true(event_reinject_interrupted());
	assert_int_equal(vcpu_fixture_injected(), INJECTED_GP_REAL_MODE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(an_exception_without_error_code_is_a_hardware_exception),
		WITH_VCPU(an_error_code_goes_along_in_protected_mode),
		WITH_VCPU(real_mode_delivers_no_error_code),
		WITH_VCPU(the_last_injection_wins),
		WITH_VCPU(a_page_fault_sets_cr2),
		WITH_VCPU(a_fault_is_pushed_with_rf_set),
		WITH_VCPU(a_debug_exception_leaves_rf),
		WITH_VCPU(int1_is_injected_with_its_length),
		WITH_VCPU(no_interrupted_event_is_no_injection),
		WITH_VCPU(an_interrupted_exception_comes_again_with_its_error_code),
		WITH_VCPU(undefined_bits_of_the_vectoring_field_are_left_out),
		WITH_VCPU(software_events_take_their_length_along),
		WITH_VCPU(an_interrupted_nmi_finds_nmis_unblocked),
		WITH_VCPU(other_events_leave_nmi_blocking),
		WITH_VCPU(an_error_code_claimed_in_real_mode_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
