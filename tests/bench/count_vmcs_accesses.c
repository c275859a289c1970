/* SPDX-License-Identifier: MIT */
/*
 * Prints how many VMREADs and VMWRITEs one VM exit of each kind costs, counted by the fake CPU
 * under the very same exit code. The entry assembly has none.
 */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "exits/exit.h"
#include "fake_insn.h"
#include "hypercall/hypercall.h"
#include "vm/scheduler.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <stdio.h>
#include <string.h>

enum { RIP = 0x100000, INSTRUCTION_LENGTH = 3, UART_LSR = 0x3fd };

static struct vm_config config = {.name = "bench"};
static struct vm vm;
static struct vcpu vcpu;
static struct vmx_capability capability;

enum vmx_result vmx_run(struct vmx_frame *frame)
{
	(void)frame;
	return VMX_FAIL_INVALID;
}

void vmx_exit_entry(void)
{
}

struct exit_case {
	const char *name;
	enum exit_reason reason;
	uint64_t rax;
	uint64_t rcx;
	uint64_t qualification;
};

static const struct exit_case cases[] = {
	{"vmcall", EXIT_REASON_VMCALL, 1, 0, 0},
	{"cpuid_0", EXIT_REASON_CPUID, 0, 0, 0},
	{"rdmsr", EXIT_REASON_RDMSR, 0, MSR_IA32_BIOS_SIGN_ID, 0},
	{"in_uart", EXIT_REASON_IO_INSTRUCTION, 0, 0, (uint64_t)UART_LSR << 16 | 1u << 3},
};

static void set_up(void)
{
	fake_insn_reset();
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	vm.config = &config;
	vm_attach_devices(&vm);
	vcpu.vm = &vm;
	vcpu.capability = &capability;
	vcpu.scheduler = scheduler_of(0);
	vcpu.is_long_mode = true;
	vcpu.cpuid_constant_leaves = 1;
	/* The preemption timer is not late. */
	vcpu.timer.event_tsc = UINT64_MAX;
	vcpu.timer.refresh_tsc = UINT64_MAX;
	hypercall_init(&vcpu);
	fake_vmcs_set(VMCS_GUEST_RIP, RIP);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa09b);
	fake_vmcs_set(VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc093);
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_LENGTH, INSTRUCTION_LENGTH);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		enum vmx_resume resume;
		unsigned reads;
		unsigned writes;

		set_up();
		fake_vmcs_set(VMCS_EXIT_REASON, cases[i].reason);
		fake_vmcs_set(VMCS_EXIT_QUALIFICATION, cases[i].qualification);
		vcpu.frame.registers[REGISTER_RAX] = cases[i].rax;
		vcpu.frame.registers[REGISTER_RCX] = cases[i].rcx;
		reads = fake_cpu.vmread_count;
		writes = fake_cpu.vmwrite_count;
		resume = exit_dispatch(&vcpu.frame);
		reads = fake_cpu.vmread_count - reads;
		writes = fake_cpu.vmwrite_count - writes;
		if (resume == VMX_RESUME_NOT ||
			vmcs_read_natural(VMCS_GUEST_RIP) != RIP + INSTRUCTION_LENGTH) {
			fprintf(stderr, "%s was not handled\n", cases[i].name);
			return 1;
		}
		printf("vmcs %s reads=%u writes=%u\n", cases[i].name, reads, writes);
	}
	return 0;
}
