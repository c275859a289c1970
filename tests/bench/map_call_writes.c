/* SPDX-License-Identifier: MIT */
/*
 * Prints what memory one VMCALL's exit writes, by running the very same exit code on the fake CPU:
 * all writable data of the program is compared before and after, so a lock, a counter or a flag
 * that processors share would show as "elsewhere" or in the VM. The stack is the vCPU's own.
 */
#include "cpu/registers.h"
#include "exits/exit.h"
#include "fake_insn.h"
#include "hypercall/hypercall.h"
#include "vm/scheduler.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RIP = 0x100000, INSTRUCTION_LENGTH = 3, LINE_BYTES = 64, RAX_BEFORE = 1 };

/* The linker's: where the program's writable data begins and ends. */
extern uint8_t __data_start[];
extern uint8_t _end[];

static struct vm_config config = {.name = "bench", .vcpu_count = 2, .weight = RUN_WEIGHT_DEFAULT};
static struct vm vm __attribute__((aligned(LINE_BYTES)));
static struct vcpu vcpu __attribute__((aligned(LINE_BYTES)));
static struct vmx_capability capability;

enum vmx_result vmx_run(struct vmx_frame *frame)
{
	(void)frame;
	return VMX_FAIL_INVALID;
}

void vmx_exit_entry(void)
{
}

#define FIELD(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct vcpu, name), sizeof(vcpu.name)                              \
	}

static const struct {
	const char *name;
	size_t offset;
	size_t size_bytes;
} fields[] = {
	FIELD(frame),
	FIELD(exit_tsc),
	FIELD(hypercall_ticks),
	FIELD(exit_ticks),
	FIELD(posted),
	FIELD(run),
	FIELD(timer),
	FIELD(apic),
	FIELD(activity),
};

static const char *field_at(size_t offset)
{
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		if (offset - fields[i].offset < fields[i].size_bytes) {
			return fields[i].name;
		}
	}
	return "another field";
}

static bool is_in(const uint8_t *at, const void *object, size_t size_bytes)
{
	return (size_t)(at - (const uint8_t *)object) < size_bytes;
}

static void print_write(const uint8_t *at)
{
	if (is_in(at, &vcpu, sizeof(vcpu))) {
		const size_t offset = (size_t)(at - (const uint8_t *)&vcpu);

		printf("write vcpu line=%zu field=%s\n", offset / LINE_BYTES, field_at(offset));
	} else if (is_in(at, &vm, sizeof(vm))) {
		printf("write vm offset=%zu\n", (size_t)(at - (const uint8_t *)&vm));
	} else {
		printf("write %s\n", fake_vmcs_holds(at) ? "vmcs" : "elsewhere");
	}
}

static void set_up(void)
{
	fake_insn_reset();
	vm.config = &config;
	vm.is_smp = true;
	vm_attach_devices(&vm);
	vcpu.vm = &vm;
	vcpu.capability = &capability;
	vcpu.scheduler = scheduler_of(0);
	vcpu.is_long_mode = true;
	vcpu.timer.event_tsc = UINT64_MAX;
	vcpu.timer.refresh_tsc = UINT64_MAX;
	hypercall_init(&vcpu);
	fake_vmcs_set(VMCS_GUEST_RIP, RIP);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1);
	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa09b);
	fake_vmcs_set(VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc093);
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_LENGTH, INSTRUCTION_LENGTH);
	fake_vmcs_set(VMCS_EXIT_REASON, EXIT_REASON_VMCALL);
	vcpu.frame.registers[REGISTER_RAX] = RAX_BEFORE;
}

/* Between the variables lies what AddressSanitizer forbids to touch. */
#define ALL_MEMORY __attribute__((no_sanitize_address))

static ALL_MEMORY void copy_data(uint8_t *to, size_t size_bytes)
{
	for (volatile size_t i = 0; i < size_bytes; i++) {
		to[i] = __data_start[i];
	}
}

/* One output line for a cache line. */
static ALL_MEMORY void print_changes(const uint8_t *before, size_t size_bytes)
{
	size_t last_line = SIZE_MAX;

	for (size_t i = 0; i < size_bytes; i++) {
		const uint8_t *at = &__data_start[i];
		const size_t line = (uintptr_t)at / LINE_BYTES;

		if (*at != before[i] && line != last_line &&
			!is_in(at, &fake_cpu, sizeof(fake_cpu))) {
			print_write(at);
			last_line = line;
		}
	}
}

int main(void)
{
	const size_t size_bytes = (size_t)(_end - __data_start);
	uint8_t *before = malloc(size_bytes);

	set_up();
	copy_data(before, size_bytes);
	if (exit_dispatch(&vcpu.frame) == VMX_RESUME_NOT) {
		fprintf(stderr, "the call was not handled\n");
		return 1;
	}
	print_changes(before, size_bytes);
	free(before);
	return 0;
}
