/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/vmmcall.c exits/exit_again.c vm/guest_store.c vm/guest_code.c vm/guest_paging.c
 * vm/guest_memory.c vm/vcpu.c vm/msr_policy.c vm/msr_mtrr.c vm/cpuid_policy.c vm/cpuid_topology.c
 * vm/event.c lib/format.c tests/host/vcpu_fixture.c */
#include "exits/vmmcall.h"

#include "cpu/registers.h"
#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"
#include "vm/guest_store.h"
#include "vmx/vmcs.h"

#include <string.h>

#define PAGE_WRITABLE 2ull
#define PAGE_PRESENT  1ull

static const uint8_t vmmcall[] = {0x0f, 0x01, 0xd9};
static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1};

static void place(struct vcpu_fixture *f, uint64_t rip)
{
	memcpy(f->ram + rip, vmmcall, sizeof(vmmcall));
	fake_vmcs_set(VMCS_GUEST_RIP, rip);
}

static void the_opcode_is_found_behind_prefixes_that_are_ignored(void **state)
{
	static const struct {
		const char *bytes;
		size_t count;
		bool is_64bit;
		enum vmmcall_code code;
		size_t offset;
	} cases[] = {
		{"\x0f\x01\xd9", 3, true, VMMCALL_CODE_VMMCALL, 0},
		{"\x0f\x01\xd9", 2, true, VMMCALL_CODE_TRUNCATED, 0},
		{"\x0f\x01\xc1", 3, true, VMMCALL_CODE_VMCALL, 0},
		{"\x0f\x01\xd8", 3, true, VMMCALL_CODE_OTHER, 0},
		{"\x0f\x0b", 2, true, VMMCALL_CODE_OTHER, 0},
		{"\x64\x67\x0f\x01\xd9", 5, true, VMMCALL_CODE_VMMCALL, 2},
		{"\x48\x0f\x01\xd9", 4, true, VMMCALL_CODE_VMMCALL, 1},
		{"\x48\x0f\x01\xc1", 4, true, VMMCALL_CODE_VMCALL, 1},
		{"\x48\x0f\x01\xd9", 4, false, VMMCALL_CODE_OTHER, 0},
		{"\x48\x64\x0f\x01\xd9", 5, true, VMMCALL_CODE_OTHER, 1},
		{"\x48\x48\x0f\x01\xd9", 5, true, VMMCALL_CODE_OTHER, 1},
		{"\xf0\x0f\x01\xd9", 4, true, VMMCALL_CODE_OTHER, 0},
		{"\xf0\x0f\x01\xc1", 4, true, VMMCALL_CODE_OTHER, 0},
		{"\x66\x0f\x01\xd9", 4, true, VMMCALL_CODE_OTHER, 0},
		{"\xf3\x0f\x01\xd9", 4, false, VMMCALL_CODE_OTHER, 0},
		{"\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e", 15, true,
			VMMCALL_CODE_OTHER, 15},
		{"\x2e", 1, true, VMMCALL_CODE_TRUNCATED, 1},
		{"", 0, true, VMMCALL_CODE_TRUNCATED, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		size_t offset;

		assert_int_equal(vmmcall_decode((const uint8_t *)cases[i].bytes, cases[i].count,
					 cases[i].is_64bit, &offset),
			cases[i].code);
		assert_int_equal(offset, cases[i].offset);
	}
}

static void vmmcall_is_rewritten_and_executed_again(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_map_identity(f);
	place(f, 0x2000);
	vmmcall_or_invalid_opcode(&f->vcpu);
	assert_memory_equal(f->ram + 0x2000, vmcall, sizeof(vmcall));
	assert_int_equal(vcpu_fixture_injected(), 0);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), 0x2000);
}

static void a_page_that_is_not_writable_gives_a_page_fault(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_map_identity(f);
	*vcpu_fixture_page(f, 0x2000) &= ~PAGE_WRITABLE;
	place(f, 0x2000);
	vmmcall_or_invalid_opcode(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_PF);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE), 3);
	assert_int_equal(fake_cpu.cr2, 0x2000);
	vcpu_fixture_set_cpl(f, 3);
	vmmcall_or_invalid_opcode(&f->vcpu);
	assert_int_equal(fake_vmcs_get(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE), 7);
	assert_memory_equal(f->ram + 0x2000, vmmcall, sizeof(vmmcall));
}

static void across_pages_both_must_be_writable(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_map_identity(f);
	*vcpu_fixture_page(f, 0x3000) &= ~PAGE_WRITABLE;
	place(f, 0x2ffe);
	vmmcall_or_invalid_opcode(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_PF);
	assert_int_equal(fake_cpu.cr2, 0x3000);
	assert_memory_equal(f->ram + 0x2ffe, vmmcall, sizeof(vmmcall));
	*vcpu_fixture_page(f, 0x3000) |= PAGE_WRITABLE;
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	vmmcall_or_invalid_opcode(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), 0);
	assert_memory_equal(f->ram + 0x2ffe, vmcall, sizeof(vmcall));
}

