/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/cpuid_policy.c vm/cpuid_topology.c vm/vcpu.c vm/msr_policy.c vm/msr_mtrr.c
 * vm/guest_memory.c hypercall/cpuid_leaves.c exits/exit_cpuid.c lib/format.c
 * tests/host/vcpu_fixture.c */
#include "vm/cpuid_policy.h"

#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "exits/exit.h"
#include "fake_insn.h"
#include "hypercall/abi.h"
#include "hypercall/cpuid_leaves.h"
#include "tests/host/vcpu_fixture.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

#include <string.h>

#define ALL_XCR0 UINT64_MAX
#define ALL_ONES ((struct cpuid_result){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX})

/* A CPU that shows everything. */
static int set_up(void **state)
{
	(void)vcpu_fixture_set_up(state);
	for (uint32_t leaf = 0; leaf < 0x30; leaf++) {
		fake_cpuid_set(leaf, 0, ALL_ONES);
		fake_cpuid_set(leaf, 1, ALL_ONES);
	}
	for (uint32_t leaf = 0x80000000; leaf < 0x80000010; leaf++) {
		fake_cpuid_set(leaf, 0, ALL_ONES);
	}
	fake_cpuid_set(0, 0, (struct cpuid_result){0x20, 0x756e6547, 0x6c65746e, 0x49656e69});
	fake_cpuid_set(0x80000000, 0, (struct cpuid_result){.eax = 0x8000001f});
	((struct vcpu_fixture *)*state)->vcpu.xcr0_allowed = fake_xsave_layout.components;
	return 0;
}

static struct cpuid_result answer(struct vcpu_fixture *f, uint32_t leaf, uint32_t subleaf)
{
	return cpuid_policy_answer(&f->vcpu, leaf, subleaf);
}

static void expect_zeros(struct vcpu_fixture *f, uint32_t leaf, uint32_t subleaf)
{
	const struct cpuid_result result = answer(f, leaf, subleaf);

	assert_int_equal(result.eax | result.ebx | result.ecx | result.edx, 0);
}

static void the_vendor_stays_and_the_highest_leaves_are_bounded(void **state)
{
	const struct cpuid_result basic = answer(*state, 0, 0);

	assert_int_equal(basic.eax, 0xd);
	assert_int_equal(basic.ebx, 0x756e6547);
	assert_int_equal(answer(*state, 0x80000000, 0).eax, 0x80000008);
	fake_cpuid_set(0, 0, (struct cpuid_result){.eax = 7});
	assert_int_equal(answer(*state, 0, 0).eax, 7);
}

static void a_hypervisor_is_shown_and_vmx_is_not(void **state)
{
	const struct cpuid_result result = answer(*state, 1, 0);
	const uint64_t hidden_ecx =
		CPUID_1_ECX_VMX | CPUID_1_ECX_MONITOR | BIT(6) | BIT(2) | BIT(15);

	assert_true((result.ecx & CPUID_1_ECX_HYPERVISOR) != 0);
	assert_int_equal(result.ecx & hidden_ecx, 0);
	assert_int_equal(result.edx & (BIT(21) | BIT(22) | BIT(28)), 0);
	assert_true((result.ecx & CPUID_1_ECX_AVX) != 0);
	assert_true((result.edx & CPUID_1_EDX_SSE2) != 0);
}

