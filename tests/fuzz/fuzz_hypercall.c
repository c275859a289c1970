/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/vmcall.c exits/advance_rip.c vm/vcpu.c vm/msr_policy.c vm/msr_mtrr.c
 * vm/cpuid_policy.c vm/cpuid_topology.c hypercall/cpuid_leaves.c hypercall/table.c
 * hypercall/kvm_calls.c hypercall/native_calls.c hypercall/guest_control.c hypercall/batch.c
 * hypercall/counters.c hypercall/policy.c cpu/tsc.c vm/vm.c vm/guest_memory.c vmx/exit_reason.c
 * lib/format.c vm/tick_histogram.c cpu/wall_clock.c lib/calendar.c lib/scaled_time.c
 * vm/vcpu_interrupts.c vm/vcpu_timer.c vmx/preemption_timer.c vm/vcpu_apicv.c vm/pv_eoi.c
 * devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c
 * cpu/host_timer.c cpu/local_apic.c vm/event.c vm/vm_platform.c vm/port_bus.c lib/tick_rate.c
 * devices/pic8259.c devices/ioapic.c devices/pit8254.c devices/pit8254_counter.c
 * devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c devices/reset_control.c
 * devices/pci_config.c vm/vcpu_ipi.c vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c
 * vm/vcpu_halt.c */
#include "exits/vmcall.h"

#include "cpu/host_timer.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "hypercall/counters.h"
#include "hypercall/hypercall.h"
#include "tests/fuzz/require.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A guest makes calls with any registers and any VMCS behind them, from RAM in two pieces with a
 * hole between them: the VM exit is handled by the hypervisor's own code. Whatever the guest does:
 * only RAX changes, to what the ABI allows; RIP, RFLAGS and the interrupt shadow are those behind
 * the instruction; the log has printable lines, every call is counted, and no VMCS field is
 * touched that the semantics do not need.
 */
enum { REFUSE_SOME = 0x5a };
enum { PAGE = 0x1000, RAM_PAGES = 3, CALLS_MAX = 64 };
/* What docs/hypercalls.md says of the plainest call, and what modes, TF and RF add. */
enum { VMREADS_MAX = 9, VMWRITES_MAX = 4, INSTRUCTION_LENGTH_MAX = 15 };

struct call_input {
	uint64_t registers[REGISTER_COUNT];
	uint64_t rip;
	uint64_t rflags;
	uint32_t cs_access_rights;
	uint32_t ss_access_rights;
	uint32_t interruptibility;
	uint8_t instruction_length;
	uint8_t debugctl;
	uint8_t flags;
};

/* How the call is to look to the ABI. */
struct code {
	bool is_64bit;
	unsigned cpl;
};

enum { COUNT_RESULT_MAX = (int)EXIT_REASON_COUNT + (int)HYPERCALL_ROW_COUNT };
enum { FLAG_LONG_MODE = 1, FLAG_NATIVE = 2, FLAG_SMALL = 4, FLAG_FLAT_64BIT = 8 };

#define CODE_64BIT_CPL_0 0xa09bu

static uint8_t *ram;

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

/* SDM Vol. 3A "Privilege Levels": conforming code has its caller's level, which SS tells. */
static struct code code_of(const struct call_input *input)
{
	const uint32_t cs = input->cs_access_rights;
	const uint64_t conforming = ACCESS_RIGHTS_CODE | ACCESS_RIGHTS_CONFORMING;
	const uint32_t rights = (cs & conforming) == conforming ? input->ss_access_rights : cs;

	return (struct code){
		(input->flags & FLAG_LONG_MODE) != 0 && (cs & ACCESS_RIGHTS_L) != 0,
		(unsigned)bits_get(rights, ACCESS_RIGHTS_DPL_HIGH, ACCESS_RIGHTS_DPL_LOW),
	};
}

