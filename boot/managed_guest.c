/* SPDX-License-Identifier: MIT */
#include "boot/managed_guest.h"

#include "boot/audit.h"
#include "boot/boot_clock.h"
#include "boot/load_guest.h"
#include "boot/manager.h"
#include "boot/operator.h"
#include "cpu/image.h"
#include "cpu/log.h"
#include "cpu/wall_clock.h"
#include "hypercall/counters.h"
#include "hypercall/hypercall.h"
#include "lib/bits.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/scheduler.h"
#include "vm/vm_memory.h"

enum { NANOSECONDS_PER_MICROSECOND = 1000 };

/* Who types to the guest waits for this line: nothing that takes long comes behind it. */
static void tell_of_start(struct vm *vm)
{
	log_info(vm->config->name, "started ticks_since_boot=%lu", boot_clock_ticks());
}

/* The last vCPU has left its CPU, whichever that is. */
static void tell_boot_processor(struct vm *vm)
{
	struct guest_block *block = (struct guest_block *)(void *)vm;

	__atomic_store_n(&block->has_left, true, __ATOMIC_RELEASE);
	scheduler_ask_loop(scheduler_of(0));
}

_Static_assert(offsetof(struct guest_block, vm) == 0, "tell_boot_processor()");

static void init_vm(struct managed_guest *guest)
{
	const struct vm_config *config = &guest->entry->config;
	struct vm *vm = &guest->block->vm;

	vm->config = config;
	vm->is_smp = config->vcpu_count > 1;
	vm->memory_lock = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_VM_MEMORY);
	vm->platform_lock = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_VM_PLATFORM);
	vm->starting = tell_of_start;
	vm->left = tell_boot_processor;
	vm->console.name = config->name;
	vm_attach_devices(vm);
}

static void create_vcpus(const struct run_context *context, struct managed_guest *guest,
	const struct vcpu_start *start)
{
	struct vm *vm = &guest->block->vm;

	vm->start_tsc = insn_rdtsc();
	vm->prepare = context->prepare;
	for (unsigned id = 0; id < vm->config->vcpu_count; id++) {
		struct vcpu *vcpu = &guest->block->vcpu_blocks[id]->vcpu;

		vcpu->start = *start;
		vcpu_create(vcpu);
		hypercall_init(vcpu);
		vm->vcpus[id] = vcpu;
	}
	vm->vcpu_count = vm->config->vcpu_count;
}

bool managed_guest_load(const struct run_context *context, struct managed_guest *guest)
{
	struct vcpu_start start = {0};

	guest->is_preparing = false;
	if (load_guest(&guest->block->vm, &start) != STATUS_OK) {
		managed_guest_report(context, guest);
		managed_guest_destroy(context, guest);
		return false;
	}
	create_vcpus(context, guest, &start);
	operator_add(&guest->block->vm);
	return true;
}

static bool refuse(struct managed_guest *guest, const char *reason)
{
	struct vm *vm = &guest->block->vm;

	vm_end(vm, VM_END_NOT_STARTED, 0, "%s", reason);
	vm_report_end(vm, NULL);
	guest->end_status = vm_end_status(vm);
	return false;
}

bool managed_guest_take_ram(const struct run_context *context, struct managed_guest *guest)
{
	return guest->ram.size_bytes != 0 ||
	       guest_ram_take(&guest->ram, context->pages,
		       guest->entry->config.memory_size_bytes) == STATUS_OK;
}

static bool take_memory(const struct run_context *context, struct managed_guest *guest)
{
	struct vm *vm = &guest->block->vm;
	char reason[VM_REASON_MAX];
	enum status status;

	if (guest->entry->error[0] != '\0') {
		return refuse(guest, guest->entry->error);
	}
	status = managed_guest_take_ram(context, guest) ? STATUS_OK : STATUS_NO_MEMORY;
	if (status == STATUS_OK) {
		vm->memory_base = guest->ram.base;
		status = vm_memory_create(
			vm, context->pages, context->capability, context->large_page_choice);
	}
	if (status == STATUS_OK) {
		return true;
	}
	format(reason, sizeof(reason), "no %lu KiB of memory for it: %s, %lu KiB are free",
		vm->config->memory_size_bytes / KIB(1), status_name(status),
		page_alloc_free_bytes(context->pages) / KIB(1));
	return refuse(guest, reason);
}

bool managed_guest_make(const struct run_context *context, struct managed_guest *guest)
{
	const struct vm_config *config = &guest->entry->config;
	/* What is wrong with a guest is told with the state of one. */
	const unsigned vcpu_count = guest->entry->error[0] == '\0' ? config->vcpu_count : 0;
	struct guest_block *block = guest_block_take(context, vcpu_count, guest->vpid_first);

	if (block == NULL) {
		log_error(config->name, "ended: not started: no memory for its state");
		guest->end_status = VM_STATUS_CRASHED;
		return false;
	}
	__atomic_store_n(&guest->block, block, __ATOMIC_RELEASE);
	init_vm(guest);
	if (!take_memory(context, guest)) {
		__atomic_store_n(&guest->block, NULL, __ATOMIC_RELEASE);
		guest_block_give(context, block);
		return false;
	}
	guest->is_preparing = true;
	return true;
}

