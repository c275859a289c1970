/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/exit_ept.c exits/exit_apic.c exits/mmio.c exits/mov_decode.c exits/mov_operand.c
 * exits/exit_again.c exits/io_segment.c vm/vm_memory.c vm/guest_code.c
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
#include "cpu/registers.h"
#include "exits/exit.h"
#include "fake_insn.h"
#include "fake_log.h"
#include "tests/host/vcpu_fixture.h"
#include "vm/vm_memory.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <stdlib.h>
#include <string.h>

enum {
	READ = 1 << 0,
	WRITE = 1 << 1,
	FETCH = 1 << 2,
	LINEAR = 1 << 7,
	FINAL = 1 << 8,
	NMI_UNBLOCKING = 1 << 12,
	HOLE = 0x7ee00000,     /* A guest-physical address without RAM. */
	HOLE_LINEAR = 0x10000, /* Where the guest maps it. */
	HOLE_ENTRY = HOLE | 7,
};

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

static int set_up(void **state)
{
	struct vcpu_fixture *f;

	(void)vcpu_fixture_set_up(state);
	f = *state;
	/* As the page allocator gives it. */
	free(f->ram);
	f->ram = aligned_alloc(PAGE_SIZE_4K, VCPU_FIXTURE_RAM);
	assert_non_null(f->ram);
	memset(f->ram, 0, VCPU_FIXTURE_RAM);
	f->vm.memory.regions[0].host = f->ram;
	f->vm.memory_base = hpa_of(f->ram);
	tables_left = 100;
	f->capability.physical_address_bits = 52;
	assert_int_equal(
		ept_init(&f->vm.ept, (struct ept_table_pool){table_allocate, table_release, NULL},
			f->capability.ept_vpid_cap, f->capability.physical_address_bits, false),
		STATUS_OK);
	vcpu_fixture_map_identity(f);
	*vcpu_fixture_page(f, HOLE_LINEAR) = HOLE_ENTRY;
	f->vcpu.frame.registers[REGISTER_RBX] = HOLE_LINEAR;
	f->vcpu.frame.registers[REGISTER_RDI] = HOLE_LINEAR;
	return 0;
}

static int tear_down(void **state)
{
	struct vcpu_fixture *f = *state;

	ept_destroy(&f->vm.ept);
	return vcpu_fixture_tear_down(state);
}

static enum exit_action violation_at(
	struct vcpu_fixture *f, uint64_t linear, uint64_t address, uint64_t qualification)
{
	fake_vmcs_set(VMCS_GUEST_LINEAR_ADDRESS, linear);
	fake_vmcs_set(VMCS_GUEST_PHYSICAL_ADDRESS, address);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, qualification);
	return exit_handle_ept_violation(&f->vcpu);
}

static enum exit_action violation(struct vcpu_fixture *f, uint64_t address, uint64_t qualification)
{
	return violation_at(f, HOLE_LINEAR + address % PAGE_SIZE_4K, address, qualification);
}

static void put_code(struct vcpu_fixture *f, const char *bytes, size_t count)
{
	memset(f->ram + VCPU_FIXTURE_RIP, 0x90, 16);
	memcpy(f->ram + VCPU_FIXTURE_RIP, bytes, count);
}

