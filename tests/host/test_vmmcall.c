/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/vmmcall.c vm/guest_store.c vm/guest_code.c vm/guest_paging.c vm/guest_memory.c
 * vm/vcpu.c vm/msr_policy.c vm/msr_mtrr.c vm/cpuid_policy.c vm/cpuid_topology.c vm/event.c
 * lib/format.c tests/host/vcpu_fixture.c */
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
		size_t offset;
	} cases[] = {
		{"\x0f\x01\xd9", 3, true, 0},
		{"\x0f\x01\xd9", 2, true, 2},
		{"\x0f\x01\xc1", 3, true, 3},
		{"\x64\x67\x0f\x01\xd9", 5, true, 2},
		{"\x48\x0f\x01\xd9", 4, true, 1},
		{"\x48\x0f\x01\xd9", 4, false, 4},
		{"\x48\x64\x0f\x01\xd9", 5, true, 5},
		{"\x48\x48\x0f\x01\xd9", 5, true, 5},
		{"\xf0\x0f\x01\xd9", 4, true, 4},
		{"\x66\x0f\x01\xd9", 4, true, 4},
		{"\xf3\x0f\x01\xd9", 4, false, 4},
		{"\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e", 15, true, 15},
		{"", 0, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_int_equal(vmmcall_opcode_offset((const uint8_t *)cases[i].bytes,
					 cases[i].count, cases[i].is_64bit),
			cases[i].offset);
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

static void code_that_is_not_vmmcall_or_cannot_be_read_is_ud(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_map_identity(f);
	fake_vmcs_set(VMCS_GUEST_RIP, 0x2000);
	vmmcall_or_invalid_opcode(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_UD);
	place(f, 0x2000);
	*vcpu_fixture_page(f, 0x2000) &= ~PAGE_PRESENT;
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	vmmcall_or_invalid_opcode(&f->vcpu);
	assert_int_equal(vcpu_fixture_injected(), INJECTED_UD);
}

static void a_store_wraps_around_4_gib_outside_64_bit_code(void **state)
{
	struct vcpu_fixture *f = *state;
	struct guest_store_fault fault;

	/* The last bytes below 4 GiB are no RAM, so nothing of it is stored at 0 either. */
	vcpu_fixture_32bit(f);
	assert_int_equal(guest_store(&f->vcpu, gva(UINT32_MAX), vmcall, sizeof(vmcall), &fault),
		STATUS_RANGE);
	assert_int_equal(f->ram[0], 0);
	assert_int_equal(
		guest_store(&f->vcpu, gva(0x1ffe), vmcall, sizeof(vmcall), &fault), STATUS_OK);
	assert_memory_equal(f->ram + 0x1ffe, vmcall, sizeof(vmcall));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(the_opcode_is_found_behind_prefixes_that_are_ignored),
		WITH_VCPU(vmmcall_is_rewritten_and_executed_again),
		WITH_VCPU(a_page_that_is_not_writable_gives_a_page_fault),
		WITH_VCPU(across_pages_both_must_be_writable),
		WITH_VCPU(real_and_virtual_8086_mode_keep_their_ud),
		WITH_VCPU(code_that_is_not_vmmcall_or_cannot_be_read_is_ud),
		WITH_VCPU(a_store_wraps_around_4_gib_outside_64_bit_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
