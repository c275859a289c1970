/* SPDX-License-Identifier: MIT */
/* Each exception that a guest can make reaches its handler with the right error code, RIP and CR2:
 * SDM Vol. 3A "Exception and Interrupt Reference". */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "tests/guests/shared/probe_rules.h"

#define CR0_NE         (1ull << 5)
#define CR0_WP         (1ull << 16)
#define CR0_AM         (1ull << 18)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define NON_CANONICAL  0x0000800000000000ull
#define BAD_SELECTOR   0xfff8
#define SELECTOR_INDEX 0xfffcu
#define ERROR_EXTERNAL 1u
#define ERROR_IDT      2u
#define TSS_SIZE_SHORT 0x24u /* RSP0 to RSP2, no IST. */
enum { FLOOD_COUNT = 10000 };

#define PF_PRESENT  1u
#define PF_WRITE    2u
#define PF_USER     4u
#define PF_RESERVED 8u
#define PF_FETCH    16u
/* A physical address bit that no processor here has. */
#define PAGE_RESERVED_BIT (1ull << 51)

static void check_plain_faults(void)
{
	static const struct fault_rule kernel[] = {
		{"de_by_zero", PROBE_CODE("\xf7\xf1"), 1, 0, 0, VECTOR_DE, 0},
		{"de_by_overflow", PROBE_CODE("\xf7\xf1"), 0, 1, 7, VECTOR_DE, 0},
		{"ud_by_ud2", PROBE_CODE("\x0f\x0b"), 0, 0, 0, VECTOR_UD, 0},
		{"ud_by_ud0", PROBE_CODE("\x0f\xff\xc0"), 0, 0, 0, VECTOR_UD, 0},
		{"np_by_segment_load", PROBE_CODE("\x8e\xd8"), SELECTOR_NOT_PRESENT, 0, 0,
			VECTOR_NP, SELECTOR_NOT_PRESENT},
		{"ss_by_segment_load", PROBE_CODE("\x8e\xd0"), SELECTOR_NOT_PRESENT, 0, 0,
			VECTOR_SS, SELECTOR_NOT_PRESENT},
		{"gp_by_selector_outside_the_gdt", PROBE_CODE("\x8e\xd8"), BAD_SELECTOR, 0, 0,
			VECTOR_GP, BAD_SELECTOR},
		{"gp_by_non_canonical_address", PROBE_CODE("\x8a\x00"), NON_CANONICAL, 0, 0,
			VECTOR_GP, 0},
		{"gp_by_int_without_gate", PROBE_CODE("\xcd\x90"), 0, 0, 0, VECTOR_GP,
			0x90 << 3 | ERROR_IDT},
	};
	static const struct fault_rule user[] = {
		{"gp_by_hlt_in_ring_3", PROBE_CODE("\xf4"), 0, 0, 0, VECTOR_GP, 0},
		{"gp_by_int_through_kernel_gate", PROBE_CODE("\xcd\x0d"), 0, 0, 0, VECTOR_GP,
			13 << 3 | ERROR_IDT},
	};

	probe_rules_check(PROBE_KERNEL, kernel, ARRAY_COUNT(kernel));
	probe_rules_check(PROBE_USER, user, ARRAY_COUNT(user));
}

static void expect_at(const char *rule, const struct guest_probe *probe, uint64_t vector,
	uint64_t error_code, int64_t offset)
{
	report_equal(rule, probe->vector, vector);
	report_equal(rule, probe->error_code, error_code);
	report_equal(rule, (uint64_t)probe->rip_offset, (uint64_t)offset);
}

