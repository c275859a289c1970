/* SPDX-License-Identifier: MIT */
/* SOURCES: hypercall/table.c hypercall/kvm_calls.c hypercall/native_calls.c
 * hypercall/guest_control.c hypercall/batch.c hypercall/counters.c cpu/tsc.c vm/vm.c
 * vm/guest_memory.c vmx/exit_reason.c lib/format.c vm/tick_histogram.c tests/host/vcpu_fixture.c
 * cpu/wall_clock.c lib/calendar.c lib/scaled_time.c vm/vcpu_interrupts.c vm/vcpu_timer.c
 * vmx/preemption_timer.c vm/vcpu_apicv.c vm/pv_eoi.c devices/virtual_apic.c
 * devices/virtual_apic_access.c devices/virtual_apic_lvt.c devices/virtual_apic_message.c
 * devices/virtual_apic_priority.c devices/virtual_apic_timer.c cpu/host_timer.c cpu/local_apic.c
 * vm/event.c vm/vm_platform.c vm/port_bus.c lib/tick_rate.c devices/pic8259.c devices/ioapic.c
 * devices/pit8254.c devices/pit8254_counter.c devices/rtc_mc146818.c devices/acpi_pm.c
 * devices/i8042.c devices/reset_control.c devices/pci_config.c vm/vcpu_ipi.c vm/vcpu_posted.c
 * vm/vcpu_post.c vm/posted_interrupts.c vm/vcpu_halt.c */
#include "hypercall/dispatch.h"

#include "cpu/tsc.h"

#include "fake_insn.h"
#include "fake_log.h"
#include "hypercall/abi_types.h"
#include "tests/host/vcpu_fixture.h"
#include "vm/vcpu_apicv.h"
#include "vmx/vmcs.h"

#include <string.h>

enum { BATCH_ADDRESS = 0x10000 };

#define ENOSYS_64 0xfffffffffffffc18
#define ENOSYS_32 0xfffffc18
#define EPERM_64  0xffffffffffffffff
#define EPERM_32  0xffffffff

static int set_up_calls(void **state)
{
	const int result = vcpu_fixture_set_up(state);

	hypercall_init(&((struct vcpu_fixture *)*state)->vcpu);
	return result;
}

#define WITH_CALLS(test) cmocka_unit_test_setup_teardown(test, set_up_calls, vcpu_fixture_tear_down)

/* As exits/vmcall.c does it. */
static uint64_t make_call(struct vcpu_fixture *f, bool is_64bit, unsigned cpl)
{
	const struct hypercall call = {f->vcpu.frame.registers, is_64bit ? UINT64_MAX : UINT32_MAX};
	const size_t row = hypercall_row(call);
	uint64_t result;

	f->vcpu.exit_tsc = insn_rdtsc();
	result = hypercall_serve(&f->vcpu, call, row, cpl);
	hypercall_count(&f->vcpu, row);
	return result;
}

static uint64_t call(struct vcpu_fixture *f, uint64_t number, bool is_64bit, unsigned cpl)
{
	f->vcpu.frame.registers[REGISTER_RAX] = number;
	return make_call(f, is_64bit, cpl);
}

static void set_arguments(struct vcpu_fixture *f, uint64_t first, uint64_t second)
{
	f->vcpu.frame.registers[REGISTER_RBX] = first;
	f->vcpu.frame.registers[REGISTER_RCX] = second;
}

static uint64_t times(const struct vcpu_fixture *f, size_t row)
{
	return tick_histogram_count(&f->vcpu.hypercall_ticks[row]) +
	       tick_histogram_count(&f->vcpu.batched_ticks[row]);
}

static uint64_t counted(const struct vcpu_fixture *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < VCPU_HYPERCALL_ROWS; i++) {
		sum += times(f, i);
	}
	return sum;
}

