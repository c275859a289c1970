/* SPDX-License-Identifier: MIT */
/* CPUID: the hypervisor's leaves, what is hidden, and that what is shown works. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* SDM Vol. 2A "CPUID-CPU Identification". */
enum { LEAF_MAX = 0, LEAF_FEATURES = 1, LEAF_MONITOR = 5, LEAF_EXTENDED_FEATURES = 7 };
enum { LEAF_PERFORMANCE = 0xa, LEAF_XSAVE = 0xd };
#define LEAF_EXTENDED_MAX      0x80000000u
#define LEAF_EXTENDED_FUNCTION 0x80000001u
#define LEAF_ADDRESS_SIZES     0x80000008u

#define ECX_MONITOR      (1u << 3)
#define ECX_VMX          (1u << 5)
#define ECX_SMX          (1u << 6)
#define ECX_X2APIC       (1u << 21)
#define ECX_TSC_DEADLINE (1u << 24)
#define ECX_XSAVE        (1u << 26)
#define ECX_OSXSAVE      (1u << 27)
#define ECX_HYPERVISOR   (1u << 31)
#define EDX_APIC         (1u << 9)
#define EDX_MTRR         (1u << 12)
#define EDX_MCA          (1u << 14)
#define EDX_PAT          (1u << 16)
#define EBX7_TSC_ADJUST  (1u << 1)
#define EBX7_SGX         (1u << 2)
#define EBX7_INVPCID     (1u << 10)
#define EBX7_PT          (1u << 25)
#define ECX7_PKU         (1u << 3)
#define ECX7_OSPKE       (1u << 4)
#define ECX7_WAITPKG     (1u << 5)
#define EXT_SYSCALL      (1u << 11)
#define EXT_NX           (1u << 20)
#define EXT_RDTSCP       (1u << 27)
#define EXT_LONG_MODE    (1u << 29)

#define CR4_OSXSAVE (1ull << 18)
#define CR4_PKE     (1ull << 22)

#define MSR_TSC_ADJUST 0x3b
#define MSR_PMC0       0xc1
#define MSR_MTRRCAP    0xfe
#define MSR_MCG_CAP    0x179
#define MSR_PAT        0x277

#define PERFORMANCE_VERSION_MASK 0xffu
#define LOW_HALF                 0xffffffffull
/* KVM defines EAX bits 0 to 1, 3 to 7, 9 to 17 and 24 of its features leaf. */
#define KVM_FEATURES_DEFINED 0x0103fefbu

/* XSAVE area: SDM Vol. 1 "XSAVE Area". */
enum { XSAVE_LEGACY_AND_HEADER = 576, XSAVE_AVX_BYTES = 256 };
#define XCR0_X87 1ull
#define XCR0_SSE 2ull
#define XCR0_AVX 4ull

static uint8_t invpcid_descriptor[16];

static void check_hypervisor_leaves(void)
{
	struct guest_cpuid base = guest_cpuid(KVM_CPUID_SIGNATURE_LEAF, 0);
	struct guest_cpuid version = guest_cpuid(TRIVET_CPUID_VERSION_LEAF, 0);

	report_true(
		"hypervisor_bit_is_set", (guest_cpuid(LEAF_FEATURES, 0).ecx & ECX_HYPERVISOR) != 0);
	report_equal("kvm_is_found_at_its_base", trivet_find("KVMKVMKVM\0\0\0"),
		KVM_CPUID_SIGNATURE_LEAF);
	report_true("kvm_base_names_its_highest_leaf",
		base.eax >= KVM_CPUID_FEATURES_LEAF && base.eax < TRIVET_CPUID_SIGNATURE_LEAF);
	report_equal("kvm_features_have_no_undefined_bits",
		guest_cpuid(KVM_CPUID_FEATURES_LEAF, 0).eax & ~KVM_FEATURES_DEFINED, 0);
	report_equal("trivet_is_found_at_its_base", trivet_find("TrivetTrivet"),
		TRIVET_CPUID_SIGNATURE_LEAF);
	report_true("trivet_base_names_its_highest_leaf",
		guest_cpuid(TRIVET_CPUID_SIGNATURE_LEAF, 0).eax >= TRIVET_CPUID_VERSION_LEAF);
	report_equal("trivet_version", version.eax, TRIVET_INTERFACE_VERSION);
	report_equal("trivet_first_call", version.ebx, TRIVET_CALL_BASE);
	for (uint32_t leaf = TRIVET_CPUID_SIGNATURE_LEAF + TRIVET_CPUID_BASE_STEP;
		leaf < TRIVET_CPUID_BASE_END; leaf += TRIVET_CPUID_BASE_STEP * 16) {
		struct guest_cpuid other = guest_cpuid(leaf, 0);

		if (other.ebx == base.ebx && other.ecx == base.ecx && other.edx == base.edx) {
			report_equal("signature_is_not_repeated", leaf, 0);
		}
	}
}