static void the_local_apic_is_shown_while_it_is_enabled(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_true((answer(f, 1, 0).edx & CPUID_1_EDX_APIC) != 0);
	assert_true((answer(f, 1, 0).ecx & CPUID_1_ECX_X2APIC) != 0);
	assert_true((answer(f, 1, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) == 0);
	f->vcpu.apic.config.has_tsc_deadline = true;
	assert_true((answer(f, 1, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) != 0);
	f->vcpu.apic.base &= ~VIRTUAL_APIC_BASE_EN;
	assert_int_equal(answer(f, 1, 0).edx & CPUID_1_EDX_APIC, 0);
}

static void topology_is_one_thread_of_one_core(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(answer(f, 0xb, 0).ebx, 1);
	assert_int_equal(answer(f, 0xb, 0).ecx, 0x100);
	assert_int_equal(answer(f, 0xb, 1).ebx, 1);
	assert_int_equal(answer(f, 0xb, 1).ecx, 0x201);
	assert_int_equal(answer(f, 0xb, 2).ebx, 0);
	assert_int_equal(answer(f, 0xb, 2).ecx, 2);
	f->vcpu.id = 7;
	assert_int_equal(answer(f, 0xb, 2).edx, 7);
}

static void one_processor_with_apic_id_0_is_shown(void **state)
{
	assert_int_equal(answer(*state, 1, 0).ebx, 0x0001ffff);
	assert_int_equal(answer(*state, 4, 0).eax, 0x3fff);
}

static void osxsave_and_ospke_follow_the_guests_cr4(void **state)
{
	fake_vmcs_set(VMCS_GUEST_CR4, CR4_VMXE);
	assert_int_equal(answer(*state, 1, 0).ecx & CPUID_1_ECX_OSXSAVE, 0);
	assert_int_equal(answer(*state, 7, 0).ecx & CPUID_7_ECX_OSPKE, 0);
	fake_vmcs_set(VMCS_GUEST_CR4, CR4_VMXE | CR4_OSXSAVE);
	assert_true((answer(*state, 1, 0).ecx & CPUID_1_ECX_OSXSAVE) != 0);
	assert_int_equal(answer(*state, 7, 0).ecx & CPUID_7_ECX_OSPKE, 0);
	fake_vmcs_set(VMCS_GUEST_CR4, CR4_VMXE | CR4_PKE);
	assert_true((answer(*state, 7, 0).ecx & CPUID_7_ECX_OSPKE) != 0);
}

static void a_cpu_without_a_feature_does_not_show_it(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_CR4, CR4_VMXE | CR4_OSXSAVE | CR4_PKE);
	fake_cpuid_set(1, 0, (struct cpuid_result){0});
	fake_cpuid_set(7, 0, (struct cpuid_result){0});
	assert_int_equal(
		answer(f, 1, 0).ecx, (uint32_t)(CPUID_1_ECX_HYPERVISOR | CPUID_1_ECX_X2APIC));
	assert_int_equal(answer(f, 1, 0).edx, (uint32_t)CPUID_1_EDX_APIC);
	expect_zeros(f, 7, 0);
}

static void features_behind_a_control_need_it(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_true((answer(f, 7, 0).ebx & CPUID_7_EBX_INVPCID) != 0);
	assert_true((answer(f, 7, 0).ecx & CPUID_7_ECX_RDPID) != 0);
	assert_true((answer(f, 0x80000001, 0).edx & CPUID_80000001_EDX_RDTSCP) != 0);
	f->vcpu.controls.secondary = 0;
	assert_int_equal(answer(f, 7, 0).ebx & CPUID_7_EBX_INVPCID, 0);
	assert_int_equal(answer(f, 7, 0).ecx & CPUID_7_ECX_RDPID, 0);
	assert_int_equal(answer(f, 0x80000001, 0).edx & CPUID_80000001_EDX_RDTSCP, 0);
}

static void what_has_no_virtualisation_is_hidden(void **state)
{
	const struct cpuid_result result = answer(*state, 7, 0);

	/* TSC_ADJUST, SGX, MPX, Processor Trace; WAITPKG, CET, LA57; IBRS, ARCH_CAPABILITIES. */
	assert_int_equal(result.ebx & (BIT(1) | BIT(2) | BIT(14) | BIT(25)), 0);
	assert_int_equal(result.ecx & (BIT(5) | BIT(7) | BIT(16) | BIT(30)), 0);
	assert_int_equal(result.edx & (BIT(20) | BIT(26) | BIT(27) | BIT(29) | BIT(31)), 0);
	assert_int_equal(result.eax, 1);
	for (uint32_t leaf = 5; leaf <= 0xa; leaf++) {
		if (leaf == 5 || leaf == 6 || leaf == 9 || leaf == 0xa) {
			expect_zeros(*state, leaf, 0);
		}
	}
	expect_zeros(*state, 7, 2);
}

static uint32_t address_sizes(struct vcpu_fixture *f, uint32_t eax)
{
	fake_cpuid_set(0x80000008, 0, (struct cpuid_result){.eax = eax, .ebx = 1, .ecx = 2});
	assert_int_equal(answer(f, 0x80000008, 0).ebx | answer(f, 0x80000008, 0).ecx, 0);
	return answer(f, 0x80000008, 0).eax;
}

/* Four levels of paging and of EPT, whatever the CPU has besides. */
static void addresses_are_as_wide_as_guests_can_use_them(void **state)
{
	assert_int_equal(address_sizes(*state, 0x3028), 0x3028);
	assert_int_equal(address_sizes(*state, 0x3024), 0x3024);
	assert_int_equal(address_sizes(*state, 0x3030), 0x3030);
	assert_int_equal(address_sizes(*state, 0x392e), 0x302e);
	assert_int_equal(address_sizes(*state, 0x3934), 0x303034);
	assert_int_equal(address_sizes(*state, 0x343934), 0x303034);
}

static void syscall_is_shown_in_64_bit_code_only(void **state)
{
	assert_true((answer(*state, 0x80000001, 0).edx & CPUID_80000001_EDX_SYSCALL) != 0);
	vcpu_fixture_compatibility(*state);
	assert_int_equal(answer(*state, 0x80000001, 0).edx & CPUID_80000001_EDX_SYSCALL, 0);
	vcpu_fixture_32bit(*state);
	assert_int_equal(answer(*state, 0x80000001, 0).edx & CPUID_80000001_EDX_SYSCALL, 0);
}

static void the_xsave_leaf_tells_of_the_allowed_components(void **state)
{
	struct vcpu_fixture *f = *state;
	struct cpuid_result result;

	fake_cpuid_set(0xd, 0, (struct cpuid_result){UINT32_MAX, 0x123, 0xffff, UINT32_MAX});
	f->vcpu.xcr0_allowed = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	fake_cpu.xcr0 = XCR0_X87 | XCR0_SSE;
	result = answer(f, 0xd, 0);
	assert_int_equal(result.eax, 7);
	assert_int_equal(result.ebx, 576);
	fake_cpu.xcr0 |= XCR0_AVX;
	assert_int_equal(answer(f, 0xd, 0).ebx, 832);
	assert_int_equal(result.ecx, 832);
	assert_int_equal(result.edx, 0);
	assert_int_equal(answer(f, 0xd, 2).eax, 256);
	expect_zeros(f, 0xd, 8);
	expect_zeros(f, 0xd, 9);
	expect_zeros(f, 0xd, 63);
	expect_zeros(f, 0xd, 64);
	expect_zeros(f, 0xd, UINT32_MAX);
	f->vcpu.xcr0_allowed = XCR0_X87 | XCR0_SSE;
	assert_int_equal(answer(f, 0xd, 0).ecx, 576);
	f->vcpu.xcr0_allowed = 0;
	expect_zeros(f, 0xd, 0);
}

/* Of all that the CPU has: what is not kept for guests is not in any subleaf. */
static void the_xsave_leaf_is_of_what_is_kept(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_xsave_install(0x602ff);
	fake_cpu.xcr0 = f->vcpu.xcr0_allowed;
	assert_int_equal(answer(f, 0xd, 0).eax, 0x2e7);
	assert_int_equal(answer(f, 0xd, 0).ebx, 2696);
	assert_int_equal(answer(f, 0xd, 0).ecx, 2696);
	assert_int_equal(answer(f, 0xd, 7).eax, 1024);
	assert_int_equal(answer(f, 0xd, 7).ebx, 1664);
	assert_int_equal(answer(f, 0xd, 9).ebx, 2688);
	expect_zeros(f, 0xd, 3);
	expect_zeros(f, 0xd, 4);
	expect_zeros(f, 0xd, 17);
	expect_zeros(f, 0xd, 18);
}

/* The fake's component 18 alone is aligned, and guests do not have it. */
static void xsaves_is_hidden_and_xsavec_tells_its_area_size(void **state)
{
	struct vcpu_fixture *f = *state;
	struct xsave_layout layout = fake_xsave_layout;
	struct cpuid_result result;

	fake_cpuid_set(0xd, 1, (struct cpuid_result){UINT32_MAX, 0x340, UINT32_MAX, UINT32_MAX});
	fake_cpu.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_PKRU;
	result = answer(*state, 0xd, 1);
	assert_int_equal(result.eax, 7);
	assert_int_equal(result.ebx, 576 + 256 + 8);
	assert_int_equal(result.ecx | result.edx, 0);
	fake_cpu.xcr0 = f->vcpu.xcr0_allowed;
	assert_int_equal(answer(*state, 0xd, 1).ebx, 576 + 256 + 64 + 512 + 1024 + 8);
	layout.parts[2].size_bytes = 250;
	layout.parts[5].is_aligned = true;
	f->vcpu.xsave_layout = &layout;
	assert_int_equal(answer(*state, 0xd, 1).ebx, 576 + 256 + 64 + 512 + 1024 + 8);
	fake_cpu.xcr0 = XCR0_X87;
	assert_int_equal(answer(*state, 0xd, 1).ebx, 576);
	fake_cpuid_set(0xd, 1, (struct cpuid_result){.eax = 1});
	assert_int_equal(answer(*state, 0xd, 1).ebx, 0);
}

/* A register that is not kept for the guest is of no feature that it is shown. */
static void features_follow_the_components_that_are_kept(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_true((answer(f, 7, 0).ecx & CPUID_7_ECX_PKU) != 0);
	assert_true((answer(f, 7, 0).ebx & CPUID_7_EBX_AVX512F) != 0);
	assert_true((answer(f, 7, 1).eax & CPUID_7_1_EAX_AVX512_BF16) != 0);
	f->vcpu.xcr0_allowed = 7;
	assert_int_equal(answer(f, 7, 0).ecx & CPUID_7_ECX_PKU, 0);
	assert_int_equal(answer(f, 7, 0).ecx & CPUID_7_ECX_AVX512_VNNI, 0);
	assert_int_equal(answer(f, 7, 0).ebx & (CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512VL), 0);
	assert_int_equal(answer(f, 7, 0).edx & CPUID_7_EDX_AVX512_VP2INTERSECT, 0);
	assert_int_equal(answer(f, 7, 1).eax, (uint32_t)CPUID_7_1_EAX_AVX_VNNI);
	assert_true((answer(f, 7, 0).ebx & CPUID_7_EBX_AVX2) != 0);
	f->vcpu.xcr0_allowed = 3;
	assert_int_equal(answer(f, 7, 0).ebx & CPUID_7_EBX_AVX2, 0);
	assert_int_equal(answer(f, 1, 0).ecx & (CPUID_1_ECX_AVX | CPUID_1_ECX_FMA), 0);
	assert_true((answer(f, 1, 0).ecx & CPUID_1_ECX_XSAVE) != 0);
	f->vcpu.xcr0_allowed = 0;
	fake_vmcs_set(VMCS_GUEST_CR4, CR4_VMXE | CR4_OSXSAVE | CR4_PKE);
	assert_int_equal(answer(f, 1, 0).ecx & (CPUID_1_ECX_XSAVE | CPUID_1_ECX_OSXSAVE), 0);
	assert_int_equal(answer(f, 7, 0).ecx & CPUID_7_ECX_OSPKE, 0);
}

static void leaves_beyond_the_highest_answer_as_the_highest_basic_one(void **state)
{
	const uint32_t leaves[] = {
		0xe, 0x1f, 0x20, 0x3fffffff, 0x40000300, 0x7fffffff, 0x80000009, 0xffffffff};

	for (size_t i = 0; i < ARRAY_COUNT(leaves); i++) {
		assert_int_equal(answer(*state, leaves[i], 0).eax, 0x2e7);
		assert_int_equal(answer(*state, leaves[i], 0).ecx, 2696);
	}
}

static void cr4_bits_follow_cpuid(void **state)
{
	(void)state;
	assert_true((cpuid_policy_cr4_allowed(ALL_XCR0) & CR4_SMAP) != 0);
	assert_int_equal(
		cpuid_policy_cr4_allowed(ALL_XCR0) & (CR4_VMXE | CR4_SMXE | CR4_LA57 | CR4_CET), 0);
	assert_int_equal(cpuid_policy_cr4_allowed(ALL_XCR0) & ~BITS_MASK(22, 0), 0);
	fake_cpuid_set(0, 0, (struct cpuid_result){.eax = 6});
	assert_int_equal(
		cpuid_policy_cr4_allowed(ALL_XCR0) & (CR4_SMEP | CR4_SMAP | CR4_FSGSBASE), 0);
	fake_cpuid_set(1, 0, (struct cpuid_result){0});
	assert_int_equal(cpuid_policy_cr4_allowed(ALL_XCR0), 0);
}

static void cr4_bits_need_the_components_that_they_switch_on(void **state)
{
	const uint64_t all = cpuid_policy_cr4_allowed(ALL_XCR0);

	(void)state;
	assert_true((all & CR4_OSXSAVE) != 0 && (all & CR4_PKE) != 0);
	assert_int_equal(cpuid_policy_cr4_allowed(7), all & ~CR4_PKE);
	assert_int_equal(cpuid_policy_cr4_allowed(0), all & ~(CR4_PKE | CR4_OSXSAVE));
}

static struct cpuid_result executed(struct vcpu_fixture *f, uint32_t leaf)
{
	uint64_t *registers = f->vcpu.frame.registers;

	memset(registers, 0xff, sizeof(f->vcpu.frame.registers));
	registers[REGISTER_RAX] = 0xabcdef0000000000 | leaf;
	registers[REGISTER_RCX] = 0xabcdef0000000000;
	assert_int_equal(exit_handle_cpuid(&f->vcpu), EXIT_NEXT_INSTRUCTION);
	assert_true(registers[REGISTER_RAX] <= UINT32_MAX && registers[REGISTER_RBX] <= UINT32_MAX);
	assert_true(registers[REGISTER_RCX] <= UINT32_MAX && registers[REGISTER_RDX] <= UINT32_MAX);
	return (struct cpuid_result){(uint32_t)registers[REGISTER_RAX],
		(uint32_t)registers[REGISTER_RBX], (uint32_t)registers[REGISTER_RCX],
		(uint32_t)registers[REGISTER_RDX]};
}

static void kept_leaves_answer_as_the_policy_does(void **state)
{
	struct vcpu_fixture *f = *state;

	cpuid_policy_keep_constant_leaves(&f->vcpu);
	for (int mode = 0; mode < 2; mode++) {
		for (uint32_t leaf = 0; leaf < 0x40; leaf++) {
			const struct cpuid_result kept = executed(f, leaf);
			const struct cpuid_result asked = answer(f, leaf, 0);

			assert_memory_equal(&kept, &asked, sizeof(kept));
		}
		fake_vmcs_set(VMCS_GUEST_CR4, CR4_VMXE | CR4_OSXSAVE | CR4_PKE);
		fake_cpu.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	}
}

static void kept_leaves_end_at_the_cpus_highest(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_cpuid_set(0, 0, (struct cpuid_result){.eax = 4});
	cpuid_policy_keep_constant_leaves(&f->vcpu);
	for (uint32_t leaf = 0; leaf < 0x40; leaf++) {
		const struct cpuid_result kept = executed(f, leaf);
		const struct cpuid_result asked = answer(f, leaf, 0);

		assert_memory_equal(&kept, &asked, sizeof(kept));
	}
}

static void the_hypervisors_leaves_carry_the_signatures(void **state)
{
	struct vcpu_fixture *f = *state;
	struct cpuid_result result;

	f->vcpu.kvm_features = KVM_FEATURE_NOP_IO_DELAY;
	result = executed(f, 0x40000000);
	assert_int_equal(result.eax, 0x40000001);
	assert_memory_equal(&result.ebx, "KVMKVMKVM\0\0\0", 12);
	result = executed(f, 0x40000001);
	assert_int_equal(result.eax, BIT(1));
	assert_int_equal(result.ebx | result.ecx | result.edx, 0);
	result = executed(f, 0x40000200);
	assert_int_equal(result.eax, 0x40000201);
	assert_memory_equal(&result.ebx, "TrivetTrivet", 12);
	result = executed(f, 0x40000201);
	assert_int_equal(result.eax, TRIVET_INTERFACE_VERSION);
	assert_int_equal(result.ebx, 0x54520000);
	result = executed(f, 0x40000100);
	assert_int_equal(result.eax | result.ebx | result.ecx | result.edx, 0);
	assert_false(hypercall_owns_cpuid_leaf(0x3fffffff));
	assert_false(hypercall_owns_cpuid_leaf(0x40000300));
}

#define WITH_CPUID(test) cmocka_unit_test_setup_teardown(test, set_up, vcpu_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CPUID(the_vendor_stays_and_the_highest_leaves_are_bounded),
		WITH_CPUID(a_hypervisor_is_shown_and_vmx_is_not),
		WITH_CPUID(the_local_apic_is_shown_while_it_is_enabled),
		WITH_CPUID(topology_is_one_thread_of_one_core),
		WITH_CPUID(one_processor_with_apic_id_0_is_shown),
		WITH_CPUID(osxsave_and_ospke_follow_the_guests_cr4),
		WITH_CPUID(a_cpu_without_a_feature_does_not_show_it),
		WITH_CPUID(features_behind_a_control_need_it),
		WITH_CPUID(what_has_no_virtualisation_is_hidden),
		WITH_CPUID(addresses_are_as_wide_as_guests_can_use_them),
		WITH_CPUID(syscall_is_shown_in_64_bit_code_only),
		WITH_CPUID(the_xsave_leaf_tells_of_the_allowed_components),
		WITH_CPUID(the_xsave_leaf_is_of_what_is_kept),
		WITH_CPUID(xsaves_is_hidden_and_xsavec_tells_its_area_size),
		WITH_CPUID(features_follow_the_components_that_are_kept),
		WITH_CPUID(leaves_beyond_the_highest_answer_as_the_highest_basic_one),
		WITH_CPUID(cr4_bits_follow_cpuid),
		WITH_CPUID(cr4_bits_need_the_components_that_they_switch_on),
		WITH_CPUID(kept_leaves_answer_as_the_policy_does),
		WITH_CPUID(kept_leaves_end_at_the_cpus_highest),
		WITH_CPUID(the_hypervisors_leaves_carry_the_signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
