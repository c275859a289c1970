/* SPDX-License-Identifier: MIT */
/*
 * From long mode through compatibility mode to every older mode and back, and in each of them the
 * instructions that exit.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/probe_rules.h"

#define MSR_EFER      0xc0000080
#define EFER_LME_LMA  0x500u
#define CR0_PE        1u
#define CR0_PG        0x80000000u
#define UNMAPPED_PORT 0x9abc
#define LOW_HALF      0xffffffffu

enum { ROUND_COUNT = 50 };

static const enum guest_probe_mode modes[] = {PROBE_KERNEL, PROBE_COMPATIBILITY, PROBE_PROTECTED32,
	PROBE_PROTECTED16, PROBE_REAL, PROBE_PROTECTED32_PAGING, PROBE_PROTECTED32_PAE};

static bool has_paging(enum guest_probe_mode mode)
{
	return mode == PROBE_KERNEL || mode == PROBE_COMPATIBILITY ||
	       mode == PROBE_PROTECTED32_PAGING || mode == PROBE_PROTECTED32_PAE;
}

static bool is_long(enum guest_probe_mode mode)
{
	return mode == PROBE_KERNEL || mode == PROBE_COMPATIBILITY;
}

static struct guest_probe run(
	enum guest_probe_mode mode, const char *code, size_t size_bytes, uint64_t rcx)
{
	struct guest_probe probe = guest_probe_make(mode, code, size_bytes);

	probe.in.rax = 0;
	probe.in.rcx = rcx;
	probe.in.rdx = UNMAPPED_PORT;
	guest_probe_run(&probe);
	return probe;
}

static void check_control_registers(enum guest_probe_mode mode)
{
	/* mov eax, cr0; mov ebx, eax: the encoding is the same in every mode. */
	struct guest_probe probe = run(mode, PROBE_CODE("\x0f\x20\xc0"), 0);

	report_done("cr0_can_be_read", &probe);
	report_equal("cr0_pg_tells_paging", (probe.out.rax & CR0_PG) != 0, has_paging(mode));
	report_equal("cr0_pe_tells_protection", probe.out.rax & CR0_PE, mode != PROBE_REAL);
	probe = run(mode, PROBE_CODE("\x0f\x20\xc0\x0f\x22\xc0"), 0);
	report_done("cr0_can_be_written_as_it_is", &probe);
	probe = run(mode, PROBE_CODE("\x0f\x20\xe0\x0f\x22\xe0"), 0);
	report_done("cr4_can_be_written_as_it_is", &probe);
	probe = run(mode, PROBE_CODE("\x0f\x20\xd8\x0f\x22\xd8"), 0);
	report_done("cr3_can_be_written_as_it_is", &probe);
}

static void check_exits(enum guest_probe_mode mode)
{
	const struct guest_cpuid want = guest_cpuid(0, 0);
	struct guest_probe probe = run(mode, PROBE_CODE("\x0f\xa2"), 0);

	report_done("cpuid_goes_on", &probe);
	report_true("cpuid_is_the_same",
		(uint32_t)probe.out.rax == want.eax && (uint32_t)probe.out.rbx == want.ebx &&
			(uint32_t)probe.out.rcx == want.ecx && (uint32_t)probe.out.rdx == want.edx);
	probe = run(mode, PROBE_CODE("\x0f\x32"), MSR_EFER);
	report_done("rdmsr_goes_on", &probe);
	report_equal("efer_tells_long_mode", probe.out.rax & EFER_LME_LMA,
		is_long(mode) ? EFER_LME_LMA : 0);
	probe = run(mode, PROBE_CODE("\xec"), 0);
	report_done("in_goes_on", &probe);
	report_equal("in_reads_ones", probe.out.rax & LOW_HALF, 0xff);
	probe = run(mode, PROBE_CODE("\x0f\x09"), 0);
	report_done("wbinvd_goes_on", &probe);
}

/* Faults must arrive in the way of the mode: real mode has no error codes. */
static void check_faults(enum guest_probe_mode mode)
{
	struct guest_probe probe = run(mode, PROBE_CODE("\x0f\x0b"), 0);

	report_fault("ud2_raises_ud", &probe, VECTOR_UD, 0);
	probe = run(mode, PROBE_CODE("\x0f\x32"), 0xffffffff);
	if (report_is_trivet()) {
		report_fault("rdmsr_of_unknown_raises_gp", &probe, VECTOR_GP, 0);
		probe = run(mode, PROBE_CODE("\x0f\x01\xc2"), 0);
		report_fault("vmlaunch_raises_ud", &probe, VECTOR_UD, 0);
	}
}