static void check_hidden_and_virtual(void)
{
	struct guest_cpuid features = guest_cpuid(LEAF_FEATURES, 0);
	struct guest_cpuid extended = guest_cpuid(LEAF_EXTENDED_FEATURES, 0);
	struct guest_cpuid monitor = guest_cpuid(LEAF_MONITOR, 0);

	report_equal("vmx_is_hidden", features.ecx & ECX_VMX, 0);
	report_equal("smx_is_hidden", features.ecx & ECX_SMX, 0);
	report_equal("monitor_is_hidden", features.ecx & ECX_MONITOR, 0);
	report_equal(
		"monitor_leaf_is_empty", monitor.eax | monitor.ebx | monitor.ecx | monitor.edx, 0);
	report_equal("apic_is_shown", features.edx & EDX_APIC, EDX_APIC);
	report_equal("x2apic_is_shown", features.ecx & ECX_X2APIC, ECX_X2APIC);
	report_equal("tsc_deadline_is_shown", features.ecx & ECX_TSC_DEADLINE, ECX_TSC_DEADLINE);
	report_equal("sgx_is_hidden", extended.ebx & EBX7_SGX, 0);
	report_equal("processor_trace_is_hidden", extended.ebx & EBX7_PT, 0);
	report_equal("waitpkg_is_hidden", extended.ecx & ECX7_WAITPKG, 0);
}

/* A feature that CPUID shows has its MSR; one that is hidden promises nothing. */
static void check_msr_of_feature(const char *rule, bool is_shown, uint32_t msr)
{
	uint64_t value;
	uint64_t vector;

	if (!is_shown) {
		report_skip(rule, "hidden");
		return;
	}
	report_true(rule, guest_probe_rdmsr(msr, &value, &vector));
}

static void check_shown_works(void)
{
	struct guest_cpuid features = guest_cpuid(LEAF_FEATURES, 0);
	struct guest_cpuid extended = guest_cpuid(LEAF_EXTENDED_FEATURES, 0);
	struct guest_cpuid function = guest_cpuid(LEAF_EXTENDED_FUNCTION, 0);
	struct guest_probe probe;

	check_msr_of_feature("mtrr_shown_is_there", (features.edx & EDX_MTRR) != 0, MSR_MTRRCAP);
	check_msr_of_feature("mca_shown_is_there", (features.edx & EDX_MCA) != 0, MSR_MCG_CAP);
	check_msr_of_feature("pat_shown_is_there", (features.edx & EDX_PAT) != 0, MSR_PAT);
	check_msr_of_feature(
		"tsc_adjust_shown_is_there", (extended.ebx & EBX7_TSC_ADJUST) != 0, MSR_TSC_ADJUST);
	check_msr_of_feature("performance_counters_shown_are_there",
		(guest_cpuid(LEAF_PERFORMANCE, 0).eax & PERFORMANCE_VERSION_MASK) != 0, MSR_PMC0);
	report_true("long_mode_nx_and_syscall_are_shown",
		(function.edx & (EXT_LONG_MODE | EXT_NX | EXT_SYSCALL)) ==
			(EXT_LONG_MODE | EXT_NX | EXT_SYSCALL));

	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x01\xf9")); /* rdtscp */
	guest_probe_run(&probe);
	report_equal("rdtscp_works_if_shown_else_ud", probe.vector,
		(function.edx & EXT_RDTSCP) != 0 ? VECTOR_PROBE_END : VECTOR_UD);
	/* invpcid rax, [rdx], type 2: all contexts */
	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x66\x0f\x38\x82\x02"));
	probe.in.rax = 2;
	probe.in.rdx = (uintptr_t)invpcid_descriptor;
	guest_probe_run(&probe);
	report_equal("invpcid_works_if_shown_else_ud", probe.vector,
		(extended.ebx & EBX7_INVPCID) != 0 ? VECTOR_PROBE_END : VECTOR_UD);
}

static void check_leaf_xsave(void)
{
	const struct guest_cpuid leaf = guest_cpuid(LEAF_XSAVE, 0);
	const uint64_t xcr0 = guest_xgetbv(0);

	report_true("xcr0_bits_shown_hold_x87_and_sse",
		(leaf.eax & (XCR0_X87 | XCR0_SSE)) == (XCR0_X87 | XCR0_SSE));
	guest_xsetbv(0, XCR0_X87);
	report_equal("xsave_size_for_x87", guest_cpuid(LEAF_XSAVE, 0).ebx, XSAVE_LEGACY_AND_HEADER);
	guest_xsetbv(0, XCR0_X87 | XCR0_SSE);
	report_equal("xsave_size_for_sse", guest_cpuid(LEAF_XSAVE, 0).ebx, XSAVE_LEGACY_AND_HEADER);
	if ((leaf.eax & XCR0_AVX) != 0) {
		struct guest_cpuid avx = guest_cpuid(LEAF_XSAVE, 2);

		guest_xsetbv(0, XCR0_X87 | XCR0_SSE | XCR0_AVX);
		report_equal("xsave_size_for_avx", guest_cpuid(LEAF_XSAVE, 0).ebx,
			XSAVE_LEGACY_AND_HEADER + XSAVE_AVX_BYTES);
		report_equal("avx_state_size", avx.eax, XSAVE_AVX_BYTES);
		report_equal("avx_state_offset", avx.ebx, XSAVE_LEGACY_AND_HEADER);
	} else {
		report_skip("xsave_size_for_avx", "no AVX");
	}
	guest_xsetbv(0, leaf.eax | (uint64_t)leaf.edx << 32);
	report_equal("xsave_size_for_all_is_the_largest", guest_cpuid(LEAF_XSAVE, 0).ebx,
		guest_cpuid(LEAF_XSAVE, 0).ecx);
	guest_xsetbv(0, xcr0);
}

