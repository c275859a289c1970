/* SPDX-License-Identifier: MIT */
/* SOURCES: hypercall/table.c hypercall/kvm_calls.c hypercall/native_calls.c vm/vm.c
 * vm/guest_memory.c lib/format.c tests/host/vcpu_fixture.c */
#include "hypercall/dispatch.h"

#include "fake_insn.h"
#include "fake_log.h"
#include "tests/host/vcpu_fixture.h"

#include <string.h>

#define ENOSYS_64 0xfffffffffffffc18
#define ENOSYS_32 0xfffffc18
#define EPERM_64  0xffffffffffffffff
#define EPERM_32  0xffffffff

static uint64_t call(struct vcpu_fixture *f, uint64_t number, bool is_64bit, unsigned cpl)
{
	f->vcpu.frame.registers[REGISTER_RAX] = number;
	return hypercall_dispatch(&f->vcpu, is_64bit, cpl);
}

static void set_arguments(struct vcpu_fixture *f, uint64_t first, uint64_t second)
{
	f->vcpu.frame.registers[REGISTER_RBX] = first;
	f->vcpu.frame.registers[REGISTER_RCX] = second;
}

static uint64_t counted(const struct vcpu_fixture *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < VCPU_HYPERCALL_COUNTERS; i++) {
		sum += f->vcpu.hypercall_counts[i];
	}
	return sum;
}

static void the_calls_of_kvm_that_are_not_offered_give_enosys(void **state)
{
	struct vcpu_fixture *f = *state;

	for (uint64_t number = 0; number < 20; number++) {
		assert_int_equal(call(f, number, true, 0), number == 1 ? 0 : ENOSYS_64);
	}
}

static void vapic_poll_irq_gives_0(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(call(f, KVM_CALL_VAPIC_POLL_IRQ, true, 0), 0);
	assert_int_equal(call(f, KVM_CALL_VAPIC_POLL_IRQ, false, 0), 0);
}

static void eperm_comes_before_enosys(void **state)
{
	struct vcpu_fixture *f = *state;

	for (unsigned cpl = 1; cpl <= 3; cpl++) {
		assert_int_equal(call(f, KVM_CALL_VAPIC_POLL_IRQ, true, cpl), EPERM_64);
		assert_int_equal(call(f, 12345, true, cpl), EPERM_64);
		assert_int_equal(call(f, TRIVET_CALL_PING, true, cpl), EPERM_64);
		assert_int_equal(call(f, 12345, false, cpl), EPERM_32);
	}
}

static void no_call_is_made_above_cpl_0(void **state)
{
	struct vcpu_fixture *f = *state;

	set_arguments(f, 0, 1);
	assert_int_equal(call(f, TRIVET_CALL_LOG, true, 3), EPERM_64);
	assert_int_equal(call(f, TRIVET_CALL_END, true, 3), EPERM_64);
	assert_string_equal(fake_log_text(), "");
	assert_int_equal(f->vm.end, VM_END_NONE);
}

static void a_64_bit_number_is_not_truncated(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(call(f, 0x100000001, true, 0), ENOSYS_64);
	assert_int_equal(call(f, 0x10000000b, true, 0), ENOSYS_64);
	assert_int_equal(call(f, 0x100000000 | TRIVET_CALL_PING, true, 0), ENOSYS_64);
	assert_int_equal(call(f, UINT64_MAX, true, 0), ENOSYS_64);
	assert_int_equal(call(f, 0x8000000000000001, true, 0), ENOSYS_64);
	assert_int_equal(f->vcpu.hypercall_counts[HYPERCALL_UNKNOWN], 5);
}

static void a_number_is_cut_outside_64_bit_code(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(call(f, 0xdeadbeef00000001, false, 0), 0);
	assert_int_equal(
		call(f, 0xdeadbeef00000000 | TRIVET_CALL_PING, false, 0), TRIVET_PING_RESULT);
	assert_int_equal(f->vcpu.hypercall_counts[KVM_CALL_VAPIC_POLL_IRQ], 1);
	assert_int_equal(f->vcpu.hypercall_counts[HYPERCALL_UNKNOWN], 0);
}

static void enosys_reads_fffffc18_in_32_bit_code(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(call(f, 99, false, 0), ENOSYS_32);
	assert_int_equal(call(f, 99, true, 0), ENOSYS_64);
	assert_int_equal((int64_t)call(f, 99, true, 0), -1000);
}

