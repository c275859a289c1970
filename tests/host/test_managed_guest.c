/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/itlb_multihit.c boot/managed_guest.c boot/guest_block.c boot/guest_ram.c
 * vm/vm_memory.c vm/memory_layout.c vm/guest_memory.c cpu/page_alloc.c cpu/page_ranges.c vmx/ept.c
 * vmx/ept_edit.c vmx/ept_table.c lib/format.c lib/status.c */
#include "boot/managed_guest.h"

#include "boot/audit.h"
#include "boot/boot_clock.h"
#include "boot/host_memory.h"
#include "boot/load_guest.h"
#include "boot/manager.h"
#include "boot/operator.h"
#include "cpu/image.h"
#include "cpu/wall_clock.h"
#include "exits/exit.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "hypercall/counters.h"
#include "hypercall/hypercall.h"
#include "lib/bits.h"
#include "vm/scheduler.h"
#include "vmx/capability.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A guest of 1 MiB and two vCPUs on machines with just so many pages. */
enum { VCPUS = 2, RAM_PAGES = 256, MACHINE_PAGES = 400, NEVER = 1000 };

static uint8_t *machine;
static struct page_alloc pages;
static struct vmx_capability capability;
static struct guest_entry entry;
static struct managed_guest guest;
static struct scheduler boot_scheduler;
static const struct run_context context = {
	.pages = &pages, .capability = &capability, .xsave_layout = &fake_xsave_layout};
static unsigned guards;      /* Pages that are guards. */
static unsigned guard_calls; /* Of which this one finds no page table: */
static unsigned failing_call;
static bool is_load_refused;
static bool is_placed;

const uint8_t image_start[1], image_end[1];

/* --- What else a guest is made by --- */

enum status host_memory_set_guard(const void *page, bool is_guard)
{
	assert_int_equal((uintptr_t)page % PAGE_SIZE_4K, 0);
	if (is_guard && ++guard_calls == failing_call) {
		return STATUS_NO_MEMORY;
	}
	guards += is_guard ? 1 : -1u;
	return STATUS_OK;
}

enum status load_guest(struct vm *vm, struct vcpu_start *start)
{
	const uint8_t *ram = hpa_pointer(vm->memory_base);

	(void)start;
	for (uint64_t i = 0; i < vm->config->memory_size_bytes; i++) {
		assert_int_equal(ram[i], 0);
	}
	memset(hpa_pointer(vm->memory_base), 0x5a, PAGE_SIZE_4K);
	return is_load_refused ? STATUS_INVALID : STATUS_OK;
}

struct scheduler *scheduler_choose(uint64_t cpus)
{
	(void)cpus;
	return is_placed ? &boot_scheduler : NULL;
}

unsigned cpu_count(void)
{
	return 1;
}

struct scheduler *scheduler_of(unsigned cpu_index)
{
	(void)cpu_index;
	return &boot_scheduler;
}

bool scheduler_is_started(const struct scheduler *scheduler)
{
	(void)scheduler;
	return true;
}

void scheduler_poke(struct scheduler *scheduler)
{
	(void)scheduler;
}

void scheduler_ask_loop(struct scheduler *scheduler)
{
	(void)scheduler;
}

void scheduler_place(struct scheduler *scheduler, struct vcpu *vcpu, uint32_t weight)
{
	(void)scheduler;
	(void)vcpu;
	(void)weight;
}