static void check_mirrors(void)
{
	const uint64_t cr4 = guest_read_cr4();

	if ((guest_cpuid(LEAF_FEATURES, 0).ecx & ECX_XSAVE) == 0) {
		report_skip("osxsave_mirrors_cr4", "no XSAVE");
	} else {
		guest_write_cr4(cr4 & ~CR4_OSXSAVE);
		report_equal("osxsave_is_0_with_cr4_bit_0",
			guest_cpuid(LEAF_FEATURES, 0).ecx & ECX_OSXSAVE, 0);
		guest_write_cr4(cr4 | CR4_OSXSAVE);
		report_equal("osxsave_is_1_with_cr4_bit_1",
			guest_cpuid(LEAF_FEATURES, 0).ecx & ECX_OSXSAVE, ECX_OSXSAVE);
		check_leaf_xsave();
	}
	if ((guest_cpuid(LEAF_EXTENDED_FEATURES, 0).ecx & ECX7_PKU) == 0) {
		report_skip("ospke_mirrors_cr4", "no protection keys");
	} else {
		guest_write_cr4(cr4 | CR4_PKE);
		report_equal("ospke_is_1_with_cr4_bit_1",
			guest_cpuid(LEAF_EXTENDED_FEATURES, 0).ecx & ECX7_OSPKE, ECX7_OSPKE);
		guest_write_cr4(cr4 & ~CR4_PKE);
		report_equal("ospke_is_0_with_cr4_bit_0",
			guest_cpuid(LEAF_EXTENDED_FEATURES, 0).ecx & ECX7_OSPKE, 0);
	}
	guest_write_cr4(cr4);
}

static bool same(struct guest_cpuid a, struct guest_cpuid b)
{
	return a.eax == b.eax && a.ebx == b.ebx && a.ecx == b.ecx && a.edx == b.edx;
}

static void check_ranges(void)
{
	const uint32_t highest = guest_cpuid(LEAF_MAX, 0).eax;
	const uint32_t extended = guest_cpuid(LEAF_EXTENDED_MAX, 0).eax;
	const struct guest_cpuid last = guest_cpuid(highest, 0);

	report_true("highest_basic_leaf_has_leaf_7", highest >= LEAF_EXTENDED_FEATURES);
	/* SDM: a leaf above the highest gives the data of the highest basic leaf. */
	report_true("leaf_above_the_highest_gives_the_highest",
		same(guest_cpuid(highest + 1, 0), last));
	report_true("leaf_far_above_gives_the_highest", same(guest_cpuid(0x3fffffff, 0), last));
	report_true("extended_leaf_above_the_highest_gives_the_highest_basic",
		same(guest_cpuid(extended + 1, 0), last));
	report_true("highest_leaf_number_gives_the_highest_basic",
		same(guest_cpuid(0xffffffff, 0), last));
	report_true("address_sizes_are_sane",
		(guest_cpuid(LEAF_ADDRESS_SIZES, 0).eax & 0xff) <= 52 &&
			(guest_cpuid(LEAF_ADDRESS_SIZES, 0).eax & 0xff) >= 32);
}

static void check_registers(enum guest_probe_mode mode)
{
	struct guest_probe probe = guest_probe_make(mode, PROBE_CODE("\x0f\xa2"));
	struct guest_registers expected;

	report_set_scope(guest_probe_mode_name(mode));
	probe.in.rax = 0xdeadbeef00000000ull; /* Leaf 0: the high half does not count. */
	probe.rflags_in |= RFLAGS_STATUS;
	guest_probe_run(&probe);
	report_done("cpuid_goes_on", &probe);
	expected = probe.in;
	expected.rax = guest_cpuid(0, 0).eax;
	expected.rbx = guest_cpuid(0, 0).ebx;
	expected.rcx = guest_cpuid(0, 0).ecx;
	expected.rdx = guest_cpuid(0, 0).edx;
	report_true("clears_high_halves_and_keeps_other_registers",
		memcmp(&expected, &probe.out, sizeof(expected)) == 0);
	report_equal("keeps_flags", probe.rflags_out & RFLAGS_STATUS, RFLAGS_STATUS);
	report_set_scope(NULL);
}

uint32_t guest_main(void)
{
	if (report_has_trivet("hypervisor_leaves")) {
		check_hypervisor_leaves();
		check_hidden_and_virtual();
	}
	check_shown_works();
	check_mirrors();
	check_ranges();
	check_registers(PROBE_KERNEL);
	check_registers(PROBE_USER);
	return report_result();
}
