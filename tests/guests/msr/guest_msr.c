/* SPDX-License-Identifier: MIT */
/* RDMSR and WRMSR: what each register takes and refuses. SDM Vol. 4, "Model-Specific Registers". */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "tests/guests/shared/probe_rules.h"

#define MSR_TSC             0x10
#define MSR_APIC_BASE       0x1b
#define MSR_FEATURE_CONTROL 0x3a
#define MSR_TSC_ADJUST      0x3b
#define MSR_BIOS_SIGN_ID    0x8b
#define MSR_SYSENTER_CS     0x174
#define MSR_SYSENTER_ESP    0x175
#define MSR_SYSENTER_EIP    0x176
#define MSR_MISC_ENABLE     0x1a0
#define MSR_PAT             0x277
#define MSR_VMX_BASIC       0x480
#define MSR_VMX_LAST        0x491
#define MSR_X2APIC_FIRST    0x800
#define MSR_EFER            0xc0000080
#define MSR_STAR            0xc0000081
#define MSR_LSTAR           0xc0000082
#define MSR_CSTAR           0xc0000083
#define MSR_FMASK           0xc0000084
#define MSR_FS_BASE         0xc0000100
#define MSR_GS_BASE         0xc0000101
#define MSR_KERNEL_GS_BASE  0xc0000102
#define MSR_TSC_AUX         0xc0000103

#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

#define APIC_BASE_ENABLE        (1ull << 11)
#define FEATURE_CONTROL_LOCKED  (1ull << 0)
#define FEATURE_CONTROL_VMX     (3ull << 1)
#define PAT_WITH_WC             0x0007040100070406ull
#define PAT_UNUSUAL             0x0606060606060500ull
#define PAT_RESERVED_TYPE_2     0x0007040600070402ull
#define PAT_RESERVED_TYPE_3     0x0307040600070406ull
#define PAT_RESERVED_BIT        0x0007040600070486ull
#define NON_CANONICAL           0x0000800000000000ull
#define NON_CANONICAL_HIGH      0xff00000000000000ull
#define CANONICAL_HIGH          0xffff812345678000ull
#define CANONICAL_LOW           0x00007edcba987000ull
#define STAR_USER               ((uint64_t)SELECTOR_USER_CODE32 << 48)
#define STAR_VALUE              (STAR_USER | (uint64_t)SELECTOR_KERNEL_CODE << 32)
#define TSC_FAR                 0x1000000000000ull
#define TSC_SLACK               0x10000000000ull
#define TSC_AUX_VALUE           0x12345678
#define CPUID_EXTENDED_FUNCTION 0x80000001
#define CPUID_EDX_RDTSCP        (1u << 27)
#define CPUID_7_EBX_TSC_ADJUST  (1u << 1)
#define SYSCALL_BYTES           2
#define LOW_HALF                0xffffffffull

void guest_syscall_entry(void);

static void check_unknown(void)
{
	/* None of these is an MSR of any processor: they end each range of the MSR bitmaps, or lie
	 * outside both. */
	static const uint32_t unknown[] = {0x1fff, 0x2000, 0x3fffffff, 0x40001000, 0x80000000,
		0xbfffffff, 0xc0001fff, 0xc0002000, 0xffffffff, 0x4b564dff};

	for (size_t i = 0; i < ARRAY_COUNT(unknown); i++) {
		probe_rules_rdmsr_faults("rdmsr_of_unknown_raises_gp", unknown[i]);
		probe_rules_wrmsr_faults("wrmsr_of_unknown_raises_gp", unknown[i], 0);
	}
	for (uint32_t msr = MSR_VMX_BASIC; msr <= MSR_VMX_LAST; msr++) {
		probe_rules_rdmsr_faults("vmx_capability_msr_raises_gp", msr);
	}
	probe_rules_wrmsr_faults("vmx_capability_msr_is_not_writable", MSR_VMX_BASIC, 0);
	probe_rules_rdmsr_faults("x2apic_msr_raises_gp_while_x2apic_is_off", MSR_X2APIC_FIRST + 2);
}

