/* SPDX-License-Identifier: MIT */
/* SOURCES: hypercall/table.c hypercall/kvm_calls.c hypercall/native_calls.c hypercall/batch.c
 * hypercall/counters.c hypercall/policy.c cpu/tsc.c vm/vm.c vm/guest_memory.c vmx/exit_reason.c
 * lib/format.c vm/tick_histogram.c
 * cpu/wall_clock.c lib/calendar.c lib/scaled_time.c */
#include "hypercall/dispatch.h"

#include "fake_insn.h"
#include "fake_log.h"
#include "hypercall/counters.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A guest makes calls with any registers, in any mode, from RAM in two pieces with a hole between
 * them. Whatever it does: only its own RAX would change, what it gets is what the ABI allows, the
 * log has printable lines, every call is counted, and memory is written by the calls that write it.
 */
enum { REFUSE_SOME = 0x5a };
enum { PAGE = 0x1000, RAM_PAGES = 3, CALLS_MAX = 64 };

struct call_input {
	uint64_t registers[REGISTER_COUNT];
	uint8_t flags;
};

enum { COUNT_RESULT_MAX = (int)EXIT_REASON_COUNT + (int)HYPERCALL_ROW_COUNT };
enum { FLAG_64BIT = 1, FLAG_NATIVE = 2, FLAG_SMALL = 4, CPL_SHIFT = 6 };

static uint8_t *ram;

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static bool is_result_allowed(uint64_t result, bool is_64bit)
{
	static const int64_t allowed[] = {0, TRIVET_PING_RESULT, -TRIVET_EPERM, -TRIVET_E2BIG,
		-TRIVET_EFAULT, -TRIVET_EINVAL, -TRIVET_EOPNOTSUPP, -TRIVET_ENOSYS};

	/* How many calls a batch made, or how many counters there are. */
	if (result <= COUNT_RESULT_MAX) {
		return true;
	}

	for (size_t i = 0; i < ARRAY_COUNT(allowed); i++) {
		const uint64_t value = (uint64_t)allowed[i];

		if (result == (is_64bit ? value : (uint32_t)value)) {
			return true;
		}
	}
	return false;
}

static void check_log(void)
{
	for (const char *c = fake_log_text(); *c != '\0'; c++) {
		require(*c == '\n' || (*c >= ' ' && *c <= '~'));
	}
	fake_log_clear();
}

/* Random numbers and addresses rarely mean anything: the flags bring them near what does. */
static void aim(struct call_input *input)
{
	if ((input->flags & FLAG_NATIVE) != 0) {
		input->registers[REGISTER_RAX] =
			TRIVET_CALL_BASE +
			input->registers[REGISTER_RAX] % (HYPERCALL_NATIVE_COUNT + 1);
	}
	if ((input->flags & FLAG_SMALL) != 0) {
		input->registers[REGISTER_RBX] %= 2 * RAM_PAGES * PAGE;
		input->registers[REGISTER_RCX] %= 2 * TRIVET_LOG_MAX;
	}
}

/* Calls but those within batches. */
static uint64_t own_calls(const struct vcpu *vcpu)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < VCPU_HYPERCALL_ROWS; i++) {
		sum += tick_histogram_count(&vcpu->hypercall_ticks[i]);
	}
	return sum;
}

static void make_call(struct vcpu *vcpu, struct call_input *input)
{
	const bool is_64bit = (input->flags & FLAG_64BIT) != 0;
	const unsigned cpl = input->flags >> CPL_SHIFT;
	const struct hypercall call = {vcpu->frame.registers, is_64bit ? UINT64_MAX : UINT32_MAX};
	uint64_t before;
	uint64_t result;
	size_t row;

	aim(input);
	memcpy(vcpu->frame.registers, input->registers, sizeof(input->registers));
	before = own_calls(vcpu);
	row = hypercall_row(call);
	result = hypercall_serve(vcpu, call, row, cpl);
	hypercall_count(vcpu, row);
	require(own_calls(vcpu) == before + 1);
	require(is_result_allowed(result, is_64bit));
	require(cpl == 0 || (is_64bit ? result == UINT64_MAX : result == UINT32_MAX));
	require(cpl == 0 || (*fake_log_text() == '\0' && vcpu->vm->end == VM_END_NONE));
	require(memcmp(vcpu->frame.registers, input->registers, sizeof(input->registers)) == 0);
	require(fake_cpu.vmread_count + fake_cpu.vmwrite_count == 0);
	check_log();
	vcpu->vm->end = VM_END_NONE;
}

static void add_ram(struct vm *vm, uint64_t guest, uint8_t *host, uint64_t size_bytes)
{
	require(guest_memory_add(&vm->memory, (struct guest_memory_region){gpa(guest), size_bytes,
						      host, false}) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm_config config = {.name = "fuzz"};
	static struct vcpu vcpu;
	struct vm vm = {.config = &config};
	struct call_input input;
	size_t at = 0;

	if (ram == NULL) {
		ram = malloc(RAM_PAGES * PAGE);
		require(ram != NULL);
	}
	memset(&vcpu, 0, sizeof(vcpu));
	fake_insn_reset();
	fake_log_clear();
	vcpu.vm = &vm;
	config.refused_calls = size == 0 || data[0] != REFUSE_SOME ? 0 : data[size - 1];
	config.is_tracing_calls = size != 0 && data[0] % 2 != 0;
	hypercall_init(&vcpu);
	for (size_t i = 0; i < RAM_PAGES * PAGE; i++) {
		ram[i] = size == 0 ? 0 : data[i % size];
	}
	add_ram(&vm, 0, ram, 2 * PAGE);
	add_ram(&vm, 4 * PAGE, ram + 2 * PAGE, PAGE);
	for (int i = 0; i < CALLS_MAX && size - at >= sizeof(input); i++, at += sizeof(input)) {
		memcpy(&input, data + at, sizeof(input));
		make_call(&vcpu, &input);
	}
	hypercall_report_counters(&vcpu);
	check_log();
	return 0;
}
