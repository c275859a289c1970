/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/exit_shadow.h"

#include "fake_log.h"
#include "tests/fuzz/exit_machine.h"
#include "tests/fuzz/require.h"
#include "vm/msr_policy.h"
#include "vmx/ept_audit.h"
#include "vmx/exit_reason.h"

#include <stdio.h>
#include <string.h>

enum { PAGE = 4096, RANGES_MAX = 128, SCHEDULERS = CPUS_MAX };

/* What may change: a stretch of memory. */
struct range {
	const uint8_t *first;
	size_t size_bytes;
};

static struct range ranges[RANGES_MAX];
static size_t range_count;

static uint8_t arena_copy[MACHINE_ARENA_PAGES * PAGE];
static struct machine machine_copy;
static struct scheduler scheduler_copies[SCHEDULERS];

#define ALLOW(object, field) allow(&(object)->field, sizeof((object)->field))

static void allow(const void *first, size_t size_bytes)
{
	require(range_count < RANGES_MAX);
	ranges[range_count++] = (struct range){first, size_bytes};
}

static void allow_own(const struct vcpu *vcpu)
{
	ALLOW(vcpu, frame.registers);
	ALLOW(vcpu, after_call);
	ALLOW(vcpu, is_long_mode);
	ALLOW(vcpu, warning_count);
	ALLOW(vcpu, again_count);
	ALLOW(vcpu, again_rip);
	ALLOW(vcpu, decoded_length);
	ALLOW(vcpu, run);
	ALLOW(vcpu, activity);
	ALLOW(vcpu, wake_tsc);
	ALLOW(vcpu, controls);
	ALLOW(vcpu, msrs);
	ALLOW(vcpu, apic);
	ALLOW(vcpu, apicv.has_page);
	ALLOW(vcpu, apicv.tpr_threshold);
	ALLOW(vcpu, apicv.interrupt_status);
	ALLOW(vcpu, apicv.eoi_exits);
	ALLOW(vcpu, timer.event_tsc);
	ALLOW(vcpu, timer.refresh_tsc);
	ALLOW(vcpu, is_nmi_pending);
	ALLOW(vcpu, startup_vector);
	ALLOW(vcpu, deferred_requests);
	ALLOW(vcpu, is_pv_eoi_offered);
	ALLOW(vcpu, kvm);
	ALLOW(vcpu, tsc_offset);
	ALLOW(vcpu, exit_tsc);
	ALLOW(vcpu, is_kicked);
	ALLOW(vcpu, refused_calls_logged);
	ALLOW(vcpu, exit_ticks);
	ALLOW(vcpu, hypercall_ticks);
	ALLOW(vcpu, batched_ticks);
	ALLOW(vcpu, trace);
	ALLOW(vcpu, posted);
	ALLOW(vcpu, is_ept_stale);
	ALLOW(vcpu, is_idle_for_good);
	allow(vcpu->pages.apic, PAGE);
	allow(vcpu->pages.msr_bitmap, PAGE);
}

static void allow_sibling(const struct vcpu *vcpu)
{
	ALLOW(vcpu, posted);
	ALLOW(vcpu, after_call);
	ALLOW(vcpu, is_ept_stale);
	ALLOW(vcpu, run);
}

static void allow_vm(const struct vm *vm)
{
	ALLOW(vm, memory_lock);
	ALLOW(vm, platform_lock);
	ALLOW(vm, access_page_users);
	ALLOW(vm, ept.table_count);
	ALLOW(vm, large_pages_split);
	ALLOW(vm, uart);
	ALLOW(vm, debug_exit);
	ALLOW(vm, platform.pic);
	ALLOW(vm, platform.ioapic);
	ALLOW(vm, platform.pit);
	ALLOW(vm, platform.rtc);
	ALLOW(vm, platform.acpi_pm);
	ALLOW(vm, platform.i8042);
	ALLOW(vm, platform.reset_control);
	ALLOW(vm, platform.pci);
	ALLOW(vm, platform.next_event_tsc);
	ALLOW(vm, platform.is_int_high);
	ALLOW(vm, console.line);
	ALLOW(vm, console.count);
	ALLOW(vm, input);
	ALLOW(vm, end);
	ALLOW(vm, is_ending);
	ALLOW(vm, idle_end_count);
	ALLOW(vm, end_code);
	ALLOW(vm, end_reason);
	allow(hpa_pointer(vm->memory_base), MACHINE_RAM_BYTES);
}

static void allow_scheduler(const struct scheduler *scheduler)
{
	ALLOW(scheduler, lock);
	ALLOW(scheduler, queue);
	ALLOW(scheduler, is_look_due);
}

/* An exit that may take tables for its EPT, or give them back. */
static bool may_change_ept(uint32_t reason)
{
	return reason == EXIT_REASON_EPT_VIOLATION || reason == EXIT_REASON_WRMSR;
}

/* What belongs to no guest's block and to no guest's RAM: tables, and what is free. */
static void allow_tables(void)
{
	const uint8_t *first = machine_arena();
	const uint8_t *end = first + sizeof(arena_copy);

	/* Memory is given from the top down: blocks first, then the RAM. */
	for (unsigned i = 0; i < MACHINE_VMS; i++) {
		const uint8_t *ram = hpa_pointer(machine.blocks[i]->vm.memory_base);

		end = ram < end ? ram : end;
	}
	allow(first, (size_t)(end - first));
	for (unsigned i = 0; i + 1 < MACHINE_VMS; i++) {
		const uint8_t *high = hpa_pointer(machine.blocks[i]->vm.memory_base);
		const uint8_t *low = hpa_pointer(machine.blocks[i + 1]->vm.memory_base);

		allow(low + MACHINE_RAM_BYTES, (size_t)(high - low - MACHINE_RAM_BYTES));
	}
	ALLOW(&machine, pages);
}

