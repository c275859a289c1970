/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/exit_io.c exits/io_string.c exits/exit_again.c exits/io_segment.c
 * exits/advance_rip.c vm/event.c vm/vcpu.c vm/vm.c vm/port_bus.c vm/guest_paging.c vm/msr_policy.c
 * vm/msr_mtrr.c vm/cpuid_policy.c vm/cpuid_topology.c vm/guest_memory.c vmx/exit_qualification.c
 * lib/format.c tests/host/vcpu_fixture.c vm/vm_platform.c cpu/wall_clock.c lib/calendar.c
 * lib/scaled_time.c lib/tick_rate.c devices/pic8259.c devices/ioapic.c devices/pit8254.c
 * devices/pit8254_counter.c devices/rtc_mc146818.c devices/acpi_pm.c devices/i8042.c
 * devices/reset_control.c devices/pci_config.c vm/vcpu_interrupts.c vm/vcpu_timer.c
 * vmx/preemption_timer.c vm/vcpu_apicv.c vm/pv_eoi.c devices/virtual_apic.c
 * devices/virtual_apic_access.c devices/virtual_apic_lvt.c devices/virtual_apic_message.c
 * devices/virtual_apic_priority.c devices/virtual_apic_timer.c cpu/host_timer.c cpu/local_apic.c
 * cpu/tsc.c vm/vcpu_ipi.c vm/vcpu_posted.c vm/vcpu_post.c vm/posted_interrupts.c */
#include "cpu/registers.h"
#include "exits/exit.h"
#include "exits/io_segment.h"
#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <string.h>

enum {
	PORT = 0x100,
	END_PORT = 0x200,
	WRITES_MAX = 4096,
	IN = 1 << 3,
	STRING = 1 << 4,
	REP = 1 << 5,
	ADDRESS_16 = 0 << 7,
	ADDRESS_32 = 1 << 7,
	ADDRESS_64 = 2 << 7,
	DATA = 0x5000, /* A linear address in mapped RAM. */
};

/* The device: reads count up from 0x11223301, writes are kept. */
static uint32_t next_value;
static uint32_t writes[WRITES_MAX];
static size_t write_count;

static uint32_t device_read(void *context, unsigned offset, unsigned size_bytes)
{
	(void)context;
	(void)offset;
	(void)size_bytes;
	return next_value++;
}

static void device_write(void *context, unsigned offset, unsigned size_bytes, uint32_t value)
{
	(void)context;
	(void)offset;
	(void)size_bytes;
	assert_true(write_count < WRITES_MAX);
	writes[write_count++] = value;
}

static void end_write(void *context, unsigned offset, unsigned size_bytes, uint32_t value)
{
	(void)offset;
	(void)size_bytes;
	vm_end(context, VM_END_DEBUG_EXIT, value, "%s", "");
}

static int set_up(void **state)
{
	struct vcpu_fixture *f;

	(void)vcpu_fixture_set_up(state);
	f = *state;
	next_value = 0x11223301;
	write_count = 0;
	port_bus_add(&f->vm.ports, (struct port_range){PORT, 1, device_read, device_write, NULL});
	port_bus_add(
		&f->vm.ports, (struct port_range){END_PORT, 1, device_read, end_write, &f->vm});
	vcpu_fixture_map_identity(f);
	return 0;
}

static uint64_t *reg(struct vcpu_fixture *f, unsigned number)
{
	return &f->vcpu.frame.registers[number];
}

static enum exit_action io(struct vcpu_fixture *f, unsigned flags, unsigned size, unsigned port)
{
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	fake_vmcs_set(VMCS_EXIT_QUALIFICATION, (size - 1) | flags | (uint64_t)port << 16);
	return exit_handle_io_instruction(&f->vcpu);
}

/* A string instruction; INS says nothing of its segment, so DS stands there. */
static enum exit_action string(
	struct vcpu_fixture *f, unsigned flags, unsigned size, unsigned information)
{
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_INFO, information | SEGMENT_DS << 15);
	return io(f, STRING | flags, size, PORT);
}

