/* SPDX-License-Identifier: MIT */
#include "boot/run_guest.h"

#include "boot/audit.h"
#include "boot/boot_clock.h"
#include "boot/host_memory.h"
#include "boot/load_guest.h"
#include "cpu/image.h"
#include "cpu/insn.h"
#include "cpu/log.h"
#include "exits/exit.h"
#include "exits/operator_keys.h"
#include "hypercall/counters.h"
#include "hypercall/hypercall.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/vcpu.h"
#include "vm/vm_memory.h"

enum {
	VCPU_STACK_BYTES = 4 * 4096,
	VPID_FIRST = 1, /* 0 is the host's. */
};

/* A guest and its one processor. The stack's end is where the VMCS's host RSP points: at the frame.
 */
struct guest_block {
	uint8_t guard[PAGE_SIZE_4K];
	uint8_t stack[VCPU_STACK_BYTES];
	struct vcpu vcpu;
	struct vm vm;
	uint8_t vmcs[PAGE_SIZE_4K] __attribute__((aligned(PAGE_SIZE_4K)));
	uint8_t msr_bitmap[PAGE_SIZE_4K];
	uint8_t io_bitmaps[2 * PAGE_SIZE_4K];
	uint8_t apic[PAGE_SIZE_4K];
	uint8_t apic_access[PAGE_SIZE_4K];
	/* Of the machine's memory, before this block was taken. */
	uint64_t free_bytes_before __attribute__((aligned(PAGE_SIZE_4K)));
};

_Static_assert(offsetof(struct guest_block, vcpu.frame) ==
		       offsetof(struct guest_block, stack) + VCPU_STACK_BYTES,
	"the frame stands right above the stack");
_Static_assert(offsetof(struct guest_block, vcpu.frame) % 16 == 0, "the stack is aligned");
_Static_assert(sizeof(struct guest_block) % PAGE_SIZE_4K == 0, "whole pages");

static void report_end(struct vm *vm, struct vcpu *vcpu, bool has_run)
{
	const char *name = vm->config->name;

	guest_console_flush(&vm->console);
	log_info(name, "ended: %s%s%s code=%u status=%u", vm_end_name(vm->end),
		vm->end_reason[0] == '\0' ? "" : ": ", vm->end_reason, vm->end_code,
		vm_end_status(vm));
	if (!has_run) {
		return;
	}
	if (vm->end == VM_END_CRASHED || vm->end == VM_END_HALTED) {
		vcpu_report_state(vcpu);
	}
	hypercall_report_counters(vcpu);
}

/* What the guest costs besides its own RAM, which it has whole. */
static void report_memory(const struct run_context *context, const struct guest_block *block)
{
	const uint64_t taken_bytes =
		block->free_bytes_before - page_alloc_free_bytes(context->pages);

	log_info(block->vm.config->name, "memory: ours for it=%lu KiB image=%lu KiB",
		(taken_bytes - block->vm.config->memory_size_bytes) / KIB(1),
		(uint64_t)(image_end - image_start) / KIB(1));
}

/* Returns true if the guest has run. */
static bool start_and_run(const struct run_context *context, struct guest_block *block)
{
	struct vcpu *vcpu = &block->vcpu;
	struct vcpu_start start = {0};

	if (load_guest(&block->vm, &start) != STATUS_OK) {
		return false;
	}
	vcpu->vm = &block->vm;
	block->vm.vcpu = vcpu;
	vcpu->capability = context->capability;
	vcpu->host_cpu = context->host_cpu;
	vcpu->frame.handle_exit = exit_dispatch;
	vcpu->vpid = VPID_FIRST;
	vcpu->apic_choice = context->apic_choice;
	vcpu->timer_choice = context->timer_choice;
	vcpu->pages = (struct vcpu_pages){(void *)block->vmcs, block->msr_bitmap, block->io_bitmaps,
		(void *)block->apic, block->apic_access};
	if (vcpu_init(vcpu, &start) != STATUS_OK) {
		vm_end(&block->vm, VM_END_NOT_STARTED, 0, "its VMCS cannot be set up");
		return false;
	}
	hypercall_init(vcpu);
	if (context->prepare == NULL || context->prepare(vcpu, &start)) {
		log_info(
			block->vm.config->name, "started ticks_since_boot=%lu", boot_clock_ticks());
		vcpu_run(vcpu);
	}
	return true;
}

static void run_in_block(const struct run_context *context, const struct guest_entry *entry,
	struct guest_block *block)
{
	struct vm *vm = &block->vm;
	bool has_run = false;
	enum status status;

	vm->config = &entry->config;
	vm->console.name = entry->config.name;
	vm->console.raw_byte = context->raw_byte;
	vm_attach_devices(vm);
	vm->input.pull =
		context->pull_raw_byte != NULL ? context->pull_raw_byte : operator_keys_pull;
	vm->input.context = &block->vcpu;
	if (entry->error[0] != '\0') {
		vm_end(vm, VM_END_NOT_STARTED, 0, "%s", entry->error);
		report_end(vm, &block->vcpu, has_run);
		return;
	}
	status = vm_memory_create(vm, context->pages, context->capability);
	if (status != STATUS_OK) {
		vm_end(vm, VM_END_NOT_STARTED, 0,
			"no %lu KiB of memory for it: %s, %lu KiB are free",
			entry->config.memory_size_bytes / KIB(1), status_name(status),
			page_alloc_free_bytes(context->pages) / KIB(1));
		report_end(vm, &block->vcpu, has_run);
		return;
	}
	has_run = start_and_run(context, block);
	report_end(vm, &block->vcpu, has_run);
	report_memory(context, block);
	/* The self-test gives its guests pages that no guest has. */
	if (context->prepare == NULL) {
		audit_guest(vm);
	}
	if (has_run) {
		vcpu_stop(&block->vcpu);
	}
	vm_memory_destroy(vm, context->pages);
}

unsigned run_guest(const struct run_context *context, const struct guest_entry *entry)
{
	const uint64_t size_bytes = sizeof(struct guest_block);
	const uint64_t free_bytes = page_alloc_free_bytes(context->pages);
	struct guest_block *block;
	unsigned end_status;
	hpa_t base;

	if (page_alloc_take(context->pages, size_bytes, PAGE_SIZE_4K, UINT64_MAX, &base) !=
		STATUS_OK) {
		log_error(entry->config.name, "ended: not started: no memory for its state");
		return vm_end_status(&(const struct vm){.end = VM_END_NOT_STARTED});
	}
	block = memset(hpa_pointer(base), 0, size_bytes);
	block->free_bytes_before = free_bytes;
	host_memory_set_guard(block->guard, true);
	run_in_block(context, entry, block);
	end_status = vm_end_status(&block->vm);
	host_memory_set_guard(block->guard, false);
	memset(block, 0, size_bytes);
	if (page_alloc_give(context->pages, base, size_bytes) != STATUS_OK) {
		log_error("vm", "state of %s not given back", entry->config.name);
	}
	return end_status;
}