/* Traps leave RIP behind the instruction. */
static void check_traps(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_USER, PROBE_CODE("\xcc"));

	guest_probe_run(&probe);
	expect_at("bp_by_int3", &probe, VECTOR_BP, 0, 1);
	probe = guest_probe_make(PROBE_USER, PROBE_CODE("\xcd\x03"));
	guest_probe_run(&probe);
	expect_at("bp_by_int_3", &probe, VECTOR_BP, 0, 2);
	probe = guest_probe_make(PROBE_USER, PROBE_CODE("\xcd\x04"));
	guest_probe_run(&probe);
	expect_at("of_by_int_4", &probe, VECTOR_OF, 0, 2);
	probe = guest_probe_make(PROBE_COMPATIBILITY, PROBE_CODE("\xce"));
	probe.rflags_in |= RFLAGS_OF;
	guest_probe_run(&probe);
	expect_at("of_by_into", &probe, VECTOR_OF, 0, 1);
	/* mov rsp, rax; push rax */
	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x48\x89\xc4\x50"));
	probe.in.rax = NON_CANONICAL + 0x1000;
	guest_probe_run(&probe);
	expect_at("ss_by_non_canonical_stack", &probe, VECTOR_SS, 0, 3);
}

static void check_bound(void)
{
	static const int32_t bounds[2] = {1, 5};
	/* bound eax, [edi] */
	struct guest_probe probe = guest_probe_make(PROBE_COMPATIBILITY, PROBE_CODE("\x62\x07"));

	probe.in.rdi = (uintptr_t)bounds;
	probe.in.rax = 6;
	guest_probe_run(&probe);
	report_fault("br_by_bound", &probe, VECTOR_BR, 0);
	probe.in.rax = 5;
	guest_probe_run(&probe);
	report_done("bound_within_goes_on", &probe);
}

/* Delivery that fails: #DF, or the second exception instead. */
static void check_nested(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x8e\xd8"));

	probe.in.rax = BAD_SELECTOR;
	guest_segments_set_vector_present(VECTOR_GP, false);
	guest_probe_run(&probe);
	guest_segments_set_vector_present(VECTOR_GP, true);
	report_equal("df_by_two_contributory_exceptions", probe.vector, VECTOR_DF);
	report_equal("df_has_error_code_0", probe.error_code, 0);

	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x0b"));
	guest_segments_set_vector_present(VECTOR_UD, false);
	guest_probe_run(&probe);
	guest_segments_set_vector_present(VECTOR_UD, true);
	report_fault("np_while_delivering_ud", &probe, VECTOR_NP,
		VECTOR_UD << 3 | ERROR_IDT | ERROR_EXTERNAL);

	guest_segments_set_vector_ist(VECTOR_TS, 0);
	guest_segments_cut_tss(TSS_SIZE_SHORT);
	guest_probe_run(&probe);
	guest_segments_set_vector_ist(VECTOR_TS, GUEST_IST_TRAP);
	guest_segments_reload();
	report_equal("ts_while_delivering_by_a_short_tss", probe.vector, VECTOR_TS);
	report_equal("ts_has_the_selector", probe.error_code & SELECTOR_INDEX, SELECTOR_TSS);
}

struct page_rule {
	const char *rule;
	enum guest_probe_mode mode;
	uint64_t page_bits;
	bool is_write;
	uint64_t error_code;
};