void scheduler_start(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vcpu_create(struct vcpu *vcpu)
{
	(void)vcpu;
}

void hypercall_init(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vm_attach_devices(struct vm *vm)
{
	(void)vm;
}

void vm_end(struct vm *vm, enum vm_end end, uint32_t code, const char *template, ...)
{
	(void)code;
	(void)template;
	vm->end = end;
}

unsigned vm_end_status(const struct vm *vm)
{
	(void)vm;
	return VM_STATUS_CRASHED;
}

void vm_report_end(struct vm *vm, struct vcpu *vcpu)
{
	(void)vm;
	(void)vcpu;
}

void hypercall_report_counters(const struct vcpu *vcpu, void (*relax)(void))
{
	(void)vcpu;
	(void)relax;
}

void manager_relax(void)
{
}

uint64_t wall_clock_ticks_ns(uint64_t ticks)
{
	return ticks;
}

uint64_t boot_clock_ticks(void)
{
	return 0;
}

void audit_guest(const struct vm *vm)
{
	(void)vm;
}

void operator_add(struct vm *vm)
{
	(void)vm;
}

void operator_remove(const struct vm *vm)
{
	(void)vm;
}

void operator_select(struct vm *vm)
{
	(void)vm;
}

struct vm *operator_selected(void)
{
	return NULL;
}

enum vmx_resume exit_dispatch(struct vmx_frame *frame)
{
	(void)frame;
	return (enum vmx_resume)0;
}

/* --- The tests --- */

static void start_machine(uint64_t page_count)
{
	memset(machine, 0xa5, MACHINE_PAGES * PAGE_SIZE_4K);
	page_alloc_init(&pages);
	assert_int_equal(
		page_alloc_add(&pages, hpa_of(machine), page_count * PAGE_SIZE_4K), STATUS_OK);
	memset(&guest, 0, sizeof(guest));
	guest.entry = &entry;
	guards = guard_calls = 0;
}

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	fake_log_clear();
	machine = aligned_alloc(PAGE_SIZE_4K, MACHINE_PAGES * PAGE_SIZE_4K);
	assert_non_null(machine);
	memset(&entry, 0, sizeof(entry));
	memcpy(entry.config.name, "vm0", 4);
	entry.config.vcpu_count = VCPUS;
	entry.config.memory_size_bytes = RAM_PAGES * PAGE_SIZE_4K;
	memset(&capability, 0, sizeof(capability));
	capability.ept_vpid_cap = EPT_CAP_WB | EPT_CAP_WALK_LENGTH_4;
	capability.physical_address_bits = 48;
	failing_call = NEVER;
	is_load_refused = false;
	is_placed = true;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(machine);
	return 0;
}

/* What the manager does when a guest is stopped. */
static void give_ram(void)
{
	while (guest_ram_clear_piece()) {
	}
	managed_guest_give_ram(&context, &guest);
}

static void check_nothing_is_held(uint64_t page_count)
{
	assert_null(guest.block);
	assert_false(guest.is_preparing);
	give_ram();
	assert_int_equal(guest.ram.size_bytes, 0);
	assert_int_equal(guards, 0);
	assert_int_equal(page_alloc_free_bytes(&pages), page_count * PAGE_SIZE_4K);
	assert_true(pages.free.count <= 1);
}

static bool make(void)
{
	const bool is_made = managed_guest_make(&context, &guest);

	assert_int_equal(is_made, guest.block != NULL);
	assert_int_equal(is_made, guest.is_preparing);
	return is_made;
}

/* Each further page lets one allocation more succeed: every one fails once for want of memory. */
static void on_a_machine_with_too_little_memory_nothing_is_lost(void **state)
{
	uint64_t needed = 0;

	(void)state;
	for (uint64_t count = 0; needed == 0; count++) {
		assert_true(count <= MACHINE_PAGES);
		start_machine(count);
		if (make()) {
			needed = count;
			assert_true(guards == VCPUS);
			managed_guest_destroy(&context, &guest);
		} else {
			assert_int_equal(guest.end_status, VM_STATUS_CRASHED);
		}
		check_nothing_is_held(count);
	}
	/* RAM, the VM's block, two of vCPUs, and the EPT. */
	assert_in_range(needed,
		RAM_PAGES + (sizeof(struct guest_block) + VCPUS * sizeof(struct vcpu_block)) /
				    PAGE_SIZE_4K,
		MACHINE_PAGES);
}

static void a_guest_without_a_table_for_a_guard_page_is_refused(void **state)
{
	(void)state;
	for (failing_call = 1; failing_call <= VCPUS; failing_call++) {
		start_machine(MACHINE_PAGES);
		assert_false(make());
		check_nothing_is_held(MACHINE_PAGES);
	}
	start_machine(MACHINE_PAGES);
	assert_true(make());
	managed_guest_destroy(&context, &guest);
	check_nothing_is_held(MACHINE_PAGES);
}

/* load_guest() above checks that all is zero. */
static void images_are_loaded_into_ram_that_is_clear(void **state)
{
	(void)state;
	start_machine(MACHINE_PAGES);
	assert_true(make());
	assert_false(guest_ram_is_clear(&guest.ram));
	while (guest_ram_clear_piece()) {
	}
	assert_true(managed_guest_load(&context, &guest));
	assert_false(guest.is_preparing);
	assert_true(managed_guest_start(&context, &guest));
	managed_guest_destroy(&context, &guest);
	/* It had a guest's image: all of it is cleared once more. */
	assert_false(guest_ram_is_clear(&guest.ram));
	check_nothing_is_held(MACHINE_PAGES);
	/* The second life finds it clear. */
	assert_true(make());
	assert_true(guest_ram_is_clear(&guest.ram));
	assert_true(managed_guest_load(&context, &guest));
	managed_guest_destroy(&context, &guest);
	check_nothing_is_held(MACHINE_PAGES);
}

static void a_guest_that_cannot_be_loaded_or_placed_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		is_load_refused = i == 0;
		is_placed = false;
		start_machine(MACHINE_PAGES);
		assert_true(make());
		while (guest_ram_clear_piece()) {
		}
		if (managed_guest_load(&context, &guest)) {
			assert_false(managed_guest_start(&context, &guest));
		}
		check_nothing_is_held(MACHINE_PAGES);
	}
}

/* A stop, and a start before the rest is clear: the guest keeps its RAM. */
static void a_guest_stopped_while_it_is_prepared_keeps_its_ram_until_it_is_clear(void **state)
{
	hpa_t base;

	(void)state;
	start_machine(MACHINE_PAGES);
	assert_true(make());
	base = guest.ram.base;
	assert_true(guest_ram_clear_piece());
	managed_guest_destroy(&context, &guest);
	assert_null(guest.block);
	managed_guest_give_ram(&context, &guest);
	assert_int_equal(guest.ram.base.value, base.value);
	assert_true(make());
	assert_int_equal(guest.ram.base.value, base.value);
	assert_false(guest_ram_is_clear(&guest.ram));
	managed_guest_destroy(&context, &guest);
	check_nothing_is_held(MACHINE_PAGES);
}

#define WITH_MACHINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(on_a_machine_with_too_little_memory_nothing_is_lost),
		WITH_MACHINE(a_guest_without_a_table_for_a_guard_page_is_refused),
		WITH_MACHINE(images_are_loaded_into_ram_that_is_clear),
		WITH_MACHINE(a_guest_that_cannot_be_loaded_or_placed_leaves_nothing),
		WITH_MACHINE(a_guest_stopped_while_it_is_prepared_keeps_its_ram_until_it_is_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
