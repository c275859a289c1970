/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/exit_ept.c exits/mmio.c exits/mov_decode.c exits/mov_operand.c exits/exit_again.c
 * exits/io_segment.c vm/vm_memory.c vm/guest_code.c
 * vm/guest_paging.c vm/vcpu.c vm/vm.c vm/msr_policy.c vm/msr_mtrr.c vm/cpuid_policy.c
 * vm/cpuid_topology.c vm/memory_layout.c vm/guest_memory.c cpu/page_alloc.c cpu/page_ranges.c
 * vmx/ept.c vmx/ept_edit.c vmx/ept_table.c vmx/exit_qualification.c lib/format.c lib/status.c
 * tests/host/vcpu_fixture.c vm/vcpu_interrupts.c vm/vcpu_timer.c vmx/preemption_timer.c
 * vm/vcpu_apicv.c vm/pv_eoi.c devices/virtual_apic.c devices/virtual_apic_access.c
 * devices/virtual_apic_lvt.c devices/virtual_apic_message.c devices/virtual_apic_priority.c
 * devices/virtual_apic_timer.c cpu/host_timer.c cpu/local_apic.c cpu/tsc.c vm/event.c
 * vm/vm_platform.c vm/port_bus.c cpu/wall_clock.c lib/calendar.c lib/scaled_time.c
 * lib/tick_rate.c devices/pic8259.c devices/ioapic.c devices/pit8254.c devices/pit8254_counter.c
 * devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c devices/reset_control.c
 * devices/pci_config.c vm/vcpu_ipi.c vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c
 * vm/vcpu_shootdown.c vmx/itlb_multihit.c */
#include "exits/exit.h"
#include "fake_insn.h"
#include "fake_scheduler.h"
#include "tests/host/vcpu_fixture.h"
#include "vm/vcpu_posted.h"
#include "vm/vm_memory.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <stdlib.h>
#include <string.h>

/*
 * EPT violations by fetches from RAM of large pages, in a guest of two vCPUs that may execute from
 * 4-KByte pages alone.
 */

enum {
	READ = 1 << 0,
	FETCH = 1 << 2,
	LINEAR = 1 << 7,
	FINAL = 1 << 8,
	NMI_UNBLOCKING = 1 << 12,
	CODE = 0x201000, /* In the second of the two large pages. */
};

static struct vcpu_fixture *fixture;
static struct vcpu *second;
static size_t tables_left;

static void *table_allocate(void *context)
{
	(void)context;
	if (tables_left == 0) {
		return NULL;
	}
	tables_left--;
	return memset(aligned_alloc(PAGE_SIZE_4K, PAGE_SIZE_4K), 0, PAGE_SIZE_4K);
}

static void table_release(void *context, void *table)
{
	(void)context;
	free(table);
}

static void add_second_vcpu(struct vcpu_fixture *f)
{
	second = aligned_alloc(_Alignof(struct vcpu), sizeof(*second));
	assert_non_null(second);
	memset(second, 0, sizeof(*second));
	second->vm = &f->vm;
	second->id = 1;
	second->capability = &f->capability;
	second->scheduler = &f->scheduler;
	f->vm.vcpus[1] = second;
	f->vm.vcpu_count = 2;
	f->vm.is_smp = true;
	f->vm.memory_lock = (struct spinlock)SPINLOCK_INIT(LOCK_RANK_VM_MEMORY);
}

static int set_up(void **state)
{
	const struct ept_table_pool pool = {table_allocate, table_release, NULL};
	struct vcpu_fixture *f;

	(void)vcpu_fixture_set_up(state);
	fixture = f = *state;
	free(f->ram);
	f->ram = aligned_alloc(PAGE_SIZE_2M, VCPU_FIXTURE_RAM);
	assert_non_null(f->ram);
	memset(f->ram, 0, VCPU_FIXTURE_RAM);
	f->vm.memory.regions[0].host = f->ram;
	f->vm.memory_base = hpa_of(f->ram);
	f->capability.physical_address_bits = 52;
	tables_left = 100;
	add_second_vcpu(f);
	assert_int_equal(
		ept_init(&f->vm.ept, pool, f->capability.ept_vpid_cap, 52, false), STATUS_OK);
	assert_int_equal(ept_map(&f->vm.ept, gpa(0), f->vm.memory_base, VCPU_FIXTURE_RAM, ept_ram),
		STATUS_OK);
	fake_scheduler_clear();
	return 0;
}

static int tear_down(void **state)
{
	struct vcpu_fixture *f = *state;

	ept_destroy(&f->vm.ept);
	free(second);
	return vcpu_fixture_tear_down(state);
}

static enum exit_action violation(struct vcpu *vcpu, uint64_t address, uint64_t qualification)
{
	fake_vmcs_set(VMCS_GUEST_PHYSICAL_ADDRESS, address);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, qualification);
	return exit_handle_ept_violation(vcpu);
}

static enum exit_action fetch(struct vcpu *vcpu, uint64_t address)
{
	return violation(vcpu, address, FETCH | LINEAR | FINAL);
}

static bool is_executable(uint64_t address)
{
	const struct ept_mapping mapping = ept_walk(&fixture->vm.ept, gpa(address));

	return (mapping.attributes.permissions & EPT_EXECUTE) != 0;
}

static void a_fetch_from_a_large_page_is_done_once_more(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(fetch(&f->vcpu, CODE), EXIT_RESUME);
	assert_true(is_executable(CODE));
	assert_true(is_executable(CODE + MIB(1)));
	assert_false(is_executable(CODE - MIB(2)));
	assert_int_equal(f->vm.large_pages_split, 1);
	assert_int_equal(f->vm.end, VM_END_NONE);
}