static void real_and_virtual_8086_mode_keep_their_ud(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_real_mode(f);
	place(f, 0x2000);
	vmmcall_or_invalid_opcode(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_UD);
	vcpu_fixture_32bit(f);
	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_VM);
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	vmmcall_or_invalid_opcode(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_UD);
	assert_memory_equal(f->ram + 0x2000, vmmcall, sizeof(vmmcall));
}

static void code_that_is_not_vmmcall_is_ud(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_map_identity(f);
	fake_vmcs_set(VMCS_GUEST_RIP, 0x2000);
	assert_true(vmmcall_or_invalid_opcode(&f->vcpu));
	assert_int_equal(vcpu_fixture_injected(), INJECTED_UD);
}

static void expect_again(struct vcpu_fixture *f)
{
	const unsigned invalidations = fake_cpu.invvpid_count;

	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	assert_false(vmmcall_or_invalid_opcode(&f->vcpu));
	assert_int_equal(vcpu_fixture_injected(), 0);
	assert_int_equal(fake_cpu.invvpid_count, invalidations + 1);
}

static void code_that_vanished_is_fetched_again(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_map_identity(f);
	place(f, 0x2000);
	*vcpu_fixture_page(f, 0x2000) &= ~PAGE_PRESENT;
	expect_again(f);
	*vcpu_fixture_page(f, 0x2000) |= PAGE_PRESENT;
	place(f, 0x2ffe);
	*vcpu_fixture_page(f, 0x3000) &= ~PAGE_PRESENT;
	expect_again(f);
}

static void what_another_processor_rewrote_is_executed_again(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_map_identity(f);
	memcpy(f->ram + 0x2000, vmcall, sizeof(vmcall));
	fake_vmcs_set(VMCS_GUEST_RIP, 0x2000);
	expect_again(f);
	assert_memory_equal(f->ram + 0x2000, vmcall, sizeof(vmcall));
}

static enum status replace(struct vcpu_fixture *f, uint64_t linear)
{
	const struct guest_store_change change = {vmmcall, vmcall, sizeof(vmcall)};
	struct guest_store_fault fault;

	return guest_store_replace(&f->vcpu, gva(linear), &change, &fault);
}

/* At each place in a quadword, and over its end. */
static void bytes_are_replaced_only_where_they_still_stand(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	for (uint64_t at = 0x2008; at < 0x2018; at++) {
		memset(f->ram + 0x2000, 0x5a, 0x20);
		memcpy(f->ram + at, vmmcall, sizeof(vmmcall));
		assert_int_equal(replace(f, at), STATUS_OK);
		assert_memory_equal(f->ram + at, vmcall, sizeof(vmcall));
		for (uint64_t other = 0x2000; other < 0x2020; other++) {
			assert_true(f->ram[other] == 0x5a || (other >= at && other < at + 3));
		}
		for (size_t i = 0; i < sizeof(vmmcall); i++) {
			memcpy(f->ram + at, vmmcall, sizeof(vmmcall));
			f->ram[at + i] ^= 1;
			assert_int_equal(replace(f, at), STATUS_CHANGED);
			assert_int_equal(f->ram[at + 2], vmmcall[2] ^ (i == 2 ? 1 : 0));
		}
	}
}

static void a_store_wraps_around_4_gib_outside_64_bit_code(void **state)
{
	struct vcpu_fixture *f = *state;

	/* The last bytes below 4 GiB are no RAM, so nothing of it is stored at 0 either. */
	vcpu_fixture_32bit(f);
	memcpy(f->ram, &vmmcall[1], 2);
	assert_int_equal(replace(f, UINT32_MAX), STATUS_RANGE);
	assert_memory_equal(f->ram, &vmmcall[1], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(the_opcode_is_found_behind_prefixes_that_are_ignored),
		WITH_VCPU(vmmcall_is_rewritten_and_executed_again),
		WITH_VCPU(a_page_that_is_not_writable_gives_a_page_fault),
		WITH_VCPU(across_pages_both_must_be_writable),
		WITH_VCPU(real_and_virtual_8086_mode_keep_their_ud),
		WITH_VCPU(code_that_is_not_vmmcall_is_ud),
		WITH_VCPU(code_that_vanished_is_fetched_again),
		WITH_VCPU(what_another_processor_rewrote_is_executed_again),
		WITH_VCPU(bytes_are_replaced_only_where_they_still_stand),
		WITH_VCPU(a_store_wraps_around_4_gib_outside_64_bit_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