static void check_encoding(void)
{
	static const struct fault_rule kernel[] = {
		{"rdmsr_high_half_of_rcx_does_not_count", PROBE_CODE("\x0f\x32"), 0,
			0xdeadbeef00000000ull | MSR_EFER, 0, VECTOR_PROBE_END, 0},
		{"lock_rdmsr_raises_ud", PROBE_CODE("\xf0\x0f\x32"), 0, MSR_EFER, 0, VECTOR_UD, 0},
	};
	static const struct fault_rule user[] = {
		{"rdmsr_in_ring_3_raises_gp", PROBE_CODE("\x0f\x32"), 0, MSR_EFER, 0, VECTOR_GP, 0},
		{"wrmsr_in_ring_3_raises_gp", PROBE_CODE("\x0f\x30"), 0, MSR_EFER, 0, VECTOR_GP, 0},
	};
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x32"));
	struct guest_registers expected;

	probe_rules_check(PROBE_KERNEL, kernel, ARRAY_COUNT(kernel));
	probe_rules_check(PROBE_USER, user, ARRAY_COUNT(user));
	probe.in.rcx = MSR_PAT;
	guest_probe_run(&probe);
	expected = probe.in;
	expected.rax = guest_rdmsr(MSR_PAT) & LOW_HALF;
	expected.rdx = guest_rdmsr(MSR_PAT) >> 32;
	report_true("rdmsr_clears_high_halves_and_keeps_the_rest",
		memcmp(&expected, &probe.out, sizeof(expected)) == 0);
}

static void check_efer(void)
{
	const uint64_t efer = guest_rdmsr(MSR_EFER);

	report_equal("efer_has_lme_and_lma", efer & (EFER_LME | EFER_LMA), EFER_LME | EFER_LMA);
	for (unsigned bit = 1; bit < 64; bit++) {
		bool is_reserved = bit < 8 || bit == 9 || bit > 11;

		/* Bits 12 and above are AMD's; no Intel processor takes them. */
		if (is_reserved) {
			probe_rules_wrmsr_faults(
				"efer_reserved_bit_raises_gp", MSR_EFER, efer | 1ull << bit);
		}
	}
	probe_rules_wrmsr_faults(
		"efer_lme_change_while_paging_raises_gp", MSR_EFER, efer & ~(EFER_LME | EFER_LMA));
	report_equal("efer_is_unchanged_after_gp", guest_rdmsr(MSR_EFER), efer);
	guest_wrmsr(MSR_EFER, efer & ~EFER_LMA);
	report_equal("efer_lma_ignores_writes", guest_rdmsr(MSR_EFER), efer);
	probe_rules_msr_round_trip("efer_sce_can_be_cleared", MSR_EFER, efer & ~EFER_SCE);
	probe_rules_msr_round_trip("efer_nxe_can_be_cleared", MSR_EFER, efer & ~EFER_NXE);
}

static void check_efer_effects(void)
{
	const uint64_t efer = guest_rdmsr(MSR_EFER);
	const uint64_t page = UNMAPPED_PHYSICAL;
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x05"));

	guest_wrmsr(MSR_EFER, efer & ~EFER_SCE);
	guest_probe_run(&probe);
	report_fault("syscall_without_sce_raises_ud", &probe, VECTOR_UD, 0);
	guest_wrmsr(MSR_EFER, efer);

	/* With NXE off the XD bit is reserved: #PF with RSVD and P. */
	guest_map_2m(page, 0, GUEST_PAGE_DEFAULT | GUEST_PAGE_NX);
	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x8a\x07"));
	probe.in.rdi = page;
	guest_wrmsr(MSR_EFER, efer & ~EFER_NXE);
	guest_probe_run(&probe);
	guest_wrmsr(MSR_EFER, efer);
	report_fault("xd_bit_without_nxe_raises_pf_rsvd", &probe, VECTOR_PF, 0x9);
	guest_probe_run(&probe);
	report_done("xd_page_can_be_read_with_nxe", &probe);
	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xff\xe0"));
	probe.in.rax = page;
	guest_probe_run(&probe);
	report_equal("fetch_from_xd_page_raises_pf", probe.vector, VECTOR_PF);
	report_equal("fetch_from_xd_page_has_the_fetch_bit", probe.error_code, 0x11);
	guest_map_2m(page, page, GUEST_PAGE_DEFAULT);
}

static void check_pat(void)
{
	probe_rules_msr_round_trip("pat_round_trip", MSR_PAT, PAT_WITH_WC);
	probe_rules_msr_round_trip("pat_round_trip_of_all_types", MSR_PAT, PAT_UNUSUAL);
	probe_rules_wrmsr_faults("pat_type_2_raises_gp", MSR_PAT, PAT_RESERVED_TYPE_2);
	probe_rules_wrmsr_faults("pat_type_3_raises_gp", MSR_PAT, PAT_RESERVED_TYPE_3);
	probe_rules_wrmsr_faults("pat_reserved_bit_raises_gp", MSR_PAT, PAT_RESERVED_BIT);
	probe_rules_wrmsr_faults("pat_all_ones_raises_gp", MSR_PAT, ~0ull);
}