static void the_calls_of_kvm_that_are_not_offered_give_enosys(void **state)
{
	struct vcpu_fixture *f = *state;

	for (uint64_t number = 0; number < 20; number++) {
		const bool is_served = number == 1 || number == KVM_CALL_KICK_CPU ||
				       number == KVM_CALL_SEND_IPI ||
				       number == KVM_CALL_SCHED_YIELD;

		set_arguments(f, 0, 1);
		assert_int_equal(call(f, number, true, 0), is_served ? 0
							   : number == KVM_CALL_CLOCK_PAIRING
								   ? (uint64_t)-TRIVET_EOPNOTSUPP
								   : ENOSYS_64);
	}
	/* The kick went to APIC ID 1. */
	assert_false(f->vcpu.is_kicked);
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
	assert_int_equal(times(f, HYPERCALL_UNKNOWN), 5);
}

static void a_number_is_cut_outside_64_bit_code(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(call(f, 0xdeadbeef00000001, false, 0), 0);
	assert_int_equal(
		call(f, 0xdeadbeef00000000 | TRIVET_CALL_PING, false, 0), TRIVET_PING_RESULT);
	assert_int_equal(times(f, KVM_CALL_VAPIC_POLL_IRQ), 1);
	assert_int_equal(times(f, HYPERCALL_UNKNOWN), 0);
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
	assert_int_equal(call(f, TRIVET_CALL_GUEST_LIST + 1, true, 0), ENOSYS_64);
	assert_int_equal(call(f, HYPERCALL_NATIVE_FIRST, true, 0), ENOSYS_64);
	assert_int_equal(call(f, HYPERCALL_UNKNOWN, true, 0), ENOSYS_64);
	assert_int_equal(times(f, HYPERCALL_UNKNOWN), 4);
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
		(void)make_call(f, i % 2 == 0, 0);
		assert_memory_equal(before, f->vcpu.frame.registers, sizeof(before));
	}
	assert_int_equal(fake_cpu.vmread_count + fake_cpu.vmwrite_count, 0);
}