static void numbers_beside_the_native_ones_are_unknown(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(call(f, TRIVET_CALL_BASE - 1, true, 0), ENOSYS_64);
	assert_int_equal(call(f, TRIVET_CALL_END + 1, true, 0), ENOSYS_64);
	assert_int_equal(call(f, HYPERCALL_NATIVE_FIRST, true, 0), ENOSYS_64);
	assert_int_equal(call(f, HYPERCALL_UNKNOWN, true, 0), ENOSYS_64);
	assert_int_equal(f->vcpu.hypercall_counts[HYPERCALL_UNKNOWN], 4);
}

static void nothing_but_the_result_changes(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint64_t numbers[] = {0, 1, 5, 12, 13, TRIVET_CALL_PING, TRIVET_CALL_LOG, UINT64_MAX};
	uint64_t before[REGISTER_COUNT];

	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		for (size_t j = 0; j < REGISTER_COUNT; j++) {
			f->vcpu.frame.registers[j] = 0x1111111111111111 * j;
		}
		f->vcpu.frame.registers[REGISTER_RAX] = numbers[i];
		memcpy(before, f->vcpu.frame.registers, sizeof(before));
		(void)hypercall_dispatch(&f->vcpu, i % 2 == 0, 0);
		assert_memory_equal(before, f->vcpu.frame.registers, sizeof(before));
	}
	assert_int_equal(fake_cpu.vmread_count + fake_cpu.vmwrite_count, 0);
}

static void every_call_counts_errors_too(void **state)
{
	struct vcpu_fixture *f = *state;

	(void)call(f, 1, true, 3);
	assert_int_equal(f->vcpu.hypercall_counts[1], 1);
	(void)call(f, 9, true, 0);
	assert_int_equal(f->vcpu.hypercall_counts[9], 1);
	(void)call(f, 9999, false, 3);
	assert_int_equal(f->vcpu.hypercall_counts[HYPERCALL_UNKNOWN], 1);
	set_arguments(f, UINT64_MAX, 1);
	(void)call(f, TRIVET_CALL_LOG, true, 0);
	assert_int_equal(f->vcpu.hypercall_counts[HYPERCALL_NATIVE_FIRST + 1], 1);
	assert_int_equal(counted(f), 4);
}

static void ping_gives_its_result(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(call(f, TRIVET_CALL_PING, true, 0), 0x55aa);
}

static void log_puts_out_the_text_with_dots_for_control_bytes(void **state)
{
	struct vcpu_fixture *f = *state;

	memcpy(f->ram + 0x1000, "a\x1b[2J %s\n\x80\xff\x7f z", 14);
	set_arguments(f, 0x1000, 14);
	assert_int_equal(call(f, TRIVET_CALL_LOG, true, 0), 0);
	assert_string_equal(fake_log_text(), "vm0: log: a.[2J %s.... z\n");
}

static void log_cuts_its_arguments_outside_64_bit_code(void **state)
{
	struct vcpu_fixture *f = *state;

	memcpy(f->ram + 0x1000, "text", 4);
	set_arguments(f, 0xff00000000001000, 0xff00000000000004);
	assert_int_equal(call(f, TRIVET_CALL_LOG, true, 0), (uint64_t)-TRIVET_E2BIG);
	assert_int_equal(call(f, TRIVET_CALL_LOG, false, 0), 0);
	assert_string_equal(fake_log_text(), "vm0: log: text\n");
}

static void log_takes_0_to_200_bytes(void **state)
{
	struct vcpu_fixture *f = *state;

	set_arguments(f, 0x1000, 0);
	assert_int_equal(call(f, TRIVET_CALL_LOG, true, 0), 0);
	assert_string_equal(fake_log_text(), "vm0: log: \n");
	fake_log_clear();
	memset(f->ram + 0x1000, 'x', 201);
	set_arguments(f, 0x1000, TRIVET_LOG_MAX);
	assert_int_equal(call(f, TRIVET_CALL_LOG, true, 0), 0);
	assert_int_equal(strlen(fake_log_text()), strlen("vm0: log: \n") + 200);
	set_arguments(f, 0x1000, TRIVET_LOG_MAX + 1);
	assert_int_equal(call(f, TRIVET_CALL_LOG, true, 0), (uint64_t)-TRIVET_E2BIG);
	set_arguments(f, 0x1000, UINT64_MAX);
	assert_int_equal(call(f, TRIVET_CALL_LOG, true, 0), (uint64_t)-TRIVET_E2BIG);
	set_arguments(f, 0x1000, UINT64_MAX);
	assert_int_equal(call(f, TRIVET_CALL_LOG, false, 0), (uint32_t)-TRIVET_E2BIG);
}