static void load_vmcs(struct vcpu *vcpu, struct call_input *input)
{
	if ((input->flags & FLAG_FLAT_64BIT) != 0) {
		input->flags |= FLAG_LONG_MODE;
		input->cs_access_rights = CODE_64BIT_CPL_0;
	}
	input->instruction_length = input->instruction_length % INSTRUCTION_LENGTH_MAX + 1;
	if (!code_of(input).is_64bit) {
		input->rip &= UINT32_MAX;
	}
	vcpu->is_long_mode = (input->flags & FLAG_LONG_MODE) != 0;
	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS, input->cs_access_rights);
	fake_vmcs_set(VMCS_GUEST_SS_ACCESS_RIGHTS, input->ss_access_rights);
	fake_vmcs_set(VMCS_GUEST_RIP, input->rip);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, input->rflags);
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, input->interruptibility);
	fake_vmcs_set(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
	fake_vmcs_set(VMCS_GUEST_IA32_DEBUGCTL, input->debugctl);
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_LENGTH, input->instruction_length);
	memcpy(vcpu->frame.registers, input->registers, sizeof(input->registers));
	fake_cpu.vmread_count = 0;
	fake_cpu.vmwrite_count = 0;
}

/* The state behind the instruction: SDM Vol. 3B "Single-Step Exception Condition". */
static void check_vmcs(const struct call_input *input)
{
	const uint64_t rip = input->rip + input->instruction_length;
	const bool is_trap_due =
		(input->rflags & RFLAGS_TF) != 0 && (input->debugctl & DEBUGCTL_BTF) == 0;

	require(fake_vmcs_get(VMCS_GUEST_RIP) ==
		(code_of(input).is_64bit ? rip : rip & UINT32_MAX));
	require(fake_vmcs_get(VMCS_GUEST_RFLAGS) == (input->rflags & ~RFLAGS_RF));
	require(fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) ==
		(input->interruptibility & ~(uint32_t)INTERRUPTIBILITY_SHADOW));
	require(fake_vmcs_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS) ==
		(is_trap_due ? PENDING_DEBUG_BS : 0));
	require(fake_vmcs_get(VMCS_VM_ENTRY_INTERRUPTION_INFO) == 0);
	require(fake_cpu.vmread_count <= VMREADS_MAX && fake_cpu.vmwrite_count <= VMWRITES_MAX);
}

static void check_privilege(const struct vcpu *vcpu, struct code code, uint64_t result)
{
	if (code.cpl != 0) {
		require(result == (code.is_64bit ? UINT64_MAX : UINT32_MAX));
		require(*fake_log_text() == '\0' && vcpu->vm->end == VM_END_NONE);
	}
}

static void make_call(struct vcpu *vcpu, struct call_input *input)
{
	enum vmx_resume resume;
	struct code code;
	uint64_t before;
	uint64_t result;

	aim(input);
	load_vmcs(vcpu, input);
	code = code_of(input);
	before = own_calls(vcpu);
	resume = vmcall(vcpu);
	require(own_calls(vcpu) == before + 1);
	require(resume == (vcpu->vm->end == VM_END_NONE ? VMX_RESUME_CALL : VMX_RESUME_NOT));
	result = vcpu->frame.registers[REGISTER_RAX];
	require(is_result_allowed(result, code.is_64bit));
	check_privilege(vcpu, code, result);
	vcpu->frame.registers[REGISTER_RAX] = input->registers[REGISTER_RAX];
	require(memcmp(vcpu->frame.registers, input->registers, sizeof(input->registers)) == 0);
	check_vmcs(input);
	check_log();
	vcpu->vm->end = VM_END_NONE;
	vcpu->vm->is_ending = false;
	vcpu->after_call = VMX_RESUME_CALL;
	posted_interrupts_init(&vcpu->posted, 0, 0);
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
	static uint32_t apic_page[PAGE / sizeof(uint32_t)];
	struct vm vm = {.config = &config};
	struct call_input input;
	size_t at = 0;

	if (ram == NULL) {
		ram = malloc(RAM_PAGES * PAGE);
		require(ram != NULL);
	}
	memset(&vcpu, 0, sizeof(vcpu));
	memset(apic_page, 0, sizeof(apic_page));
	fake_insn_reset();
	fake_log_clear();
	vcpu.vm = &vm;
	vm.vcpus[0] = &vcpu;
	vm.vcpu_count = 1;
	config.refused_calls = size == 0 || data[0] != REFUSE_SOME ? 0 : data[size - 1];
	config.is_tracing_calls = size != 0 && data[0] % 2 != 0;
	vcpu.apic.page = vcpu.pages.apic = apic_page;
	/* Nothing is due: a timer that is set anew costs a VMWRITE. */
	vcpu.timer.event_tsc = vcpu.timer.refresh_tsc = HOST_TIMER_NEVER;
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
	hypercall_report_counters(&vcpu, NULL);
	check_log();
	return 0;
}