static void check_page_faults(void)
{
	static const struct page_rule rules[] = {
		{"pf_kernel_read_not_present", PROBE_KERNEL, 0, false, 0},
		{"pf_kernel_write_not_present", PROBE_KERNEL, 0, true, PF_WRITE},
		{"pf_user_read_not_present", PROBE_USER, 0, false, PF_USER},
		{"pf_user_write_not_present", PROBE_USER, 0, true, PF_USER | PF_WRITE},
		{"pf_user_write_read_only", PROBE_USER, GUEST_PAGE_DEFAULT & ~GUEST_PAGE_WRITABLE,
			true, PF_PRESENT | PF_USER | PF_WRITE},
		{"pf_user_read_kernel_page", PROBE_USER, GUEST_PAGE_DEFAULT & ~GUEST_PAGE_USER,
			false, PF_PRESENT | PF_USER},
		{"pf_kernel_write_read_only", PROBE_KERNEL,
			GUEST_PAGE_DEFAULT & ~GUEST_PAGE_WRITABLE, true, PF_PRESENT | PF_WRITE},
		{"pf_reserved_bit", PROBE_KERNEL, GUEST_PAGE_DEFAULT | PAGE_RESERVED_BIT, false,
			PF_PRESENT | PF_RESERVED},
	};
	const uint64_t page = UNMAPPED_PHYSICAL;

	guest_write_cr0(guest_read_cr0() | CR0_WP);
	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		struct guest_probe probe = guest_probe_make(
			rules[i].mode, rules[i].is_write ? "\x88\x07" : "\x8a\x07", 2);

		guest_map_2m(page, 0, rules[i].page_bits);
		probe.in.rdi = page + 0x1234;
		guest_probe_run(&probe);
		report_fault(rules[i].rule, &probe, VECTOR_PF, rules[i].error_code);
		report_equal(rules[i].rule, probe.cr2, page + 0x1234);
	}
	guest_map_2m(page, 0, GUEST_PAGE_DEFAULT | GUEST_PAGE_NX);
	struct guest_probe probe = guest_probe_make(PROBE_USER, PROBE_CODE("\xff\xe7"));

	probe.in.rdi = page + 0x10;
	guest_probe_run(&probe);
	expect_at("pf_fetch_from_xd_page", &probe, VECTOR_PF, PF_PRESENT | PF_USER | PF_FETCH,
		(int64_t)(page + 0x10 - guest_probe_code_address()));
	guest_map_2m(page, page, GUEST_PAGE_DEFAULT);
}