static void check_addresses(void)
{
	static const struct {
		const char *round_trip;
		const char *refusal;
		uint32_t msr;
	} rows[] = {
		{"fs_base_round_trip", "fs_base_non_canonical_raises_gp", MSR_FS_BASE},
		{"gs_base_round_trip", "gs_base_non_canonical_raises_gp", MSR_GS_BASE},
		{"kernel_gs_base_round_trip", "kernel_gs_base_non_canonical_raises_gp",
			MSR_KERNEL_GS_BASE},
		{"lstar_round_trip", "lstar_non_canonical_raises_gp", MSR_LSTAR},
		{"cstar_round_trip", "cstar_non_canonical_raises_gp", MSR_CSTAR},
		{"sysenter_esp_round_trip", "sysenter_esp_non_canonical_raises_gp",
			MSR_SYSENTER_ESP},
		{"sysenter_eip_round_trip", "sysenter_eip_non_canonical_raises_gp",
			MSR_SYSENTER_EIP},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		probe_rules_msr_round_trip(rows[i].round_trip, rows[i].msr, CANONICAL_HIGH);
		probe_rules_msr_round_trip(rows[i].round_trip, rows[i].msr, CANONICAL_LOW);
		probe_rules_wrmsr_faults(rows[i].refusal, rows[i].msr, NON_CANONICAL);
		probe_rules_wrmsr_faults(rows[i].refusal, rows[i].msr, NON_CANONICAL_HIGH);
	}
	probe_rules_msr_round_trip("sysenter_cs_round_trip", MSR_SYSENTER_CS, SELECTOR_KERNEL_CODE);
}

static void check_segment_bases(void)
{
	static const uint64_t value = 0x1122334455667788ull;
	/* mov rax, gs:[0]; swapgs; mov rbx, gs:[0]; swapgs; mov rcx, fs:[0] */
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL,
		PROBE_CODE("\x65\x48\x8b\x04\x25\0\0\0\0\x0f\x01\xf8\x65\x48\x8b\x1c\x25\0\0\0\0"
			   "\x0f\x01\xf8\x64\x48\x8b\x0c\x25\0\0\0\0"));

	static const uint64_t other = 0x99aabbccddeeff00ull;

	guest_wrmsr(MSR_GS_BASE, (uintptr_t)&value);
	guest_wrmsr(MSR_KERNEL_GS_BASE, (uintptr_t)&other);
	guest_wrmsr(MSR_FS_BASE, (uintptr_t)&other);
	guest_probe_run(&probe);
	report_done("segment_bases_are_used", &probe);
	report_equal("gs_base_is_used", probe.out.rax, value);
	report_equal("swapgs_takes_kernel_gs_base", probe.out.rbx, other);
	report_equal("fs_base_is_used", probe.out.rcx, other);
}

static void check_syscall(void)
{
	const uint64_t fmask = RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_CF;
	struct guest_probe probe = guest_probe_make(PROBE_USER, PROBE_CODE("\x0f\x05"));

	probe_rules_msr_round_trip("star_round_trip", MSR_STAR, STAR_VALUE);
	probe_rules_msr_round_trip("fmask_round_trip", MSR_FMASK, fmask);
	guest_wrmsr(MSR_STAR, STAR_VALUE);
	guest_wrmsr(MSR_LSTAR, (uintptr_t)guest_syscall_entry);
	guest_wrmsr(MSR_FMASK, fmask);
	probe.rflags_in |= RFLAGS_STATUS | RFLAGS_DF;
	guest_probe_run(&probe);
	report_equal("syscall_goes_to_lstar",
		(uint64_t)probe.rip_offset + guest_probe_code_address(),
		(uintptr_t)guest_syscall_entry + 2);
	report_equal("syscall_saves_rip_in_rcx", probe.out.rcx,
		guest_probe_code_address() + SYSCALL_BYTES);
	report_equal("syscall_saves_rflags_in_r11", probe.out.r11 & ~RFLAGS_RF, probe.rflags_in);
	report_equal("syscall_masks_rflags", probe.rflags_out & (fmask | RFLAGS_OF), RFLAGS_OF);
}

static void check_sysenter(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_USER, PROBE_CODE("\x0f\x34"));

	guest_wrmsr(MSR_SYSENTER_CS, 0);
	guest_probe_run(&probe);
	report_fault("sysenter_with_cs_0_raises_gp", &probe, VECTOR_GP, 0);
	guest_wrmsr(MSR_SYSENTER_CS, SELECTOR_KERNEL_CODE);
	guest_wrmsr(MSR_SYSENTER_EIP, (uintptr_t)guest_syscall_entry);
	guest_wrmsr(MSR_SYSENTER_ESP, guest_probe_stack_top());
	guest_probe_run(&probe);
	report_equal("sysenter_goes_to_sysenter_eip",
		(uint64_t)probe.rip_offset + guest_probe_code_address(),
		(uintptr_t)guest_syscall_entry + 2);
}

