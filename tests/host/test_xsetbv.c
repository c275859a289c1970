/* SPDX-License-Identifier: MIT */
/* SOURCES: exits/exit_xsetbv.c vm/event.c vm/vcpu.c vm/msr_policy.c vm/msr_mtrr.c
 * vm/cpuid_policy.c vm/cpuid_topology.c vm/guest_memory.c lib/format.c tests/host/vcpu_fixture.c */
#include "cpu/registers.h"
#include "exits/exit.h"
#include "fake_insn.h"
#include "tests/host/vcpu_fixture.h"
#include "vmx/vmcs.h"

#define AVX512 (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define ALL    (XCR0_X87 | XCR0_SSE | XCR0_AVX | AVX512 | XCR0_PKRU)

static bool is_taken(struct vcpu_fixture *f, uint32_t index, uint64_t value)
{
	enum exit_action action;

	fake_cpu.xcr0 = XCR0_X87;
	fake_vmcs_set(VMCS_VM_ENTRY_INTERRUPTION_INFO, 0);
	f->vcpu.frame.registers[REGISTER_RCX] = 0xabcd000000000000 | index;
	f->vcpu.frame.registers[REGISTER_RAX] = 0x1234567800000000 | (uint32_t)value;
	f->vcpu.frame.registers[REGISTER_RDX] = 0x1234567800000000 | value >> 32;
	action = exit_handle_xsetbv(&f->vcpu);
	if (action == EXIT_RESUME) {
		assert_int_equal(vcpu_fixture_injected(), INJECTED_GP);
		assert_int_equal(fake_cpu.xcr0, XCR0_X87);
		return false;
	}
	assert_int_equal(action, EXIT_NEXT_INSTRUCTION);
	assert_int_equal(vcpu_fixture_injected(), 0);
	assert_int_equal(fake_cpu.xcr0, value);
	return true;
}

static void xsetbv_takes_valid_sets(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.xcr0_allowed = ALL;
	assert_true(is_taken(f, 0, XCR0_X87));
	assert_true(is_taken(f, 0, XCR0_X87 | XCR0_SSE));
	assert_true(is_taken(f, 0, XCR0_X87 | XCR0_SSE | XCR0_AVX));
	assert_true(is_taken(f, 0, XCR0_X87 | XCR0_SSE | XCR0_AVX | AVX512));
	assert_true(is_taken(f, 0, XCR0_X87 | XCR0_PKRU));
}

/* Against the rules written out once more, for each of the low 12 bits. */
static void xsetbv_takes_exactly_the_sets_of_the_sdm(void **state)
{
	struct vcpu_fixture *f = *state;

	f->vcpu.xcr0_allowed = ALL;
	for (uint64_t value = 0; value < 1 << 12; value++) {
		const bool avx = (value >> 2 & 1) != 0;
		const uint64_t avx512 = value >> 5 & 7;
		const bool is_valid = (value & 1) != 0 && (!avx || (value & 2) != 0) &&
				      (avx512 == 0 || (avx512 == 7 && avx)) && (value & 0xd18) == 0;

		assert_int_equal(is_taken(f, 0, value), is_valid);
	}
}

static void xsetbv_refuses_what_the_guest_is_not_shown(void **state)
{
	struct vcpu_fixture *f = *state;

	assert_false(is_taken(f, 0, XCR0_X87 | XCR0_SSE | XCR0_AVX | AVX512));
	assert_false(is_taken(f, 0, XCR0_X87 | BIT(63)));
	assert_false(is_taken(f, 0, XCR0_X87 | BIT(32)));
	f->vcpu.xcr0_allowed = 0;
	assert_false(is_taken(f, 0, XCR0_X87));
}

static void xsetbv_knows_register_0_only(void **state)
{
	assert_false(is_taken(*state, 1, XCR0_X87));
	assert_false(is_taken(*state, UINT32_MAX, XCR0_X87));
}

static void xsetbv_is_for_cpl_0(void **state)
{
	for (unsigned cpl = 0; cpl <= 3; cpl++) {
		vcpu_fixture_set_cpl(*state, cpl);
		assert_int_equal(is_taken(*state, 0, XCR0_X87), cpl == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_VCPU(xsetbv_takes_valid_sets),
		WITH_VCPU(xsetbv_takes_exactly_the_sets_of_the_sdm),
		WITH_VCPU(xsetbv_refuses_what_the_guest_is_not_shown),
		WITH_VCPU(xsetbv_knows_register_0_only),
		WITH_VCPU(xsetbv_is_for_cpl_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