static void every_call_counts_errors_too(void **state)
{
	struct vcpu_fixture *f = *state;

	(void)call(f, 1, true, 3);
	assert_int_equal(times(f, 1), 1);
	(void)call(f, 9, true, 0);
	assert_int_equal(times(f, 9), 1);
	(void)call(f, 9999, false, 3);
	assert_int_equal(times(f, HYPERCALL_UNKNOWN), 1);
	set_arguments(f, UINT64_MAX, 1);
	(void)call(f, TRIVET_CALL_LOG, true, 0);
	assert_int_equal(times(f, HYPERCALL_NATIVE_FIRST + 1), 1);
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

static void put_entry(struct vcpu_fixture *f, size_t index, uint64_t number, uint64_t argument)
{
	const struct trivet_batch_entry entry = {.rax = number, .rbx = argument, .result = 0xdead};

	memcpy(f->ram + BATCH_ADDRESS + index * sizeof(entry), &entry, sizeof(entry));
}

static uint64_t result_of(const struct vcpu_fixture *f, size_t index)
{
	struct trivet_batch_entry entry;

	memcpy(&entry, f->ram + BATCH_ADDRESS + index * sizeof(entry), sizeof(entry));
	return entry.result;
}

static void a_batch_makes_each_call_and_counts_it(void **state)
{
	struct vcpu_fixture *f = *state;

	put_entry(f, 0, TRIVET_CALL_PING, 0);
	put_entry(f, 1, 99, 0);
	put_entry(f, 2, KVM_CALL_VAPIC_POLL_IRQ, 0);
	put_entry(f, 3, TRIVET_CALL_BATCH, BATCH_ADDRESS);
	put_entry(f, 4, TRIVET_CALL_PING, 0);
	set_arguments(f, BATCH_ADDRESS, 4);
	assert_int_equal(call(f, TRIVET_CALL_BATCH, true, 0), 4);
	assert_int_equal(result_of(f, 0), TRIVET_PING_RESULT);
	assert_int_equal(result_of(f, 1), ENOSYS_64);
	assert_int_equal(result_of(f, 2), 0);
	assert_int_equal(result_of(f, 3), (uint64_t)-TRIVET_EINVAL);
	assert_int_equal(result_of(f, 4), 0xdead);
	assert_int_equal(times(f, HYPERCALL_NATIVE_FIRST), 1);
	assert_int_equal(times(f, HYPERCALL_UNKNOWN), 1);
	assert_int_equal(times(f, KVM_CALL_VAPIC_POLL_IRQ), 1);
	assert_int_equal(tick_histogram_count(&f->vcpu.batched_ticks[HYPERCALL_NATIVE_FIRST]), 1);
	assert_int_equal(counted(f), 5);
}

static void a_batch_outside_64_bit_code_has_32_bit_calls(void **state)
{
	struct vcpu_fixture *f = *state;

	put_entry(f, 0, 0xff00000000 | TRIVET_CALL_PING, 0);
	put_entry(f, 1, 99, 0);
	set_arguments(f, 0xff00000000 | BATCH_ADDRESS, 0xff00000002);
	assert_int_equal(call(f, TRIVET_CALL_BATCH, false, 0), 2);
	assert_int_equal(result_of(f, 0), TRIVET_PING_RESULT);
	assert_int_equal(result_of(f, 1), ENOSYS_32);
}

static void a_batch_that_cannot_be_is_refused_whole(void **state)
{
	struct vcpu_fixture *f = *state;
	const struct {
		uint64_t address;
		uint64_t count;
		int error;
	} bad[] = {
		{BATCH_ADDRESS + 8, 1, TRIVET_EINVAL},
		{BATCH_ADDRESS + 63, 1, TRIVET_EINVAL},
		{BATCH_ADDRESS, TRIVET_BATCH_MAX + 1, TRIVET_E2BIG},
		{BATCH_ADDRESS, UINT64_MAX, TRIVET_E2BIG},
		{VCPU_FIXTURE_RAM - 63 * 64, 64, TRIVET_EFAULT},
		{VCPU_FIXTURE_RAM, 1, TRIVET_EFAULT},
		{UINT64_MAX - 63, 1, TRIVET_EFAULT},
		{UINT64_MAX - 63, 2, TRIVET_EFAULT},
		{0x8000000000000000, 64, TRIVET_EFAULT},
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		set_arguments(f, bad[i].address, bad[i].count);
		assert_int_equal(
			call(f, TRIVET_CALL_BATCH, true, 0), (uint64_t) - (int64_t)bad[i].error);
	}
	assert_int_equal(counted(f), ARRAY_COUNT(bad));
	set_arguments(f, BATCH_ADDRESS, 0);
	assert_int_equal(call(f, TRIVET_CALL_BATCH, true, 0), 0);
}

static void a_batch_crosses_regions_of_ram(void **state)
{
	struct vcpu_fixture *f = *state;
	static uint8_t more[PAGE_SIZE_4K];
	const uint64_t address = VCPU_FIXTURE_RAM - TRIVET_BATCH_ENTRY_BYTES;
	struct trivet_batch_entry entry = {.rax = TRIVET_CALL_PING};

	assert_int_equal(
		guest_memory_add(&f->vm.memory, (struct guest_memory_region){gpa(VCPU_FIXTURE_RAM),
							sizeof(more), more, false}),
		STATUS_OK);
	memcpy(f->ram + address, &entry, sizeof(entry));
	memcpy(more, &entry, sizeof(entry));
	set_arguments(f, address, 2);
	assert_int_equal(call(f, TRIVET_CALL_BATCH, true, 0), 2);
	memcpy(&entry, f->ram + address, sizeof(entry));
	assert_int_equal(entry.result, TRIVET_PING_RESULT);
	memcpy(&entry, more, sizeof(entry));
	assert_int_equal(entry.result, TRIVET_PING_RESULT);
}

static void a_batch_stops_where_the_guest_ends(void **state)
{
	struct vcpu_fixture *f = *state;

	put_entry(f, 0, TRIVET_CALL_PING, 0);
	put_entry(f, 1, TRIVET_CALL_END, 7);
	put_entry(f, 2, TRIVET_CALL_PING, 0);
	set_arguments(f, BATCH_ADDRESS, 3);
	assert_int_equal(call(f, TRIVET_CALL_BATCH, true, 0), 2);
	assert_int_equal(f->vm.end_code, 7);
	assert_int_equal(result_of(f, 2), 0xdead);
}

static void counters_are_read_into_guest_memory(void **state)
{
	struct vcpu_fixture *f = *state;
	struct trivet_counter counters[3];

	(void)call(f, TRIVET_CALL_PING, true, 0);
	(void)call(f, TRIVET_CALL_PING, true, 3);
	tick_histogram_add(&f->vcpu.exit_ticks[EXIT_REASON_CPUID], 33);
	set_arguments(f, 0x1000, 3);
	assert_int_equal(call(f, TRIVET_CALL_READ_COUNTERS, true, 0), 3);
	memcpy(counters, f->ram + 0x1000, sizeof(counters));
	assert_int_equal(counters[0].kind, TRIVET_COUNTER_EXIT);
	assert_int_equal(counters[0].number, EXIT_REASON_CPUID);
	assert_int_equal(counters[0].count, 1);
	assert_int_equal(counters[0].bins[5], 1);
	assert_int_equal(counters[1].number, EXIT_REASON_VMCALL);
	assert_int_equal(counters[1].count, 2);
	assert_int_equal(counters[2].kind, TRIVET_COUNTER_HYPERCALL);
	assert_int_equal(counters[2].number, TRIVET_CALL_PING);
	assert_int_equal(counters[2].count, 2);
}

static void counters_that_do_not_fit_are_counted_only(void **state)
{
	struct vcpu_fixture *f = *state;

	(void)call(f, TRIVET_CALL_PING, true, 0);
	memset(f->ram + 0x1000, 0xaa, PAGE_SIZE_4K);
	set_arguments(f, 0x1000, 1);
	assert_int_equal(call(f, TRIVET_CALL_READ_COUNTERS, true, 0), 2);
	assert_int_equal(f->ram[0x1000 + TRIVET_COUNTER_BYTES], 0xaa);
	set_arguments(f, VCPU_FIXTURE_RAM - TRIVET_COUNTER_BYTES + 1, 1);
	assert_int_equal(call(f, TRIVET_CALL_READ_COUNTERS, true, 0), (uint64_t)-TRIVET_EFAULT);
	set_arguments(f, 0, UINT64_MAX);
	assert_int_equal(call(f, TRIVET_CALL_READ_COUNTERS, true, 0), 3);
}

static void the_counters_are_a_table_in_the_log(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_cpu.tsc_step = 9;
	(void)call(f, TRIVET_CALL_PING, true, 0);
	(void)call(f, 77, true, 0);
	set_arguments(f, 0x11, 0x22);
	(void)call(f, TRIVET_CALL_TRACE_MARK, true, 0);
	assert_int_equal(call(f, TRIVET_CALL_PRINT_COUNTERS, true, 0), 0);
	assert_non_null(strstr(fake_log_text(), "call  ping "));
	assert_non_null(strstr(fake_log_text(), "  2^3:1\n"));
	assert_non_null(strstr(fake_log_text(), "exit  VMCALL "));
	assert_non_null(strstr(fake_log_text(), "trace: +0        mark 0x11 0x22\n"));
}

static void a_trace_keeps_the_last_records(void **state)
{
	struct vcpu_fixture *f = *state;

	for (uint64_t i = 0; i < TRACE_RECORDS + 3; i++) {
		set_arguments(f, i, 0);
		assert_int_equal(call(f, TRIVET_CALL_TRACE_MARK, true, 0), 0);
	}
	assert_int_equal(trace_count(&f->vcpu.trace), TRACE_RECORDS);
	assert_int_equal(trace_get(&f->vcpu.trace, 0)->values[0], 3);
	assert_int_equal(
		trace_get(&f->vcpu.trace, TRACE_RECORDS - 1)->values[0], TRACE_RECORDS + 2);
}

static void traced_calls_are_recorded_with_their_results(void **state)
{
	struct vcpu_fixture *f = *state;

	f->config.is_tracing_calls = true;
	hypercall_init(&f->vcpu);
	assert_int_equal(call(f, TRIVET_CALL_PING, true, 0), TRIVET_PING_RESULT);
	assert_int_equal(call(f, 99, false, 0), ENOSYS_32);
	assert_int_equal(trace_count(&f->vcpu.trace), 2);
	assert_int_equal(trace_get(&f->vcpu.trace, 0)->values[1], TRIVET_PING_RESULT);
	assert_int_equal(trace_get(&f->vcpu.trace, 1)->values[0], 99);
	assert_int_equal(trace_get(&f->vcpu.trace, 1)->values[1], ENOSYS_32);
}

static void a_refused_call_gives_eperm_counts_and_is_logged_once(void **state)
{
	struct vcpu_fixture *f = *state;

	f->config.refused_calls = BIT(HYPERCALL_NATIVE_FIRST) | BIT(KVM_CALL_SEND_IPI);
	hypercall_init(&f->vcpu);
	assert_int_equal(call(f, TRIVET_CALL_PING, true, 0), EPERM_64);
	assert_int_equal(call(f, TRIVET_CALL_PING, false, 0), EPERM_32);
	assert_int_equal(call(f, KVM_CALL_SEND_IPI, true, 0), EPERM_64);
	assert_int_equal(call(f, KVM_CALL_VAPIC_POLL_IRQ, true, 0), 0);
	assert_int_equal(times(f, HYPERCALL_NATIVE_FIRST), 2);
	assert_string_equal(fake_log_text(),
		"warning: vm0: hypercall refused by hypercalls=: ping\n"
		"warning: vm0: hypercall refused by hypercalls=: kvm_send_ipi\n");
}

static void sleep_waits_for_its_time_and_no_longer_than_its_limit(void **state)
{
	struct vcpu_fixture *f = *state;
	uint64_t start;

	set_arguments(f, 0, 0);
	tsc_set_hz(0);
	assert_int_equal(call(f, TRIVET_CALL_SLEEP, true, 0), (uint64_t)-TRIVET_EOPNOTSUPP);
	tsc_set_hz(20000000);
	assert_int_equal(call(f, TRIVET_CALL_SLEEP, true, 0), 0);
	set_arguments(f, 50, 0);
	f->vcpu.after_call = VMX_RESUME_CALL;
	f->vcpu.activity = VCPU_ACTIVE;
	start = fake_cpu.tsc;
	assert_int_equal(call(f, TRIVET_CALL_SLEEP, true, 0), 0);
	assert_int_equal(f->vcpu.activity, VCPU_SLEEPING);
	assert_in_range(f->vcpu.wake_tsc - start, 1000, 1010);
	assert_int_equal(f->vcpu.after_call, VMX_RESUME_NOT);
	/* Nothing waits here: other vCPUs have the CPU meanwhile. */
	assert_in_range(fake_cpu.tsc - start, 0, 10);
	f->vcpu.activity = VCPU_ACTIVE;
	set_arguments(f, TRIVET_SLEEP_MAX_US + 1, 0);
	assert_int_equal(call(f, TRIVET_CALL_SLEEP, true, 0), (uint64_t)-TRIVET_EINVAL);
	set_arguments(f, UINT64_MAX, 0);
	assert_int_equal(call(f, TRIVET_CALL_SLEEP, true, 0), (uint64_t)-TRIVET_EINVAL);
	assert_int_equal(f->vcpu.activity, VCPU_ACTIVE);
}

static void every_row_has_a_name_and_a_function(void **state)
{
	(void)state;
	for (size_t i = 0; i < HYPERCALL_ROW_COUNT; i++) {
		assert_non_null(hypercall_table[i].name);
		assert_non_null(hypercall_table[i].function);
	}
}

/* The model's highest vector was delivered, and ended, without an exit: one below it is news. */
static void an_ipi_to_oneself_pends_where_the_cpu_delivers(void **state)
{
	enum { DELIVERED = 0xfd, SENT = 0xfb };
	struct vcpu_fixture *f = *state;
	uint32_t *irr = &f->vcpu.apic.page[VIRTUAL_APIC_IRR / sizeof(uint32_t)];

	f->vcpu.apicv.level = APIC_LEVEL_DELIVERY;
	f->vcpu.apic.is_software_enabled = true;
	(void)virtual_apic_accept(&f->vcpu.apic, DELIVERED, false);
	vcpu_apicv_flush(&f->vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPT_STATUS), DELIVERED);
	irr[DELIVERED / 32 * VIRTUAL_APIC_STRIDE / sizeof(uint32_t)] = 0;
	fake_vmcs_set(VMCS_GUEST_INTERRUPT_STATUS, 0);
	set_arguments(f, BIT(0), 0);
	f->vcpu.frame.registers[REGISTER_RDX] = 0;
	f->vcpu.frame.registers[REGISTER_RSI] = SENT;
	assert_int_equal(call(f, KVM_CALL_SEND_IPI, true, 0), 1);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPT_STATUS), SENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CALLS(an_ipi_to_oneself_pends_where_the_cpu_delivers),
		WITH_CALLS(the_calls_of_kvm_that_are_not_offered_give_enosys),
		WITH_CALLS(vapic_poll_irq_gives_0),
		WITH_CALLS(eperm_comes_before_enosys),
		WITH_CALLS(no_call_is_made_above_cpl_0),
		WITH_CALLS(a_64_bit_number_is_not_truncated),
		WITH_CALLS(a_number_is_cut_outside_64_bit_code),
		WITH_CALLS(enosys_reads_fffffc18_in_32_bit_code),
		WITH_CALLS(numbers_beside_the_native_ones_are_unknown),
		WITH_CALLS(nothing_but_the_result_changes),
		WITH_CALLS(every_call_counts_errors_too),
		WITH_CALLS(ping_gives_its_result),
		WITH_CALLS(log_puts_out_the_text_with_dots_for_control_bytes),
		WITH_CALLS(log_cuts_its_arguments_outside_64_bit_code),
		WITH_CALLS(log_takes_0_to_200_bytes),
		WITH_CALLS(log_refuses_a_text_that_is_not_all_ram),
		WITH_CALLS(end_ends_the_guest_with_32_bits_of_its_code),
		WITH_CALLS(a_batch_makes_each_call_and_counts_it),
		WITH_CALLS(a_batch_outside_64_bit_code_has_32_bit_calls),
		WITH_CALLS(a_batch_that_cannot_be_is_refused_whole),
		WITH_CALLS(a_batch_crosses_regions_of_ram),
		WITH_CALLS(a_batch_stops_where_the_guest_ends),
		WITH_CALLS(counters_are_read_into_guest_memory),
		WITH_CALLS(counters_that_do_not_fit_are_counted_only),
		WITH_CALLS(the_counters_are_a_table_in_the_log),
		WITH_CALLS(a_trace_keeps_the_last_records),
		WITH_CALLS(traced_calls_are_recorded_with_their_results),
		WITH_CALLS(a_refused_call_gives_eperm_counts_and_is_logged_once),
		WITH_CALLS(sleep_waits_for_its_time_and_no_longer_than_its_limit),
		WITH_CALLS(every_row_has_a_name_and_a_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