static void allow_all_that_may(const struct vcpu *vcpu, uint32_t reason)
{
	range_count = 0;
	for (unsigned i = 0; i < MACHINE_VCPUS; i++) {
		if (machine.vcpus[i] == vcpu) {
			allow_own(vcpu);
		} else if (machine.vcpus[i]->vm == vcpu->vm) {
			allow_sibling(machine.vcpus[i]);
		} else {
			ALLOW(machine.vcpus[i], run);
		}
	}
	allow_vm(vcpu->vm);
	allow_scheduler(machine.scheduler);
	ALLOW(&machine, kick_count);
	if (may_change_ept(reason)) {
		allow_tables();
	}
}

static UNTRACED bool is_allowed(const uint8_t *at)
{
	for (size_t i = 0; i < range_count; i++) {
		if ((size_t)(at - ranges[i].first) < ranges[i].size_bytes) {
			return true;
		}
	}
	return false;
}

_Noreturn void exit_shadow_fail(const char *what, uint64_t where, uint64_t before, uint64_t after)
{
	fprintf(stderr, "an exit changed %s at %#lx from %#lx to %#lx\n", what, where, before,
		after);
	abort();
}

/* Names the block that an address is in, for the report. */
static void report_place(const uint8_t *at)
{
	for (unsigned i = 0; i < MACHINE_VCPUS; i++) {
		const size_t offset = (size_t)(at - (const uint8_t *)machine.vcpus[i]);

		if (offset < sizeof(struct vcpu_block)) {
			fprintf(stderr, "vcpu %u offset %zu\n", i, offset);
		}
	}
	for (unsigned i = 0; i < MACHINE_VMS; i++) {
		const struct vm *vm = &machine.blocks[i]->vm;
		const size_t offset = (size_t)(at - (const uint8_t *)vm);
		const size_t ram_offset =
			(size_t)(at - (const uint8_t *)hpa_pointer(vm->memory_base));

		if (offset < sizeof(struct guest_block)) {
			fprintf(stderr, "guest %u offset %zu\n", i, offset);
		}
		if (ram_offset < MACHINE_RAM_BYTES) {
			fprintf(stderr, "RAM of guest %u offset %zu\n", i, ram_offset);
		}
	}
}

static UNTRACED void compare(const char *what, const void *now, const void *copy, size_t count)
{
	const uint8_t *const bytes = now;
	const uint8_t *const bytes_before = copy;

	if (memcmp(now, copy, count) == 0) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] != bytes_before[i] && !is_allowed(&bytes[i])) {
			report_place(&bytes[i]);
			exit_shadow_fail(what, (uintptr_t)&bytes[i], bytes_before[i], bytes[i]);
		}
	}
}

static UNTRACED void check_arena(void)
{
	const uint8_t *arena = machine_arena();

	for (size_t page = 0; page < sizeof(arena_copy); page += PAGE) {
		compare("memory", arena + page, arena_copy + page, PAGE);
	}
}

/* The APIC-access page is mapped while a vCPU uses it; all else is the guest's own RAM. */
static void check_ept(const struct guest_block *block)
{
	const struct vm *vm = &block->vm;
	const struct ept_audit audit =
		ept_audit(&vm->ept, vm->memory_base, MACHINE_RAM_BYTES, hpa_of(block->apic_access));

	require(audit.fault == NULL && audit.table_count == vm->ept.table_count);
	for (uint64_t at = 0; at < MACHINE_RAM_BYTES; at += PAGE) {
		const struct ept_mapping mapping = ept_walk(&vm->ept, gpa(at));

		require(mapping.page_size == 0 ||
			mapping.address.value == vm->memory_base.value + at);
	}
}

static void check_bitmaps(const struct vcpu *vcpu)
{
	uint8_t bitmap[PAGE];

	if (vcpu->is_set_up) {
		msr_policy_fill_bitmap(bitmap, &vcpu->controls);
		require(memcmp(bitmap, vcpu->pages.msr_bitmap, PAGE) == 0);
	}
}

static void check_log(void)
{
	for (const char *c = fake_log_text(); *c != '\0'; c++) {
		require(*c == '\n' || (*c >= ' ' && *c <= '~'));
	}
	fake_log_clear();
}

void exit_shadow_take(void)
{
	memcpy(arena_copy, machine_arena(), sizeof(arena_copy));
	memcpy(&machine_copy, &machine, sizeof(machine));
	memcpy(scheduler_copies, scheduler_of(0), sizeof(scheduler_copies));
	exit_shadow_take_vmcs();
}

void exit_shadow_check(const struct vcpu *vcpu, uint32_t reason)
{
	allow_all_that_may(vcpu, reason);
	check_arena();
	compare("the machine", &machine, &machine_copy, sizeof(machine));
	compare("a scheduler", scheduler_of(0), scheduler_copies, sizeof(scheduler_copies));
	if (may_change_ept(reason)) {
		check_ept(machine.blocks[0]);
		check_ept(machine.blocks[1]);
	}
	check_bitmaps(vcpu);
	check_log();
	require(machine.cpu.held_locks == 0);
	exit_shadow_check_vmcs(vcpu);
}