static void both_invalidate_after_a_split(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(fetch(&f->vcpu, CODE), EXIT_RESUME);
	assert_int_equal(fake_cpu.invept_count, 1);
	assert_int_equal(fake_cpu.invept_descriptor.first, ept_pointer(&f->vm.ept));
	/* The other has no CPU: it invalidates before it enters the guest again. */
	assert_true(second->is_ept_stale);
	vcpu_take_posted(second);
	assert_int_equal(fake_cpu.invept_count, 2);
	assert_false(second->is_ept_stale);
}

/* It may spin with interrupts off for long; the old translations are right until it comes out. */
static void one_that_runs_the_guest_is_brought_out_and_not_waited_for(void **state)
{
	struct vcpu_fixture *f = *state;

	second->is_on_cpu = true;
	assert_int_equal(fetch(&f->vcpu, CODE), EXIT_RESUME);
	assert_int_equal(fake_cpu.pause_count, 0);
	assert_int_equal(fake_scheduler.notify_count, 1);
	assert_true(second->is_ept_stale);
	vcpu_take_posted(second);
	assert_int_equal(fake_cpu.invept_count, 2);
	assert_false(second->is_ept_stale);
}

/* Both fetched from the large page; the second comes to the lock when the first is done. */
static void the_second_of_two_on_one_page_changes_nothing(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(fetch(&f->vcpu, CODE), EXIT_RESUME);
	vcpu_take_posted(second);
	tables_left = 0;
	assert_int_equal(fetch(second, CODE + 0x3000), EXIT_RESUME);
	assert_int_equal(fetch(second, CODE), EXIT_RESUME);
	assert_int_equal(f->vm.large_pages_split, 1);
	assert_int_equal(fake_cpu.invept_count, 2);
	assert_false(f->vcpu.is_ept_stale);
}

static void an_event_whose_delivery_it_interrupted_is_kept(void **state)
{
	struct vcpu_fixture *f = *state;

	/* The dispatcher injects it again; the handler must not see it as a fault. */
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0x800000d1);
	assert_int_equal(fetch(&f->vcpu, CODE), EXIT_RESUME);
	assert_int_equal(f->vm.end, VM_END_NONE);
	assert_int_equal(vcpu_fixture_injected(), 0);
}

static void an_iret_that_comes_again_finds_nmis_blocked(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	assert_int_equal(
		violation(&f->vcpu, CODE, FETCH | LINEAR | FINAL | NMI_UNBLOCKING), EXIT_RESUME);
	assert_int_equal(
		fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), INTERRUPTIBILITY_BLOCKING_BY_NMI);
}

static void no_single_step_is_reported_for_what_did_not_happen(void **state)
{
	static const uint32_t shadows[] = {
		INTERRUPTIBILITY_BLOCKING_BY_MOV_SS, INTERRUPTIBILITY_BLOCKING_BY_STI};
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, PENDING_DEBUG_BS);
	assert_int_equal(fetch(&f->vcpu, CODE), EXIT_RESUME);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS), 0);
	/* What MOV SS holds back comes after the next instruction; in either shadow a VM entry
	 * demands it. */
	for (size_t i = 0; i < ARRAY_COUNT(shadows); i++) {
		fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, shadows[i]);
		fake_vmcs_set(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, PENDING_DEBUG_BS);
		assert_int_equal(fetch(&f->vcpu, CODE - MIB(2) + i * PAGE_SIZE_4K), EXIT_RESUME);
		assert_int_equal(
			fake_vmcs_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS), PENDING_DEBUG_BS);
	}
}

static void without_a_table_the_guest_alone_ends(void **state)
{
	struct vcpu_fixture *f = *state;

	tables_left = 0;
	assert_int_equal(fetch(&f->vcpu, CODE), EXIT_STOP);
	assert_int_equal(f->vm.end, VM_END_CRASHED);
	assert_string_equal(f->vm.end_reason, "no memory left for its EPT address=0x201000");
	assert_int_equal(f->vm.large_pages_split, 0);
	assert_int_equal(fake_cpu.invept_count, 0);
}

static void a_fetch_from_no_memory_still_ends_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(fetch(&f->vcpu, VCPU_FIXTURE_RAM), EXIT_STOP);
	assert_non_null(strstr(f->vm.end_reason, "fetched code from an address without memory"));
	assert_int_equal(f->vm.large_pages_split, 0);
}

static void a_read_splits_nothing(void **state)
{
	struct vcpu_fixture *f = *state;

	(void)violation(&f->vcpu, CODE, READ | LINEAR | FINAL);
	assert_int_equal(f->vm.large_pages_split, 0);
	assert_false(is_executable(CODE));
}

#define WITH_LARGE_PAGES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LARGE_PAGES(a_fetch_from_a_large_page_is_done_once_more),
		WITH_LARGE_PAGES(both_invalidate_after_a_split),
		WITH_LARGE_PAGES(one_that_runs_the_guest_is_brought_out_and_not_waited_for),
		WITH_LARGE_PAGES(the_second_of_two_on_one_page_changes_nothing),
		WITH_LARGE_PAGES(an_event_whose_delivery_it_interrupted_is_kept),
		WITH_LARGE_PAGES(an_iret_that_comes_again_finds_nmis_blocked),
		WITH_LARGE_PAGES(no_single_step_is_reported_for_what_did_not_happen),
		WITH_LARGE_PAGES(without_a_table_the_guest_alone_ends),
		WITH_LARGE_PAGES(a_fetch_from_no_memory_still_ends_the_guest),
		WITH_LARGE_PAGES(a_read_splits_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
