/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/advance_rip.c vm/vcpu.c vm/msr_policy.c vm/msr_mtrr.c vm/cpuid_policy.c
 * vm/cpuid_topology.c vm/guest_memory.c lib/format.c tests/host/vcpu_fixture.c */
#include "exits/advance_rip.h"

#include "cpu/msr.h"
#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"

static uint64_t advanced(struct vcpu_fixture *f, uint64_t rip, uint32_t length)
{
	fake_vmcs_set(VMCS_GUEST_RIP, rip);
	advance_rip(&f->vcpu, length, CODE_WIDTH_UNKNOWN);
	return fake_vmcs_get(VMCS_GUEST_RIP);
}

static void advance_rip_adds_the_instruction_length(void **state)
{
	struct vcpu_fixture *f = *state;

	for (uint32_t length = 1; length <= 15; length++) {
		assert_int_equal(advanced(f, 0x1000, length), 0x1000 + length);
	}
}

static void advance_rip_clears_sti_blocking(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE,
		INTERRUPTIBILITY_BLOCKING_BY_STI | INTERRUPTIBILITY_BLOCKING_BY_NMI);
	(void)advanced(f, 0x1000, 3);
	assert_int_equal(
		fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), INTERRUPTIBILITY_BLOCKING_BY_NMI);
}

static void advance_rip_clears_mov_ss_blocking(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_INTERRUPTIBILITY_STATE, INTERRUPTIBILITY_BLOCKING_BY_MOV_SS);
	(void)advanced(f, 0x1000, 3);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), 0);
}

static void advance_rip_wraps_at_4g_outside_64_bit(void **state)
{
	struct vcpu_fixture *f = *state;

	vcpu_fixture_32bit(f);
	assert_int_equal(advanced(f, 0xfffffffd, 3), 0);
	assert_int_equal(advanced(f, 0xfffffffd, 2), 0xffffffff);
	assert_int_equal(advanced(f, 0xfffffffd, 5), 2);
	vcpu_fixture_compatibility(f);
	assert_int_equal(advanced(f, 0xfffffffd, 3), 0);
	vcpu_fixture_real_mode(f);
	assert_int_equal(advanced(f, 0xfffe, 3), 0x10001);
}

static void advance_rip_keeps_64_bit(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(advanced(f, 0xfffffffd, 3), 0x100000000);
	assert_int_equal(advanced(f, 0xffffffff80000000, 3), 0xffffffff80000003);
	assert_int_equal(advanced(f, 0xffffffffffffffff, 3), 2);
	fake_vmcs_set(VMCS_GUEST_RIP, 0xfffffffd);
	advance_rip(&f->vcpu, 3, CODE_WIDTH_64);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RIP), 0x100000000);
}

static void advance_rip_at_canonical_boundary(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_int_equal(advanced(f, 0x7ffffffffffd, 3), 0x800000000000);
}

static void advance_rip_ends_the_resume_flag(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_RF | RFLAGS_IF);
	(void)advanced(f, 0x1000, 3);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_RFLAGS), RFLAGS_FIXED1 | RFLAGS_IF);
}

static void advance_rip_pends_single_step(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_TF);
	fake_vmcs_set(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, PENDING_DEBUG_ENABLED_BREAKPOINT);
	(void)advanced(f, 0x1000, 3);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS),
		PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED_BREAKPOINT);
}

static void advance_rip_pends_single_step_not_with_btf(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, RFLAGS_FIXED1 | RFLAGS_TF);
	fake_vmcs_set(VMCS_GUEST_IA32_DEBUGCTL, DEBUGCTL_BTF);
	(void)advanced(f, 0x1000, 3);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS), 0);
}

static void advance_rip_pends_nothing_without_tf(void **state)
{
	struct vcpu_fixture *f = *state;

	fake_vmcs_set(VMCS_GUEST_RFLAGS, ~RFLAGS_TF);
	(void)advanced(f, 0x1000, 3);
	assert_int_equal(fake_vmcs_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(advance_rip_adds_the_instruction_length),
		WITH_VCPU(advance_rip_clears_sti_blocking),
		WITH_VCPU(advance_rip_clears_mov_ss_blocking),
		WITH_VCPU(advance_rip_wraps_at_4g_outside_64_bit),
		WITH_VCPU(advance_rip_keeps_64_bit),
		WITH_VCPU(advance_rip_at_canonical_boundary),
		WITH_VCPU(advance_rip_ends_the_resume_flag),
		WITH_VCPU(advance_rip_pends_single_step),
		WITH_VCPU(advance_rip_pends_single_step_not_with_btf),
		WITH_VCPU(advance_rip_pends_nothing_without_tf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