static void check_platform(void)
{
	uint64_t value = 0;
	uint64_t vector = 0;

	report_true("apic_base_can_be_read", guest_probe_rdmsr(MSR_APIC_BASE, &value, &vector));
	if (!report_has_trivet("platform_msrs")) {
		return;
	}
	guest_probe_rdmsr(MSR_APIC_BASE, &value, &vector);
	report_equal("apic_is_on_as_cpuid_shows_it", value & APIC_BASE_ENABLE, APIC_BASE_ENABLE);
	report_true(
		"bios_sign_id_can_be_read", guest_probe_rdmsr(MSR_BIOS_SIGN_ID, &value, &vector));
	report_true("bios_sign_id_takes_0", guest_probe_wrmsr(MSR_BIOS_SIGN_ID, 0, &vector));
	report_true("misc_enable_can_be_read", guest_probe_rdmsr(MSR_MISC_ENABLE, &value, &vector));
	if (guest_probe_rdmsr(MSR_FEATURE_CONTROL, &value, &vector)) {
		report_equal("feature_control_is_locked_without_vmx",
			value & (FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX),
			FEATURE_CONTROL_LOCKED);
	} else {
		report_equal("feature_control_is_locked_without_vmx", vector, VECTOR_PROBE_END);
	}
	probe_rules_wrmsr_faults("feature_control_locked_raises_gp", MSR_FEATURE_CONTROL, 5);
}

static void check_tsc(void)
{
	const uint64_t before = guest_rdtsc();
	uint64_t after;
	uint64_t vector;

	report_true("tsc_msr_reads_as_rdtsc",
		guest_rdmsr(MSR_TSC) - before < TSC_SLACK && guest_rdtsc() > before);
	report_true("tsc_msr_is_writable", guest_probe_wrmsr(MSR_TSC, TSC_FAR, &vector));
	after = guest_rdtsc();
	report_true("tsc_write_moves_rdtsc", after - TSC_FAR < TSC_SLACK);
	report_true("tsc_write_moves_the_msr", guest_rdmsr(MSR_TSC) - TSC_FAR < TSC_SLACK);
	guest_wrmsr(MSR_TSC, before);
	report_true("tsc_can_be_set_back", guest_rdtsc() - before < TSC_SLACK);
	if ((guest_cpuid(7, 0).ebx & CPUID_7_EBX_TSC_ADJUST) == 0) {
		report_skip("tsc_adjust", "hidden");
		return;
	}
	/* SDM Vol. 3B "IA32_TSC_ADJUST Register": the two move together, in both directions. */
	guest_wrmsr(MSR_TSC_ADJUST, guest_rdmsr(MSR_TSC_ADJUST) + TSC_FAR);
	report_true("tsc_adjust_moves_rdtsc", guest_rdtsc() - before - TSC_FAR < TSC_SLACK);
	guest_wrmsr(MSR_TSC_ADJUST, guest_rdmsr(MSR_TSC_ADJUST) - TSC_FAR);
	report_true("tsc_adjust_moves_rdtsc_back", guest_rdtsc() - before < TSC_SLACK);
}

static void check_tsc_aux(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_USER, PROBE_CODE("\x0f\x01\xf9"));

	if ((guest_cpuid(CPUID_EXTENDED_FUNCTION, 0).edx & CPUID_EDX_RDTSCP) == 0) {
		report_skip("tsc_aux", "no RDTSCP");
		return;
	}
	probe_rules_msr_round_trip("tsc_aux_round_trip", MSR_TSC_AUX, TSC_AUX_VALUE);
	guest_wrmsr(MSR_TSC_AUX, TSC_AUX_VALUE);
	guest_probe_run(&probe);
	report_done("rdtscp_in_ring_3", &probe);
	report_equal("rdtscp_returns_tsc_aux", probe.out.rcx, TSC_AUX_VALUE);
}

uint32_t guest_main(void)
{
	check_encoding();
	if (report_has_trivet("unknown_msrs")) {
		check_unknown();
	}
	check_efer();
	check_efer_effects();
	check_pat();
	check_addresses();
	check_segment_bases();
	check_syscall();
	check_sysenter();
	check_platform();
	check_tsc();
	check_tsc_aux();
	return report_result();
}