static void a_load_reads_all_ones(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\x8b\x03", 2); /* mov eax, [rbx] */
	assert_int_equal(violation(f, HOLE, READ | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(f->vcpu.frame.registers[REGISTER_RAX], UINT32_MAX);
	assert_int_equal(f->vcpu.decoded_length, 2);
	put_code(f, "\x0f\xb6\x0b", 3); /* movzx ecx, byte [rbx] */
	f->vcpu.frame.registers[REGISTER_RCX] = UINT64_MAX;
	assert_int_equal(violation(f, HOLE, READ | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(f->vcpu.frame.registers[REGISTER_RCX], 0xff);
	put_code(f, "\x8a\x23", 2); /* mov ah, [rbx] */
	f->vcpu.frame.registers[REGISTER_RAX] = 0;
	assert_int_equal(violation(f, HOLE, READ | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(f->vcpu.frame.registers[REGISTER_RAX], 0xff00);
}

static void a_load_to_rsp_goes_to_the_vmcs(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\x48\x8b\x23", 3); /* mov rsp, [rbx] */
	assert_int_equal(violation(f, HOLE, READ | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RSP), UINT64_MAX);
}

static void a_store_is_ignored(void **state)
{
	struct vcpu_fixture *f = *state;
	uint64_t before[REGISTER_COUNT];

	memcpy(before, f->vcpu.frame.registers, sizeof(before));
	put_code(f, "\xc7\x43\x08\x78\x56\x34\x12", 7); /* mov dword [rbx + 8], 0x12345678 */
	assert_int_equal(violation(f, HOLE + 8, WRITE | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(f->vcpu.decoded_length, 7);
	assert_memory_equal(before, f->vcpu.frame.registers, sizeof(before));
	assert_int_equal(f->vm.end, VM_END_NONE);
}

/* Without paging the linear address is the physical one. */
static void the_code_width_decides_the_decoding(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\xc7\x07\x78\x56\x34\x12", 6);
	vcpu_fixture_32bit(f); /* mov dword [edi], 0x12345678 */
	f->vcpu.frame.registers[REGISTER_RDI] = HOLE;
	assert_int_equal(violation_at(f, HOLE, HOLE, WRITE | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(f->vcpu.decoded_length, 6);
	vcpu_fixture_real_mode(f); /* mov word [bx], 0x5678 */
	fake_vmcs_set(VMCS_GUEST_DS_BASE, HOLE - 0x1234);
	f->vcpu.frame.registers[REGISTER_RBX] = 0xffff1234;
	assert_int_equal(violation_at(f, HOLE, HOLE, WRITE | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(f->vcpu.decoded_length, 4);
	vcpu_fixture_compatibility(f);
	f->vcpu.frame.registers[REGISTER_RDI] = HOLE_LINEAR;
	assert_int_equal(violation(f, HOLE, WRITE | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(f->vcpu.decoded_length, 6);
}

static void code_is_read_across_pages_by_the_guests_tables(void **state)
{
	struct vcpu_fixture *f = *state;

	*vcpu_fixture_page(f, 0x3000) = 0x9007;
	fake_vmcs_set(VMCS_GUEST_RIP, 0x2fff);
	f->ram[0x2fff] = 0x8b;
	f->ram[0x9000] = 0x03;
	assert_int_equal(violation(f, HOLE, READ | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(f->vcpu.decoded_length, 2);
}

static void expect_crash(struct vcpu_fixture *f, uint64_t qualification, const char *reason)
{
	vcpu_fixture_revive(f);
	assert_int_equal(violation(f, HOLE, qualification), EXIT_STOP);
	assert_int_equal(f->vm.end, VM_END_CRASHED);
	if (strstr(f->vm.end_reason, reason) == NULL) {
		fail_msg("the reason is: %s", f->vm.end_reason);
	}
}

static void other_instructions_end_the_guest_with_their_bytes(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\x01\x03", 2); /* add [rbx], eax */
	expect_crash(f, READ | WRITE | LINEAR | FINAL, "instruction=01 03 90");
	put_code(f, "\xf3\xa4", 2); /* rep movsb */
	expect_crash(f, WRITE | LINEAR | FINAL, "instruction=f3 a4 90");
}

static void a_fetch_and_a_page_table_without_memory_end_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RIP, 0x1ffffff);
	expect_crash(f, FETCH | LINEAR | FINAL, "fetched code from");
	expect_crash(f, READ | LINEAR, "has a page table at");
}

/* Neither a register nor RIP has changed, and the CPU forgets what it knew of the tables. */
static void expect_again_at(struct vcpu_fixture *f, uint64_t linear, uint64_t qualification)
{
	uint64_t before[REGISTER_COUNT];
	const unsigned invalidations = fake_cpu.invvpid_count;
	const uint64_t address = HOLE + linear % PAGE_SIZE_4K;

	memcpy(before, f->vcpu.frame.registers, sizeof(before));
	assert_int_equal(violation_at(f, linear, address, qualification), EXIT_RESUME);
	assert_memory_equal(before, f->vcpu.frame.registers, sizeof(before));
	assert_int_equal(fake_cpu.invvpid_count, invalidations + 1);
	assert_int_equal(fake_cpu.invvpid_descriptor.first, f->vcpu.vpid);
	assert_int_equal(f->vm.end, VM_END_NONE);
}

static void expect_again(struct vcpu_fixture *f, uint64_t qualification)
{
	expect_again_at(f, HOLE_LINEAR, qualification);
}

static void code_that_vanished_is_fetched_again(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\x8b\x03", 2);
	*vcpu_fixture_page(f, VCPU_FIXTURE_RIP) = 0;
	expect_again(f, READ | LINEAR | FINAL);
	vcpu_fixture_map_identity(f);
	*vcpu_fixture_page(f, HOLE_LINEAR) = HOLE_ENTRY;
	fake_vmcs_set(VMCS_GUEST_RIP, 0x2fff);
	f->ram[0x2fff] = 0x8b;
	*vcpu_fixture_page(f, 0x3000) = 0;
	expect_again(f, READ | LINEAR | FINAL);
}

static void a_load_that_became_a_store_is_executed_again(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\x89\x03", 2); /* mov [rbx], eax */
	expect_again(f, READ | LINEAR | FINAL);
	put_code(f, "\x8b\x03", 2); /* mov eax, [rbx] */
	expect_again(f, WRITE | LINEAR | FINAL);
	expect_again(f, READ | WRITE | LINEAR | FINAL);
	assert_int_equal(violation(f, HOLE, READ | LINEAR | FINAL), EXIT_NEXT_DECODED);
}

static void an_operand_elsewhere_is_executed_again(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\x8b\x43\x04", 3); /* mov eax, [rbx + 4] */
	expect_again(f, READ | LINEAR | FINAL);
	/* Another linear address with the same offset, which leads to the same place. */
	put_code(f, "\x8b\x03", 2);
	*vcpu_fixture_page(f, HOLE_LINEAR + PAGE_SIZE_4K) = HOLE_ENTRY;
	f->vcpu.frame.registers[REGISTER_RBX] = HOLE_LINEAR + PAGE_SIZE_4K;
	expect_again(f, READ | LINEAR | FINAL);
	/* The same linear address, which leads elsewhere by now. */
	f->vcpu.frame.registers[REGISTER_RBX] = HOLE_LINEAR;
	*vcpu_fixture_page(f, HOLE_LINEAR) = HOLE_ENTRY + PAGE_SIZE_4K;
	expect_again(f, READ | LINEAR | FINAL);
	*vcpu_fixture_page(f, HOLE_LINEAR) = 0;
	expect_again(f, READ | LINEAR | FINAL);
}

static void what_the_instruction_may_not_do_is_executed_again(void **state)
{
	struct vcpu_fixture *f = *state;

	/* By a descriptor's load at CPL 3, say, which the supervisor's rights allow. */
	put_code(f, "\x8b\x03", 2);
	vcpu_fixture_set_cpl(f, 3);
	*vcpu_fixture_page(f, HOLE_LINEAR) = HOLE | 3;
	expect_again(f, READ | LINEAR | FINAL);
	/* A limit that holds the operand no more. */
	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_DS_LIMIT, 0xffff);
	f->vcpu.frame.registers[REGISTER_RBX] = HOLE;
	assert_int_equal(violation_at(f, HOLE, HOLE, READ | LINEAR | FINAL), EXIT_RESUME);
}

static void an_operand_that_ends_in_the_page_is_found(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\x8b\x43\xfe", 3); /* mov eax, [rbx - 2] */
	assert_int_equal(violation(f, HOLE, READ | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(f->vcpu.frame.registers[REGISTER_RAX], UINT32_MAX);
	put_code(f, "\x8b\x43\xfc", 3); /* mov eax, [rbx - 4] */
	expect_again(f, READ | LINEAR | FINAL);
}

static void another_instruction_gets_a_few_tries_where_others_may_have_put_it(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vm.is_smp = true;
	put_code(f, "\xcc", 1);
	for (unsigned i = 0; i < 4; i++) {
		expect_again(f, READ | LINEAR | FINAL);
	}
	put_code(f, "\x8b\x03", 2);
	assert_int_equal(violation(f, HOLE, READ | LINEAR | FINAL), EXIT_NEXT_DECODED);
	put_code(f, "\xcc", 1);
	for (unsigned i = 0; i < 4; i++) {
		expect_again(f, READ | LINEAR | FINAL);
	}
	expect_crash(f, READ | LINEAR | FINAL, "another instruction than MOV");
}

static void what_never_fits_is_told_in_the_log(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\x89\x03", 2);
	for (unsigned i = 0; i < 2000; i++) {
		expect_again(f, READ | LINEAR | FINAL);
	}
	assert_non_null(strstr(fake_log_text(), "do not agree rip=0x2000 tries=1000"));
}

static enum exit_action apic_access(struct vcpu_fixture *f, unsigned type, unsigned offset)
{
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, type << 12 | offset);
	return exit_handle_apic_access(&f->vcpu);
}

/* No linear address comes with it: the operand must lead to the APIC's page. */
static void an_apic_access_is_held_against_its_instruction(void **state)
{
	struct vcpu_fixture *f = *state;

	*vcpu_fixture_page(f, HOLE_LINEAR) = 0xfee00007;
	f->vcpu.frame.registers[REGISTER_RBX] = HOLE_LINEAR + VIRTUAL_APIC_TPR;
	f->vcpu.frame.registers[REGISTER_RAX] = 0x40;
	put_code(f, "\x89\x03", 2); /* mov [rbx], eax */
	assert_int_equal(apic_access(f, 1, VIRTUAL_APIC_TPR), EXIT_NEXT_DECODED);
	assert_int_equal(f->vcpu.apic.page[VIRTUAL_APIC_TPR / 4], 0x40);
	f->vcpu.frame.registers[REGISTER_RAX] = 0x50;
	assert_int_equal(apic_access(f, 0, VIRTUAL_APIC_TPR), EXIT_RESUME);
	assert_int_equal(apic_access(f, 1, VIRTUAL_APIC_TPR + 16), EXIT_RESUME);
	*vcpu_fixture_page(f, HOLE_LINEAR) = HOLE_ENTRY;
	assert_int_equal(apic_access(f, 1, VIRTUAL_APIC_TPR), EXIT_RESUME);
	assert_int_equal(f->vcpu.apic.page[VIRTUAL_APIC_TPR / 4], 0x40);
}

static void event_delivery_to_no_memory_ends_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\x8b\x03", 2);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0x80000b0e);
	expect_crash(f, WRITE | LINEAR | FINAL, "event delivery touched");
}

static void ram_is_mapped_at_its_first_touch(void **state)
{
	struct vcpu_fixture *f = *state;
	struct ept_mapping mapping;

	f->config.populate = VM_POPULATE_TOUCH;
	assert_int_equal(violation(f, 0x123456, WRITE | LINEAR), EXIT_RESUME);
	mapping = ept_walk(&f->vm.ept, gpa(0x123456));
	assert_int_equal(mapping.page_size, PAGE_SIZE_4K);
	assert_int_equal(mapping.address.value, (uintptr_t)f->ram + 0x123456);
	assert_int_equal(mapping.attributes.permissions, EPT_RWX);
	assert_int_equal(mapping.attributes.memory_type, MEMORY_TYPE_WB);
	assert_true(mapping.attributes.ignores_pat);
	assert_int_equal(ept_walk(&f->vm.ept, gpa(0x124000)).page_size, 0);
	assert_int_equal(violation(f, VCPU_FIXTURE_RAM - 1, READ | LINEAR | FINAL), EXIT_RESUME);
	put_code(f, "\x8b\x03", 2);
	*vcpu_fixture_page(f, HOLE_LINEAR) = VCPU_FIXTURE_RAM | 7;
	assert_int_equal(violation(f, VCPU_FIXTURE_RAM, READ | LINEAR | FINAL), EXIT_NEXT_DECODED);
}

static void without_populating_nothing_is_mapped(void **state)
{
	struct vcpu_fixture *f = *state;

	put_code(f, "\x8b\x03", 2);
	*vcpu_fixture_page(f, HOLE_LINEAR) = 0x5007;
	assert_int_equal(violation(f, 0x5000, READ | LINEAR | FINAL), EXIT_NEXT_DECODED);
	assert_int_equal(ept_walk(&f->vm.ept, gpa(0x5000)).page_size, 0);
}

static void no_memory_for_a_table_ends_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	f->config.populate = VM_POPULATE_TOUCH;
	tables_left = 0;
	assert_int_equal(violation(f, 0x5000, READ | LINEAR | FINAL), EXIT_STOP);
	assert_non_null(strstr(f->vm.end_reason, "no memory left for its EPT"));
}

static uint64_t nmi_blocking_after(struct vcpu_fixture *f)
{
	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	f->config.populate = VM_POPULATE_TOUCH;
	assert_int_equal(violation(f, 0x5000 + (tables_left++ << 12),
				 READ | LINEAR | FINAL | NMI_UNBLOCKING),
		EXIT_RESUME);
	return fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE);
}

static void an_iret_that_comes_again_finds_nmis_blocked(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(nmi_blocking_after(f), INTERRUPTIBILITY_BLOCKING_BY_NMI);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0x80000306);
	assert_int_equal(nmi_blocking_after(f), 0);
	fake_vmcs_set(VMCS_IDT_VECTORING_INFO, 0);
	f->vcpu.controls.pin = 0;
	assert_int_equal(nmi_blocking_after(f), 0);
}

static void a_misconfiguration_ends_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_PHYSICAL_ADDRESS, 0x5000);
	assert_int_equal(exit_handle_ept_misconfiguration(&f->vcpu), EXIT_STOP);
	assert_int_equal(f->vm.end, VM_END_CRASHED);
	assert_non_null(strstr(fake_log_text(), "error: ept: misconfiguration address=0x5000"));
}

#define WITH_EPT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_EPT(a_load_reads_all_ones),
		WITH_EPT(a_load_to_rsp_goes_to_the_vmcs),
		WITH_EPT(a_store_is_ignored),
		WITH_EPT(the_code_width_decides_the_decoding),
		WITH_EPT(code_is_read_across_pages_by_the_guests_tables),
		WITH_EPT(other_instructions_end_the_guest_with_their_bytes),
		WITH_EPT(a_fetch_and_a_page_table_without_memory_end_the_guest),
		WITH_EPT(code_that_vanished_is_fetched_again),
		WITH_EPT(a_load_that_became_a_store_is_executed_again),
		WITH_EPT(an_operand_elsewhere_is_executed_again),
		WITH_EPT(what_the_instruction_may_not_do_is_executed_again),
		WITH_EPT(an_operand_that_ends_in_the_page_is_found),
		WITH_EPT(another_instruction_gets_a_few_tries_where_others_may_have_put_it),
		WITH_EPT(what_never_fits_is_told_in_the_log),
		WITH_EPT(an_apic_access_is_held_against_its_instruction),
		WITH_EPT(event_delivery_to_no_memory_ends_the_guest),
		WITH_EPT(ram_is_mapped_at_its_first_touch),
		WITH_EPT(without_populating_nothing_is_mapped),
		WITH_EPT(no_memory_for_a_table_ends_the_guest),
		WITH_EPT(an_iret_that_comes_again_finds_nmis_blocked),
		WITH_EPT(a_misconfiguration_ends_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