static void in_fills_al_ax_or_eax(void **state)
{
	struct vcpu_fixture *f = *state;

	*reg(f, REGISTER_RAX) = UINT64_MAX;
	assert_int_equal(io(f, IN, 1, PORT), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(*reg(f, REGISTER_RAX), 0xffffffffffffff01);
	assert_int_equal(io(f, IN, 2, PORT), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(*reg(f, REGISTER_RAX), 0xffffffffffff3302);
	assert_int_equal(io(f, IN, 4, PORT), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(*reg(f, REGISTER_RAX), 0x11223303);
}

static void out_writes_al_ax_or_eax(void **state)
{
	struct vcpu_fixture *f = *state;

	*reg(f, REGISTER_RAX) = 0xaabbccdd12345678;
	for (unsigned size = 1; size <= 4; size *= 2) {
		assert_int_equal(io(f, 0, size, PORT), EXIT_NEXT_INSTRUCTION);
	}
	assert_int_equal(writes[0], 0x78);
	assert_int_equal(writes[1], 0x5678);
	assert_int_equal(writes[2], 0x12345678);
}

static void a_port_that_nobody_has_reads_ones(void **state)
{
	struct vcpu_fixture *f = *state;

	*reg(f, REGISTER_RAX) = 0;
	assert_int_equal(io(f, IN, 2, 0xffff), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(*reg(f, REGISTER_RAX), 0xffff);
	assert_int_equal(io(f, 0, 4, 0xffff), EXIT_NEXT_INSTRUCTION);
}

static void a_write_that_ends_the_guest_stops_it(void **state)
{
	struct vcpu_fixture *f = *state;

	*reg(f, REGISTER_RAX) = 3;
	assert_int_equal(io(f, 0, 1, END_PORT), EXIT_STOP);
	assert_int_equal(f->vm.end_code, 3);
}

static void ins_moves_one_element(void **state)
{
	struct vcpu_fixture *f = *state;

	*reg(f, REGISTER_RDI) = DATA;
	*reg(f, REGISTER_RCX) = 7;
	assert_int_equal(string(f, IN, 4, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
	assert_memory_equal(f->ram + DATA, "\x01\x33\x22\x11\0", 5);
	assert_int_equal(*reg(f, REGISTER_RDI), DATA + 4);
	assert_int_equal(*reg(f, REGISTER_RCX), 7);
}

static void outs_moves_one_element(void **state)
{
	struct vcpu_fixture *f = *state;

	memcpy(f->ram + DATA, "\x78\x56\x34\x12", 4);
	for (unsigned size = 1; size <= 4; size *= 2) {
		*reg(f, REGISTER_RSI) = DATA;
		assert_int_equal(string(f, 0, size, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
		assert_int_equal(*reg(f, REGISTER_RSI), DATA + size);
	}
	assert_int_equal(writes[0], 0x78);
	assert_int_equal(writes[1], 0x5678);
	assert_int_equal(writes[2], 0x12345678);
}

static void df_goes_down(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_DF);
	*reg(f, REGISTER_RDI) = DATA;
	*reg(f, REGISTER_RCX) = 3;
	assert_int_equal(string(f, IN | REP, 2, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(*reg(f, REGISTER_RDI), DATA - 6);
	assert_memory_equal(f->ram + DATA - 4, "\x03\x33\x02\x33\x01\x33", 6);
}

static void rep_crosses_pages(void **state)
{
	struct vcpu_fixture *f = *state;

	*vcpu_fixture_page(f, DATA + 0x1000) = 0x9007;
	*reg(f, REGISTER_RDI) = DATA + 0xffe;
	*reg(f, REGISTER_RCX) = 2;
	assert_int_equal(string(f, IN | REP, 4, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
	assert_memory_equal(f->ram + DATA + 0xffe, "\x01\x33", 2);
	assert_memory_equal(f->ram + 0x9000, "\x22\x11\x02\x33\x22\x11\0", 7);
	assert_int_equal(*reg(f, REGISTER_RCX), 0);
}

static void rep_with_count_0_does_nothing(void **state)
{
	struct vcpu_fixture *f = *state;

	*reg(f, REGISTER_RDI) = DATA;
	*reg(f, REGISTER_RCX) = 0xffff0000;
	assert_int_equal(string(f, IN | REP, 1, ADDRESS_16), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(*reg(f, REGISTER_RDI), DATA);
	assert_int_equal(next_value, 0x11223301);
}

static void a_long_rep_is_done_in_pieces(void **state)
{
	struct vcpu_fixture *f = *state;
	int exits = 1;

	*reg(f, REGISTER_RSI) = DATA;
	*reg(f, REGISTER_RCX) = 3000;
	while (string(f, REP, 1, ADDRESS_64) == EXIT_RESUME) {
		assert_int_equal(vcpu_fixture_injected(), 0);
		assert_int_equal(*reg(f, REGISTER_RSI), DATA + write_count);
		assert_int_equal(*reg(f, REGISTER_RCX), 3000 - write_count);
		exits++;
	}
	assert_int_equal(exits, 3);
	assert_int_equal(write_count, 3000);
}

static void a_page_fault_half_way_keeps_what_was_done(void **state)
{
	struct vcpu_fixture *f = *state;

	*vcpu_fixture_page(f, DATA + 0x1000) = 0;
	*reg(f, REGISTER_RDI) = DATA + 0xffc;
	*reg(f, REGISTER_RCX) = 10;
	assert_int_equal(string(f, IN | REP, 2, ADDRESS_64), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_PF);
	assert_int_equal(fake_cpu.cr2, DATA + 0x1000);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE), 2);
	assert_int_equal(*reg(f, REGISTER_RDI), DATA + 0x1000);
	assert_int_equal(*reg(f, REGISTER_RCX), 8);
	assert_int_equal(next_value, 0x11223303);
	*vcpu_fixture_page(f, DATA + 0x1000) = 0x9007;
	assert_int_equal(string(f, IN | REP, 2, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(*reg(f, REGISTER_RCX), 0);
}

static void an_element_that_faults_in_its_second_page_moves_no_byte(void **state)
{
	struct vcpu_fixture *f = *state;

	*vcpu_fixture_page(f, DATA + 0x1000) = 5;
	*reg(f, REGISTER_RDI) = DATA + 0xfff;
	vcpu_fixture_set_cpl(f, 3);
	assert_int_equal(string(f, IN, 2, ADDRESS_64), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_PF);
	assert_int_equal(fake_cpu.cr2, DATA + 0x1000);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE), 7);
	assert_int_equal(f->ram[DATA + 0xfff], 0);
	assert_int_equal(next_value, 0x11223301);
}

static void the_guests_rights_hold(void **state)
{
	struct vcpu_fixture *f = *state;

	*vcpu_fixture_page(f, DATA) = DATA | 3;
	*reg(f, REGISTER_RSI) = DATA;
	assert_int_equal(string(f, 0, 1, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
	vcpu_fixture_set_cpl(f, 3);
	*reg(f, REGISTER_RSI) = DATA;
	assert_int_equal(string(f, 0, 1, ADDRESS_64), EXIT_RESUME);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE), 5);
	vcpu_fixture_set_cpl(f, 0);
	*vcpu_fixture_page(f, DATA) = DATA | 7;
	fake_vmcs_set(VMCS_GUEST_CR4, CR4_PAE | CR4_SMAP);
	assert_int_equal(string(f, 0, 1, ADDRESS_64), EXIT_RESUME);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE), 1);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | BIT(18));
	assert_int_equal(string(f, 0, 1, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
}

static void a_16_bit_index_wraps_and_keeps_the_rest(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_real_mode(f);
	fake_vmcs_set(VMCS_GUEST_ES_BASE, 0x20000);
	*reg(f, REGISTER_RDI) = 0xabcdef1234560000 | 0xffff;
	*reg(f, REGISTER_RCX) = 0xabcdef1234560000 | 2;
	assert_int_equal(string(f, IN | REP, 1, ADDRESS_16), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(*reg(f, REGISTER_RDI), 0xabcdef1234560001);
	assert_int_equal(*reg(f, REGISTER_RCX), 0xabcdef1234560000);
	assert_int_equal(f->ram[0x2ffff], 1);
	assert_int_equal(f->ram[0x20000], 2);
}

static void a_32_bit_index_clears_the_upper_half(void **state)
{
	struct vcpu_fixture *f = *state;

	*reg(f, REGISTER_RDI) = 0xffffffff00000000 | DATA;
	*reg(f, REGISTER_RCX) = 0xffffffff00000001;
	assert_int_equal(string(f, IN | REP, 1, ADDRESS_32), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(*reg(f, REGISTER_RDI), DATA + 1);
	assert_int_equal(*reg(f, REGISTER_RCX), 0);
	assert_int_equal(f->ram[DATA], 1);
}

static void a_linear_address_wraps_at_4g_outside_64_bit_code(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_DS_BASE, 0xfffff000);
	f->ram[0x234] = 0x5a;
	*reg(f, REGISTER_RSI) = 0x1234;
	assert_int_equal(string(f, 0, 1, ADDRESS_32), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(writes[0], 0x5a);
	memcpy(f->ram, "\x34\x12", 2);
	*reg(f, REGISTER_RSI) = 0xffe;
	assert_int_equal(string(f, 0, 4, ADDRESS_32), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(writes[1], 0x1234ffff);
}

/* The element's first half lies in a 1 GiB page without memory, the second one at linear 0. */
static void an_element_goes_around_4g_in_compatibility_mode(void **state)
{
	struct vcpu_fixture *f = *state;
	const uint64_t page = 0xc0000087;

	vcpu_fixture_compatibility(f);
	memcpy(f->ram + VCPU_FIXTURE_PML4 + 0x1000 + 3 * sizeof(page), &page, sizeof(page));
	memcpy(f->ram, "\x34\x12", 2);
	fake_vmcs_set(VMCS_GUEST_DS_BASE, 0x1000);
	*reg(f, REGISTER_RSI) = 0xffffeffe;
	assert_int_equal(string(f, 0, 4, ADDRESS_32), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(writes[0], 0x1234ffff);
}

static void ins_takes_es_and_outs_its_override(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_ES_BASE, 0x10000);
	fake_vmcs_set(VMCS_GUEST_FS_BASE, 0x20000);
	*reg(f, REGISTER_RDI) = 0x10;
	assert_int_equal(string(f, IN, 1, ADDRESS_32), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(f->ram[0x10010], 1);
	f->ram[0x20010] = 0x77;
	*reg(f, REGISTER_RSI) = 0x10;
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_INFO, ADDRESS_32 | SEGMENT_FS << 15);
	assert_int_equal(io(f, STRING, 1, PORT), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(writes[0], 0x77);
}

static void only_fs_and_gs_have_a_base_in_64_bit_code(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_DS_BASE, 0x10000);
	fake_vmcs_set(VMCS_GUEST_GS_BASE, 0x20000);
	f->ram[DATA] = 0x11;
	f->ram[0x20000 + DATA] = 0x22;
	*reg(f, REGISTER_RSI) = DATA;
	assert_int_equal(string(f, 0, 1, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
	*reg(f, REGISTER_RSI) = DATA;
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_INFO, ADDRESS_64 | SEGMENT_GS << 15);
	assert_int_equal(io(f, STRING, 1, PORT), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(writes[0], 0x11);
	assert_int_equal(writes[1], 0x22);
}

static void expect_segment_fault(struct vcpu_fixture *f, unsigned flags, uint64_t index,
	unsigned information, uint32_t fault)
{
	*reg(f, REGISTER_RDI) = index;
	*reg(f, REGISTER_RSI) = index;
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_INFO, information);
	assert_int_equal(io(f, STRING | flags, 2, PORT), EXIT_RESUME);
	assert_int_equal(vcpu_fixture_injected(), fault);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE), 0);
	assert_int_equal(next_value, 0x11223301);
	assert_int_equal(write_count, 0);
}

static void an_offset_beyond_the_limit_is_gp(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_ES_LIMIT, 0x2fff);
	expect_segment_fault(f, IN, 0x2fff, ADDRESS_32, INJECTED_GP);
	expect_segment_fault(f, IN, 0x3000, ADDRESS_32, INJECTED_GP);
	expect_segment_fault(f, IN, UINT32_MAX, ADDRESS_32, INJECTED_GP);
	*reg(f, REGISTER_RDI) = 0x2ffe;
	assert_int_equal(string(f, IN, 2, ADDRESS_32), EXIT_NEXT_INSTRUCTION);
}

static void real_mode_has_limits_too(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_real_mode(f);
	expect_segment_fault(f, IN, 0xffff, ADDRESS_16, INJECTED_GP_REAL_MODE);
}

static void an_expand_down_segment_begins_above_its_limit(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_DS_ACCESS_RIGHTS, 0xc097);
	fake_vmcs_set(VMCS_GUEST_DS_LIMIT, 0x2fff);
	expect_segment_fault(f, 0, 0x2fff, ADDRESS_32 | SEGMENT_DS << 15, INJECTED_GP);
	expect_segment_fault(f, 0, 0, ADDRESS_32 | SEGMENT_DS << 15, INJECTED_GP);
	*reg(f, REGISTER_RSI) = 0x3000;
	assert_int_equal(string(f, 0, 2, ADDRESS_32), EXIT_NEXT_INSTRUCTION);
	write_count = 0;
	fake_vmcs_set(VMCS_GUEST_DS_ACCESS_RIGHTS, 0x97);
	expect_segment_fault(f, 0, 0xffff, ADDRESS_32 | SEGMENT_DS << 15, INJECTED_GP);
	expect_segment_fault(f, 0, 0x10000, ADDRESS_32 | SEGMENT_DS << 15, INJECTED_GP);
}

static void a_segment_of_the_wrong_kind_is_gp(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_ES_ACCESS_RIGHTS, 0x10000);
	expect_segment_fault(f, IN, 0x10, ADDRESS_32, INJECTED_GP);
	fake_vmcs_set(VMCS_GUEST_ES_ACCESS_RIGHTS, 0xc091);
	expect_segment_fault(f, IN, 0x10, ADDRESS_32, INJECTED_GP);
	fake_vmcs_set(VMCS_GUEST_ES_ACCESS_RIGHTS, 0xc09b);
	expect_segment_fault(f, IN, 0x10, ADDRESS_32, INJECTED_GP);
	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xc099);
	expect_segment_fault(f, 0, 0x10, ADDRESS_32 | SEGMENT_CS << 15, INJECTED_GP);
	fake_vmcs_set(VMCS_GUEST_SS_ACCESS_RIGHTS, 0x10000);
	expect_segment_fault(f, 0, 0x10, ADDRESS_32 | SEGMENT_SS << 15, INJECTED_SS);
	fake_vmcs_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xc09b);
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_INFO, ADDRESS_32 | SEGMENT_CS << 15);
	assert_int_equal(io(f, STRING, 1, PORT), EXIT_NEXT_INSTRUCTION);
}

static void an_address_that_is_not_canonical_is_gp(void **state)
{
	struct vcpu_fixture *f = *state;

	expect_segment_fault(f, IN, 0x7fffffffffff, ADDRESS_64, INJECTED_GP);
	expect_segment_fault(f, IN, 0x800000000000, ADDRESS_64, INJECTED_GP);
	expect_segment_fault(f, IN, 0xffff7fffffffffff, ADDRESS_64, INJECTED_GP);
	expect_segment_fault(f, 0, BIT(63), ADDRESS_64 | SEGMENT_SS << 15, INJECTED_SS);
}

static void a_single_step_stops_after_each_element(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_TF);
	*reg(f, REGISTER_RDI) = DATA;
	*reg(f, REGISTER_RCX) = 2;
	assert_int_equal(string(f, IN | REP, 1, ADDRESS_64), EXIT_RESUME);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS), PENDING_DEBUG_BS);
	assert_int_equal(*reg(f, REGISTER_RCX), 1);
	assert_int_equal(string(f, IN | REP, 1, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(*reg(f, REGISTER_RCX), 0);
}

static void memory_that_is_not_there_reads_ones_and_swallows_writes(void **state)
{
	struct vcpu_fixture *f = *state;

	*vcpu_fixture_page(f, DATA) = 0xf0000007;
	*reg(f, REGISTER_RSI) = DATA;
	assert_int_equal(string(f, 0, 4, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
	assert_int_equal(writes[0], UINT32_MAX);
	*reg(f, REGISTER_RDI) = DATA;
	assert_int_equal(string(f, IN, 4, ADDRESS_64), EXIT_NEXT_INSTRUCTION);
}

/* No CPU tells of these: the tables of sizes and segments end before. */
static void sizes_and_segments_that_there_are_not_are_unhandled(void **state)
{
	struct vcpu_fixture *f = *state;
	static const unsigned sizes[] = {3, 5, 6, 7, 8};

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		assert_int_equal(string(f, IN, sizes[i], ADDRESS_64), EXIT_UNHANDLED);
	}
	for (unsigned segment = SEGMENT_GS + 1; segment < 8; segment++) {
		fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_INFO, ADDRESS_64 | segment << 15);
		assert_int_equal(io(f, STRING, 1, PORT), EXIT_UNHANDLED);
	}
}

static void a_page_table_outside_of_ram_ends_the_guest(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_CR3, 0xfffffff000);
	*reg(f, REGISTER_RSI) = DATA;
	assert_int_equal(string(f, 0, 1, ADDRESS_64), EXIT_STOP);
	assert_int_equal(f->vm.end, VM_END_CRASHED);
}

static void a_rep_outs_stops_where_the_guest_ends(void **state)
{
	struct vcpu_fixture *f = *state;

	f->ram[DATA] = 9;
	*reg(f, REGISTER_RSI) = DATA;
	*reg(f, REGISTER_RCX) = 100;
	fake_vmcs_set(VMCS_VM_EXIT_INSTRUCTION_INFO, ADDRESS_64 | SEGMENT_DS << 15);
	assert_int_equal(io(f, STRING | REP, 1, END_PORT), EXIT_STOP);
	assert_int_equal(f->vm.end_code, 9);
}

#define WITH_PORTS(test) cmocka_unit_test_setup_teardown(test, set_up, vcpu_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PORTS(in_fills_al_ax_or_eax),
		WITH_PORTS(out_writes_al_ax_or_eax),
		WITH_PORTS(a_port_that_nobody_has_reads_ones),
		WITH_PORTS(a_write_that_ends_the_guest_stops_it),
		WITH_PORTS(ins_moves_one_element),
		WITH_PORTS(outs_moves_one_element),
		WITH_PORTS(df_goes_down),
		WITH_PORTS(rep_crosses_pages),
		WITH_PORTS(rep_with_count_0_does_nothing),
		WITH_PORTS(a_long_rep_is_done_in_pieces),
		WITH_PORTS(a_page_fault_half_way_keeps_what_was_done),
		WITH_PORTS(an_element_that_faults_in_its_second_page_moves_no_byte),
		WITH_PORTS(the_guests_rights_hold),
		WITH_PORTS(a_16_bit_index_wraps_and_keeps_the_rest),
		WITH_PORTS(a_32_bit_index_clears_the_upper_half),
		WITH_PORTS(a_linear_address_wraps_at_4g_outside_64_bit_code),
		WITH_PORTS(an_element_goes_around_4g_in_compatibility_mode),
		WITH_PORTS(ins_takes_es_and_outs_its_override),
		WITH_PORTS(only_fs_and_gs_have_a_base_in_64_bit_code),
		WITH_PORTS(an_offset_beyond_the_limit_is_gp),
		WITH_PORTS(real_mode_has_limits_too),
		WITH_PORTS(an_expand_down_segment_begins_above_its_limit),
		WITH_PORTS(a_segment_of_the_wrong_kind_is_gp),
		WITH_PORTS(an_address_that_is_not_canonical_is_gp),
		WITH_PORTS(a_single_step_stops_after_each_element),
		WITH_PORTS(memory_that_is_not_there_reads_ones_and_swallows_writes),
		WITH_PORTS(sizes_and_segments_that_there_are_not_are_unhandled),
		WITH_PORTS(a_page_table_outside_of_ram_ends_the_guest),
		WITH_PORTS(a_rep_outs_stops_where_the_guest_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