/* mov eax, [0x30000000]: in real mode no segment reaches it. */
static void check_unmapped_memory(enum guest_probe_mode mode)
{
	struct guest_probe probe;

	if (mode == PROBE_REAL || mode == PROBE_KERNEL) {
		return;
	}
	if (mode == PROBE_PROTECTED16) {
		probe = run(mode, PROBE_CODE("\x67\x66\xa1\0\0\0\x30"), 0);
	} else {
		probe = run(mode, PROBE_CODE("\xa1\0\0\0\x30"), 0);
	}
	report_done("read_without_memory_goes_on", &probe);
	report_equal("read_without_memory_is_ones", probe.out.rax & LOW_HALF, LOW_HALF);
}

/* Real mode can set PE itself, and leave it again. */
static void check_protection_switch(void)
{
	/* mov eax, cr0; or al, 1; mov cr0, eax; mov ebx, cr0; and al, 0xfe; mov cr0, eax;
	 * mov ecx, cr0 */
	struct guest_probe probe = run(PROBE_REAL,
		PROBE_CODE("\x0f\x20\xc0\x0c\x01\x0f\x22\xc0\x0f\x20\xc3\x24\xfe\x0f\x22\xc0"
			   "\x0f\x20\xc1"),
		0);

	report_done("real_mode_sets_and_clears_pe", &probe);
	report_equal("pe_reads_1", probe.out.rbx & CR0_PE, 1);
	report_equal("pe_reads_0_again", probe.out.rcx & CR0_PE, 0);
	/* mov eax, cr0; or al, 1; lmsw ax; mov ebx, cr0; and al, 0xfe; mov cr0, eax */
	probe = run(PROBE_REAL,
		PROBE_CODE("\x0f\x20\xc0\x0c\x01\x0f\x01\xf0\x0f\x20\xc3\x24\xfe\x0f\x22\xc0"), 0);
	report_done("lmsw_sets_pe", &probe);
	report_equal("pe_reads_1_after_lmsw", probe.out.rbx & CR0_PE, 1);
}

/* The modes at CPL 3 outside long mode. */
static void check_user_modes(void)
{
	static const enum guest_probe_mode user[] = {PROBE_PROTECTED32_USER, PROBE_VIRTUAL8086};

	for (size_t i = 0; i < ARRAY_COUNT(user); i++) {
		struct guest_probe probe = run(user[i], PROBE_CODE("\x0f\xa2"), 0);

		report_set_scope(guest_probe_mode_name(user[i]));
		report_done("cpuid_goes_on", &probe);
		report_equal("cpuid_is_the_same", (uint32_t)probe.out.rbx, guest_cpuid(0, 0).ebx);
		probe = run(user[i], PROBE_CODE("\xf4"), 0);
		report_fault("hlt_raises_gp", &probe, VECTOR_GP, 0);
		probe = run(user[i], PROBE_CODE("\x0f\x22\xc0"), 0);
		report_fault("mov_to_cr0_raises_gp", &probe, VECTOR_GP, 0);
	}
	report_set_scope(NULL);
}

static void check_rounds(void)
{
	uint64_t done = 0;

	for (unsigned i = 0; i < ROUND_COUNT; i++) {
		for (size_t m = 0; m < ARRAY_COUNT(modes); m++) {
			struct guest_probe probe = run(modes[m], PROBE_CODE("\x0f\xa2"), 0);

			done += guest_probe_is_done(&probe);
		}
	}
	report_equal("rounds_through_all_modes", done, ROUND_COUNT * ARRAY_COUNT(modes));
}

uint32_t guest_main(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		report_set_scope(guest_probe_mode_name(modes[i]));
		check_control_registers(modes[i]);
		check_exits(modes[i]);
		check_faults(modes[i]);
		if (report_is_trivet()) {
			check_unmapped_memory(modes[i]);
		}
	}
	report_set_scope(NULL);
	check_user_modes();
	check_protection_switch();
	check_rounds();
	return report_result();
}
