/* SPDX-License-Identifier: MIT */
/* XSETBV: SDM Vol. 2D "XSETBV-Set Extended Control Register", Vol. 1 "Extended Control Registers".
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/probe_rules.h"
#include "tests/guests/shared/vector_state.h"

#define CR4_OSXSAVE       (1ull << 18)
#define CPUID_1_ECX_XSAVE (1u << 26)
#define LEAF_XSAVE        0xd
#define XSETBV            PROBE_CODE("\x0f\x01\xd1")
#define XGETBV            PROBE_CODE("\x0f\x01\xd0")
#define XCR0_X87          1ull
#define XCR0_SSE          2ull
#define XCR0_AVX          4ull
#define XCR0_OPMASK       (1ull << 5)

static uint64_t legal_bits(void)
{
	const struct guest_cpuid leaf = guest_cpuid(LEAF_XSAVE, 0);

	return (uint64_t)leaf.edx << 32 | leaf.eax;
}

static struct guest_probe run(enum guest_probe_mode mode, uint64_t index, uint64_t value)
{
	struct guest_probe probe = guest_probe_make(mode, XSETBV);

	probe.in.rcx = index;
	probe.in.rax = value & 0xffffffff;
	probe.in.rdx = value >> 32;
	guest_probe_run(&probe);
	return probe;
}

static void expect_set(const char *rule, uint64_t value)
{
	struct guest_probe probe = run(PROBE_KERNEL, 0, value);

	report_done(rule, &probe);
	report_equal(rule, guest_xgetbv(0), value);
}

static void expect_refused(const char *rule, uint64_t index, uint64_t value)
{
	const uint64_t before = guest_xgetbv(0);
	const struct guest_probe probe = run(PROBE_KERNEL, index, value);

	report_fault(rule, &probe, VECTOR_GP, 0);
	report_equal(rule, guest_xgetbv(0), before);
}

static void check_legal(void)
{
	struct guest_probe probe;

	report_equal("xcr0_has_x87_at_first", guest_xgetbv(0), XCR0_X87);
	expect_set("x87_alone_is_legal", XCR0_X87);
	expect_set("x87_and_sse_are_legal", XCR0_X87 | XCR0_SSE);
	if ((legal_bits() & XCR0_AVX) != 0) {
		expect_set("avx_is_legal", XCR0_X87 | XCR0_SSE | XCR0_AVX);
	}
	expect_set("all_bits_of_cpuid_are_legal", legal_bits());
	expect_set("bits_can_be_cleared_again", XCR0_X87);
	probe = run(PROBE_KERNEL, 0xdeadbeef00000000ull, XCR0_X87);
	report_done("high_half_of_rcx_does_not_count", &probe);
}

static void check_illegal(void)
{
	guest_xsetbv(0, XCR0_X87 | XCR0_SSE);
	expect_refused("x87_cannot_be_cleared", 0, 0);
	expect_refused("sse_without_x87_raises_gp", 0, XCR0_SSE);
	expect_refused("avx_without_sse_raises_gp", 0, XCR0_X87 | XCR0_AVX);
	expect_refused("opmask_alone_raises_gp", 0, XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK);
	expect_refused("one_of_two_mpx_bits_raises_gp", 0, XCR0_X87 | 1ull << 3);
	expect_refused("other_mpx_bit_raises_gp", 0, XCR0_X87 | 1ull << 4);
	expect_refused("xcr_1_raises_gp", 1, XCR0_X87);
	expect_refused("xcr_ffffffff_raises_gp", 0xffffffff, XCR0_X87);
	expect_refused("all_ones_raises_gp", 0, ~0ull);
	for (unsigned bit = 0; bit < 64; bit++) {
		if ((legal_bits() >> bit & 1) == 0) {
			expect_refused("bit_that_cpuid_does_not_show_raises_gp", 0,
				XCR0_X87 | XCR0_SSE | 1ull << bit);
		}
	}
}

static void check_privilege(void)
{
	struct guest_probe probe = run(PROBE_USER, 0, XCR0_X87);

	report_fault("xsetbv_in_ring_3_raises_gp", &probe, VECTOR_GP, 0);
	probe = guest_probe_make(PROBE_USER, XGETBV);
	probe.in.rcx = 0;
	guest_probe_run(&probe);
	report_done("xgetbv_in_ring_3_goes_on", &probe);
}

static void check_without_osxsave(void)
{
	struct guest_probe probe;

	guest_write_cr4(guest_read_cr4() & ~CR4_OSXSAVE);
	probe = run(PROBE_KERNEL, 0, XCR0_X87);
	report_fault("xsetbv_without_osxsave_raises_ud", &probe, VECTOR_UD, 0);
	probe = guest_probe_make(PROBE_KERNEL, XGETBV);
	probe.in.rcx = 0;
	guest_probe_run(&probe);
	report_fault("xgetbv_without_osxsave_raises_ud", &probe, VECTOR_UD, 0);
	guest_write_cr4(guest_read_cr4() | CR4_OSXSAVE);
}

/* AVX registers keep their upper halves while XCR0 is changed by others and exits happen. */
static void check_avx(void)
{
	static struct vector_state before;
	static struct vector_state after;
	/* vmovdqu ymm0, [rdi] */
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xc5\xfe\x6f\x07"));

	if (!vector_state_enable()) {
		report_skip("avx_state_survives_exits", "no AVX");
		return;
	}
	vector_state_fill(&before, 1);
	vector_state_run(&before, &after, VECTOR_OPERATION_CPUID, 100);
	report_true("avx_state_survives_exits", vector_state_is_equal(&before, &after));
	probe.in.rdi = (uintptr_t)&before;
	guest_xsetbv(0, XCR0_X87 | XCR0_SSE);
	guest_probe_run(&probe);
	report_fault("avx_without_its_xcr0_bit_raises_ud", &probe, VECTOR_UD, 0);
	guest_xsetbv(0, XCR0_X87 | XCR0_SSE | XCR0_AVX);
	guest_probe_run(&probe);
	report_done("avx_with_its_xcr0_bit_goes_on", &probe);
}

uint32_t guest_main(void)
{
	if ((guest_cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) == 0) {
		const struct guest_probe probe = run(PROBE_KERNEL, 0, XCR0_X87);

		report_fault("xsetbv_hidden_raises_ud", &probe, VECTOR_UD, 0);
		return report_result();
	}
	check_without_osxsave();
	check_legal();
	check_illegal();
	check_privilege();
	check_avx();
	return report_result();
}