static void choose_cpus(struct vm *vm)
{
	for (unsigned id = 0; id < vm->vcpu_count; id++) {
		scheduler_place(
			scheduler_choose(vm->config->cpus), vm->vcpus[id], vm->config->weight);
	}
}

bool managed_guest_start(const struct run_context *context, struct managed_guest *guest)
{
	struct vm *vm = &guest->block->vm;

	if (scheduler_choose(vm->config->cpus) == NULL) {
		(void)refuse(guest, "none of the processors that cpus= names runs");
		managed_guest_destroy(context, guest);
		return false;
	}
	__atomic_store_n(&vm->live_count, vm->vcpu_count, __ATOMIC_RELEASE);
	choose_cpus(vm);
	guest->start_tsc = insn_rdtsc();
	scheduler_start(vm->vcpus[0]);
	return true;
}

bool managed_guest_has_left(const struct managed_guest *guest)
{
	return guest->block != NULL && __atomic_load_n(&guest->block->has_left, __ATOMIC_ACQUIRE);
}

static bool has_run(const struct vcpu *vcpu)
{
	return vcpu->run.run_ticks != 0 && vcpu->activity != VCPU_WAIT_FOR_STARTUP;
}

/* On its CPU, and ready to run while others had it: what the guest sees as stolen. */
static void report_time(const struct vcpu *vcpu)
{
	log_info(vcpu->name, "cpu=%u ran=%lu us waited=%lu us switches=%lu tlb_flushes=%lu",
		vcpu->scheduler->cpu->index,
		wall_clock_ticks_ns(vcpu->run.run_ticks) / NANOSECONDS_PER_MICROSECOND,
		wall_clock_ticks_ns(vcpu->run.wait_ticks) / NANOSECONDS_PER_MICROSECOND,
		vcpu->run.switch_count, vcpu->kvm.tlb_flush_count);
}

void managed_guest_report(const struct run_context *context, struct managed_guest *guest)
{
	struct vm *vm = &guest->block->vm;

	vm_report_end(vm, NULL);
	guest->end_status = vm_end_status(vm);
	for (unsigned id = 0; id < vm->vcpu_count; id++) {
		if (has_run(vm->vcpus[id])) {
			hypercall_report_counters(vm->vcpus[id], manager_relax);
			report_time(vm->vcpus[id]);
		}
	}
	log_info(vm->config->name, "memory: ours for it=%lu KiB image=%lu KiB",
		guest_block_size_bytes(guest->block) / KIB(1),
		(uint64_t)(image_end - image_start) / KIB(1));
	log_info(vm->config->name, "ept: large pages split=%u", vm->large_pages_split);
	/* The self-test gives its guests pages that no guest has. */
	if (context->prepare == NULL) {
		audit_guest(vm);
	}
}

void managed_guest_destroy(const struct run_context *context, struct managed_guest *guest)
{
	struct guest_block *block = guest->block;

	operator_remove(&block->vm);
	__atomic_store_n(&guest->block, NULL, __ATOMIC_RELEASE);
	vm_memory_destroy(&block->vm);
	guest_block_give(context, block);
	/* What has not been loaded is being cleared already. */
	if (!guest->is_preparing) {
		guest_ram_clear(&guest->ram);
	}
	guest->is_preparing = false;
}

void managed_guest_give_ram(const struct run_context *context, struct managed_guest *guest)
{
	if (guest->block == NULL && guest->ram.size_bytes != 0 && guest_ram_is_clear(&guest->ram)) {
		guest_ram_give(&guest->ram, context->pages);
	}
}

/* What was typed to the guest and not read waits for it still, as on the line of a machine. */
static void clear_vm(struct vm *vm)
{
	const size_t input_end = offsetof(struct vm, input) + sizeof(vm->input);

	memset(vm, 0, offsetof(struct vm, input));
	memset((uint8_t *)vm + input_end, 0, sizeof(*vm) - input_end);
}

/*
 * The RAM and its EPT stay as they are: a reset does not clear a machine's memory. Large pages that
 * were split stay so: the guest will most likely execute there again.
 */
static void clear_state(struct managed_guest *guest)
{
	struct vm *vm = &guest->block->vm;
	const struct guest_memory memory = vm->memory;
	const hpa_t memory_base = vm->memory_base;
	struct ept ept = vm->ept;

	if (vm->access_page_users != 0) {
		(void)!ept_unmap(&ept, gpa(VIRTUAL_APIC_BASE_DEFAULT), PAGE_SIZE_4K);
	}
	operator_remove(vm);
	clear_vm(vm);
	vm->memory = memory;
	vm->memory_base = memory_base;
	vm->ept = ept;
	__atomic_store_n(&guest->block->has_left, false, __ATOMIC_RELEASE);
}

bool managed_guest_renew(const struct run_context *context, struct managed_guest *guest)
{
	struct vm *vm = &guest->block->vm;
	const bool is_typed_to = operator_selected() == vm;

	clear_state(guest);
	init_vm(guest);
	if (!managed_guest_load(context, guest)) {
		return false;
	}
	if (is_typed_to) {
		operator_select(vm);
	}
	return true;
}