static void check_floating_point(void)
{
	static const uint16_t control = 0x037f & ~4; /* Division by zero unmasked. */
	static const uint16_t masked = 0x037f;
	static const uint32_t mxcsr = 0x1f80 & ~0x200; /* The same in MXCSR. */
	static const uint32_t one = 0x3f800000;
	/* fninit; fldcw [rdi]; fld1; fldz; fdivp; fwait */
	struct guest_probe probe = guest_probe_make(
		PROBE_KERNEL, PROBE_CODE("\xdb\xe3\xd9\x2f\xd9\xe8\xd9\xee\xde\xf9\x9b"));

	guest_write_cr0(guest_read_cr0() | CR0_NE);
	probe.in.rdi = (uintptr_t)&control;
	guest_probe_run(&probe);
	expect_at("mf_by_division_at_the_next_wait", &probe, VECTOR_MF, 0, 10);
	probe.in.rdi = (uintptr_t)&masked;
	guest_probe_run(&probe);
	report_done("masked_division_by_zero_goes_on", &probe);
	guest_write_cr4(guest_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	/* fninit (ends a pending #MF); ldmxcsr [rdi]; xorps xmm0, xmm0; movss xmm1, [rsi];
	 * divss xmm1, xmm0 */
	probe = guest_probe_make(PROBE_KERNEL,
		PROBE_CODE("\xdb\xe3\x0f\xae\x17\x0f\x57\xc0\xf3\x0f\x10\x0e\xf3\x0f\x5e\xc8"));
	probe.in.rdi = (uintptr_t)&mxcsr;
	probe.in.rsi = (uintptr_t)&one;
	guest_probe_run(&probe);
	expect_at("xm_by_division", &probe, VECTOR_XM, 0, 12);
	guest_write_cr4(guest_read_cr4() & ~CR4_OSXMMEXCPT);
	guest_probe_run(&probe);
	expect_at("ud_instead_of_xm_without_osxmmexcpt", &probe, VECTOR_UD, 0, 12);
}

static void check_alignment(void)
{
	static const uint64_t words[2];
	struct guest_probe probe = guest_probe_make(PROBE_USER, PROBE_CODE("\x8b\x07"));
	uint64_t taken = 0;

	guest_write_cr0(guest_read_cr0() | CR0_AM);
	probe.in.rdi = (uintptr_t)words + 1;
	guest_probe_run(&probe);
	report_done("misaligned_read_without_rflags_ac_goes_on", &probe);
	probe.rflags_in |= RFLAGS_AC;
	guest_probe_run(&probe);
	report_fault("ac_by_misaligned_read_in_ring_3", &probe, VECTOR_AC, 0);
	for (unsigned i = 0; i < FLOOD_COUNT; i++) {
		guest_probe_run(&probe);
		taken += probe.vector == VECTOR_AC;
	}
	report_equal("a_flood_of_ac_is_delivered", taken, FLOOD_COUNT);
	probe.mode = PROBE_KERNEL;
	guest_probe_run(&probe);
	report_done("misaligned_read_in_ring_0_goes_on", &probe);
}

#define DR7_FIXED      0x400ull
#define DR7_L0         1ull
#define DR7_GD         (1ull << 13)
#define DR7_0_WRITE_4  (0xdull << 16)
#define DR7_0_EXECUTE  0ull
#define DR6_FIXED_ZERO (1ull << 12)
#define DR6_EVENT_BITS (DR6_B0 | DR6_BD | DR6_BS)

static void expect_step(
	const char *rule, const struct guest_probe *probe, int64_t offset, uint64_t dr6)
{
	report_done(rule, probe);
	report_equal(rule, probe->step_count, 1);
	report_equal(rule, (uint64_t)probe->steps[0].rip_offset, (uint64_t)offset);
	report_equal(rule, probe->steps[0].dr6 & DR6_EVENT_BITS, dr6);
}

static void check_debug(void)
{
	static uint32_t word;
	struct guest_probe probe = guest_probe_make(PROBE_USER, PROBE_CODE("\x90\x90\x90"));
	uint64_t taken = 0;

	guest_write_dr6(0);
	guest_write_dr0(guest_probe_code_address() + 1);
	guest_write_dr7(DR7_FIXED | DR7_L0 | DR7_0_EXECUTE);
	guest_probe_run(&probe);
	expect_step("db_by_instruction_breakpoint_is_a_fault", &probe, 1, DR6_B0);
	guest_write_dr0((uintptr_t)&word);
	guest_write_dr7(DR7_FIXED | DR7_L0 | DR7_0_WRITE_4);
	probe = guest_probe_make(PROBE_USER, PROBE_CODE("\x90\x89\x07\x90"));
	probe.in.rdi = (uintptr_t)&word;
	guest_probe_run(&probe);
	expect_step("db_by_data_breakpoint_is_a_trap", &probe, 3, DR6_B0);
	guest_write_dr7(DR7_FIXED | DR7_GD);
	/* nop; mov rax, dr0; the handler runs with GD cleared by the processor. */
	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x90\x0f\x21\xc0"));
	guest_probe_run(&probe);
	expect_step("db_by_general_detect_is_a_fault", &probe, 1, DR6_BD);
	guest_write_dr7(DR7_FIXED);
	probe = guest_probe_make(PROBE_USER, PROBE_CODE("\xf1"));
	guest_probe_run(&probe);
	expect_step("db_by_int1_is_a_trap", &probe, 1, 0);
	probe = guest_probe_make(PROBE_USER, PROBE_CODE("\x90"));
	probe.rflags_in |= RFLAGS_TF;
	for (unsigned i = 0; i < FLOOD_COUNT; i++) {
		guest_probe_run(&probe);
		taken += probe.step_count;
	}
	report_equal("a_flood_of_db_is_delivered", taken, FLOOD_COUNT);
}

uint32_t guest_main(void)
{
	check_plain_faults();
	check_traps();
	check_bound();
	check_nested();
	check_page_faults();
	check_floating_point();
	check_alignment();
	check_debug();
	return report_result();
}