static void log_refuses_a_text_that_is_not_all_ram(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint64_t bad[] = {VCPU_FIXTURE_RAM - 9, VCPU_FIXTURE_RAM, UINT64_MAX, UINT64_MAX - 8,
		UINT64_MAX - 9, 0x8000000000000000};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		set_arguments(f, bad[i], 10);
		assert_int_equal(call(f, TRIVET_CALL_LOG, true, 0), (uint64_t)-TRIVET_EFAULT);
	}
	assert_string_equal(fake_log_text(), "");
	set_arguments(f, VCPU_FIXTURE_RAM - 10, 10);
	assert_int_equal(call(f, TRIVET_CALL_LOG, true, 0), 0);
}

static void end_ends_the_guest_with_32_bits_of_its_code(void **state)
{
	struct vcpu_fixture *f = *state;

	set_arguments(f, 0xabcdef0012345678, 0);
	(void)call(f, TRIVET_CALL_END, true, 0);
	assert_int_equal(f->vm.end, VM_END_CALL);
	assert_int_equal(f->vm.end_code, 0x12345678);
	assert_string_equal(f->vm.end_reason, "");
}

static void the_counts_are_reported_by_name(void **state)
{
	struct vcpu_fixture *f = *state;

	hypercall_report_counts(&f->vcpu);
	assert_string_equal(fake_log_text(), "vm0: hypercalls: none\n");
	fake_log_clear();
	(void)call(f, 1, true, 0);
	(void)call(f, 1, true, 0);
	(void)call(f, TRIVET_CALL_PING, true, 0);
	(void)call(f, 77, true, 0);
	hypercall_report_counts(&f->vcpu);
	assert_string_equal(
		fake_log_text(), "vm0: hypercalls: kvm_vapic_poll_irq=2 ping=1 unknown=1\n");
}

static void a_report_of_all_counts_stays_in_its_buffer(void **state)
{
	struct vcpu_fixture *f = *state;

	memset(f->vcpu.hypercall_counts, 0xff, sizeof(f->vcpu.hypercall_counts));
	hypercall_report_counts(&f->vcpu);
	assert_non_null(strstr(fake_log_text(), "kvm_0=18446744073709551615"));
}

static void every_row_has_a_name_and_a_function(void **state)
{
	(void)state;
	for (size_t i = 0; i < HYPERCALL_ROW_COUNT; i++) {
		assert_non_null(hypercall_table[i].name);
		assert_non_null(hypercall_table[i].function);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(the_calls_of_kvm_that_are_not_offered_give_enosys),
		WITH_VCPU(vapic_poll_irq_gives_0),
		WITH_VCPU(eperm_comes_before_enosys),
		WITH_VCPU(no_call_is_made_above_cpl_0),
		WITH_VCPU(a_64_bit_number_is_not_truncated),
		WITH_VCPU(a_number_is_cut_outside_64_bit_code),
		WITH_VCPU(enosys_reads_fffffc18_in_32_bit_code),
		WITH_VCPU(numbers_beside_the_native_ones_are_unknown),
		WITH_VCPU(nothing_but_the_result_changes),
		WITH_VCPU(every_call_counts_errors_too),
		WITH_VCPU(ping_gives_its_result),
		WITH_VCPU(log_puts_out_the_text_with_dots_for_control_bytes),
		WITH_VCPU(log_cuts_its_arguments_outside_64_bit_code),
		WITH_VCPU(log_takes_0_to_200_bytes),
		WITH_VCPU(log_refuses_a_text_that_is_not_all_ram),
		WITH_VCPU(end_ends_the_guest_with_32_bits_of_its_code),
		WITH_VCPU(the_counts_are_reported_by_name),
		WITH_VCPU(a_report_of_all_counts_stays_in_its_buffer),
		WITH_VCPU(every_row_has_a_name_and_a_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
