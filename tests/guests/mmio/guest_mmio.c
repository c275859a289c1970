/* SPDX-License-Identifier: MIT */
/*
 * Physical addresses without memory: a MOV reads all ones, a write is ignored, and the instruction
 * is really skipped. Each form of MOV that compilers make for device registers.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/probe_rules.h"

#define MSR_FS_BASE 0xc0000100
#define ONES        0xffffffffffffffffull
#define RAX_IN      0x1122334455667788ull
#define TARGET      (UNMAPPED_PHYSICAL + 0x1000)

/* Which register a read fills, as an index into struct guest_registers. */
enum destination { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R15 = 14, NONE };

struct mov {
	const char *rule;
	const char *code;
	size_t code_size_bytes;
	enum destination destination;
	uint64_t ones; /* The bits of the destination that become ones. */
	uint64_t kept; /* The bits that keep their value; all others become 0. */
};

#define BYTE  0xffull
#define WORD  0xffffull
#define DWORD 0xffffffffull

/* RDI points to the target in all of them. */
static const struct mov reads[] = {
	{"mov_al", PROBE_CODE("\x8a\x07"), RAX, BYTE, ~BYTE},
	{"mov_bl", PROBE_CODE("\x8a\x1f"), RBX, BYTE, ~BYTE},
	{"mov_ah", PROBE_CODE("\x8a\x27"), RAX, 0xff00, ~0xff00ull},
	{"mov_ch", PROBE_CODE("\x8a\x2f"), RCX, 0xff00, ~0xff00ull},
	{"mov_dh", PROBE_CODE("\x8a\x37"), RDX, 0xff00, ~0xff00ull},
	{"mov_bh", PROBE_CODE("\x8a\x3f"), RBX, 0xff00, ~0xff00ull},
	{"mov_sil_with_rex", PROBE_CODE("\x40\x8a\x37"), RSI, BYTE, ~BYTE},
	{"mov_bpl_with_rex", PROBE_CODE("\x40\x8a\x2f"), RBP, BYTE, ~BYTE},
	{"mov_r8b", PROBE_CODE("\x44\x8a\x07"), R8, BYTE, ~BYTE},
	{"mov_ax", PROBE_CODE("\x66\x8b\x07"), RAX, WORD, ~WORD},
	{"mov_r9w", PROBE_CODE("\x66\x44\x8b\x0f"), R9, WORD, ~WORD},
	{"mov_eax", PROBE_CODE("\x8b\x07"), RAX, DWORD, 0},
	{"mov_r15d", PROBE_CODE("\x44\x8b\x3f"), R15, DWORD, 0},
	{"mov_rax", PROBE_CODE("\x48\x8b\x07"), RAX, ONES, 0},
	{"mov_rax_66_is_ignored", PROBE_CODE("\x66\x48\x8b\x07"), RAX, ONES, 0},
	{"mov_r15", PROBE_CODE("\x4c\x8b\x3f"), R15, ONES, 0},
	{"mov_rdi_over_its_own_address", PROBE_CODE("\x48\x8b\x3f"), RDI, ONES, 0},
	{"mov_eax_displacement_8", PROBE_CODE("\x8b\x47\x10"), RAX, DWORD, 0},
	{"mov_eax_displacement_32", PROBE_CODE("\x8b\x87\x10\0\0\0"), RAX, DWORD, 0},
	{"mov_eax_negative_displacement", PROBE_CODE("\x8b\x47\xf0"), RAX, DWORD, 0},
	{"mov_eax_index", PROBE_CODE("\x8b\x44\x97\x10"), RAX, DWORD, 0},
	{"mov_eax_absolute_32", PROBE_CODE("\x8b\x04\x25\0\0\0\x30"), RAX, DWORD, 0},
	{"mov_eax_fs", PROBE_CODE("\x64\x8b\x04\x25\x20\0\0\0"), RAX, DWORD, 0},
	{"mov_eax_address_32", PROBE_CODE("\x67\x8b\x07"), RAX, DWORD, 0},
	{"mov_al_moffs", PROBE_CODE("\xa0\0\0\0\x30\0\0\0\0"), RAX, BYTE, ~BYTE},
	{"mov_ax_moffs", PROBE_CODE("\x66\xa1\0\0\0\x30\0\0\0\0"), RAX, WORD, ~WORD},
	{"mov_eax_moffs", PROBE_CODE("\xa1\0\0\0\x30\0\0\0\0"), RAX, DWORD, 0},
	{"mov_rax_moffs", PROBE_CODE("\x48\xa1\0\0\0\x30\0\0\0\0"), RAX, ONES, 0},
	{"mov_eax_moffs_address_32", PROBE_CODE("\x67\xa1\0\0\0\x30"), RAX, DWORD, 0},
	{"movzx_ax_byte", PROBE_CODE("\x66\x0f\xb6\x07"), RAX, BYTE, ~WORD},
	{"movzx_eax_byte", PROBE_CODE("\x0f\xb6\x07"), RAX, BYTE, 0},
	{"movzx_rax_byte", PROBE_CODE("\x48\x0f\xb6\x07"), RAX, BYTE, 0},
	{"movzx_eax_word", PROBE_CODE("\x0f\xb7\x07"), RAX, WORD, 0},
	{"movzx_rax_word", PROBE_CODE("\x48\x0f\xb7\x07"), RAX, WORD, 0},
	{"movzx_r8d_byte", PROBE_CODE("\x44\x0f\xb6\x07"), R8, BYTE, 0},
	{"movsx_ax_byte", PROBE_CODE("\x66\x0f\xbe\x07"), RAX, WORD, ~WORD},
	{"movsx_eax_byte", PROBE_CODE("\x0f\xbe\x07"), RAX, DWORD, 0},
	{"movsx_rax_byte", PROBE_CODE("\x48\x0f\xbe\x07"), RAX, ONES, 0},
	{"movsx_eax_word", PROBE_CODE("\x0f\xbf\x07"), RAX, DWORD, 0},
	{"movsx_rax_word", PROBE_CODE("\x48\x0f\xbf\x07"), RAX, ONES, 0},
	{"movsxd_rax_dword", PROBE_CODE("\x48\x63\x07"), RAX, ONES, 0},
};

static const struct mov writes[] = {
	{"write_al", PROBE_CODE("\x88\x07"), NONE, 0, 0},
	{"write_ah", PROBE_CODE("\x88\x27"), NONE, 0, 0},
	{"write_sil", PROBE_CODE("\x40\x88\x37"), NONE, 0, 0},
	{"write_ax", PROBE_CODE("\x66\x89\x07"), NONE, 0, 0},
	{"write_eax", PROBE_CODE("\x89\x07"), NONE, 0, 0},
	{"write_rax", PROBE_CODE("\x48\x89\x07"), NONE, 0, 0},
	{"write_r15", PROBE_CODE("\x4c\x89\x3f"), NONE, 0, 0},
	{"write_imm8", PROBE_CODE("\xc6\x07\x5a"), NONE, 0, 0},
	{"write_imm16", PROBE_CODE("\x66\xc7\x07\x34\x12"), NONE, 0, 0},
	{"write_imm32", PROBE_CODE("\xc7\x07\x78\x56\x34\x12"), NONE, 0, 0},
	{"write_imm64", PROBE_CODE("\x48\xc7\x07\x78\x56\x34\x12"), NONE, 0, 0},
	{"write_imm32_displacement_32", PROBE_CODE("\xc7\x87\x10\0\0\0\x78\x56\x34\x12"), NONE, 0,
		0},
	{"write_imm32_index", PROBE_CODE("\xc7\x44\x97\x10\x78\x56\x34\x12"), NONE, 0, 0},
	{"write_al_moffs", PROBE_CODE("\xa2\0\0\0\x30\0\0\0\0"), NONE, 0, 0},
	{"write_eax_moffs", PROBE_CODE("\xa3\0\0\0\x30\0\0\0\0"), NONE, 0, 0},
	{"write_rax_moffs", PROBE_CODE("\x48\xa3\0\0\0\x30\0\0\0\0"), NONE, 0, 0},
};

/* In 32-bit code: what a decoder must not take for the 64-bit forms. */
static const struct mov compatibility[] = {
	{"mov_al", PROBE_CODE("\x8a\x07"), RAX, BYTE, ~BYTE &DWORD},
	{"mov_eax", PROBE_CODE("\x8b\x07"), RAX, DWORD, 0},
	{"mov_ax", PROBE_CODE("\x66\x8b\x07"), RAX, WORD, ~WORD &DWORD},
	{"mov_eax_moffs_32", PROBE_CODE("\xa1\0\0\0\x30"), RAX, DWORD, 0},
	{"mov_eax_absolute_is_not_rip_relative", PROBE_CODE("\x8b\x05\0\0\0\x30"), RAX, DWORD, 0},
	{"inc_eax_is_not_rex", PROBE_CODE("\x40\x8a\x37"), RDX, 0xff00, ~0xff00ull & DWORD},
	{"movzx_eax_byte", PROBE_CODE("\x0f\xb6\x07"), RAX, BYTE, 0},
	{"write_eax", PROBE_CODE("\x89\x07"), NONE, 0, 0},
	{"write_imm32", PROBE_CODE("\xc7\x07\x78\x56\x34\x12"), NONE, 0, 0},
};

static void check_mov(enum guest_probe_mode mode, const struct mov *mov)
{
	const bool is_long = mode == PROBE_KERNEL || mode == PROBE_USER;
	const uint64_t mask = is_long ? ONES : DWORD;
	struct guest_probe probe = guest_probe_make(mode, mov->code, mov->code_size_bytes);
	uint64_t *in = (uint64_t *)&probe.in;
	const uint64_t *out = (const uint64_t *)&probe.out;

	probe.in.rax = RAX_IN;
	probe.in.rdi = TARGET;
	probe.in.rdx = 0x108; /* An index whose DH is not all ones. */
	probe.rflags_in |= RFLAGS_STATUS;
	guest_probe_run(&probe);
	if (!report_done(mov->rule, &probe)) {
		return;
	}
	for (unsigned i = 0; i < sizeof(probe.in) / sizeof(uint64_t); i++) {
		uint64_t want = in[i];

		if (i == (unsigned)mov->destination) {
			want = (in[i] & mov->kept) | mov->ones;
		} else if (!is_long && i == RAX) {
			continue; /* One of the codes counts EAX up. */
		}
		if ((out[i] & mask) != (want & mask)) {
			report_equal(mov->rule, out[i] & mask, want & mask);
		}
	}
}

static void check_table(enum guest_probe_mode mode, const struct mov *table, size_t count)
{
	report_set_scope(guest_probe_mode_name(mode));
	for (size_t i = 0; i < count; i++) {
		check_mov(mode, &table[i]);
	}
	report_set_scope(NULL);
}

/* mov eax, [rip + distance] */
static void check_rip_relative(void)
{
	uint8_t code[] = {0x8b, 0x05, 0, 0, 0, 0};
	const uint32_t distance = (uint32_t)(TARGET - (guest_probe_code_address() + sizeof(code)));
	struct guest_probe probe;

	memcpy(&code[2], &distance, sizeof(distance));
	probe = guest_probe_make(PROBE_KERNEL, code, sizeof(code));
	guest_probe_run(&probe);
	report_done("mov_eax_rip_relative_goes_on", &probe);
	report_equal("mov_eax_rip_relative", probe.out.rax, DWORD);
}

/* Memory must be told from no memory to the byte. */
static void check_edge(void)
{
	const uint64_t end = guest_memory_end();
	volatile uint64_t *last = (volatile uint64_t *)(uintptr_t)(end - sizeof(uint64_t));
	const volatile uint64_t *first = (const volatile uint64_t *)(uintptr_t)end;

	*last = RAX_IN;
	report_equal("last_bytes_are_memory", *last, RAX_IN);
	if (report_has_trivet("first_bytes_behind_memory_read_ones")) {
		report_equal("first_bytes_behind_memory_read_ones", *first, ONES);
	}
}

/* The guest's own paging decides before memory does: #PF, not all ones. */
static void check_paging_first(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x8b\x07"));

	guest_map_2m(UNMAPPED_PHYSICAL, 0, 0);
	probe.in.rdi = TARGET;
	guest_probe_run(&probe);
	guest_map_2m(UNMAPPED_PHYSICAL, UNMAPPED_PHYSICAL, GUEST_PAGE_DEFAULT);
	report_fault("page_not_present_raises_pf", &probe, VECTOR_PF, 0);
	report_equal("pf_has_cr2", probe.cr2, TARGET);
}

/* Code and data at linear addresses that differ from the physical ones. */
static void check_translation(void)
{
	const uint64_t alias = UNMAPPED_PHYSICAL + GUEST_PAGE_2M_BYTES;
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xff\xe2"));
	static const uint8_t code[] = {0x48, 0x8b, 0x07, 0xcd, VECTOR_PROBE_END};
	static uint8_t page[4096] __attribute__((aligned(4096)));

	memcpy(page, code, sizeof(code));
	guest_map_2m(alias, (uintptr_t)page, GUEST_PAGE_DEFAULT);
	probe.in.rdx = alias + ((uintptr_t)page & (GUEST_PAGE_2M_BYTES - 1));
	probe.in.rdi = TARGET;
	guest_probe_run(&probe);
	guest_map_2m(alias, alias, GUEST_PAGE_DEFAULT);
	report_done("code_at_another_linear_address_goes_on", &probe);
	report_equal("code_at_another_linear_address", probe.out.rax, ONES);
}

uint32_t guest_main(void)
{
	if (!report_is_trivet() && *(volatile uint32_t *)(uintptr_t)TARGET != DWORD) {
		report_skip("unmapped_memory_reads_ones", "not so on this machine");
		return report_result();
	}
	guest_wrmsr(MSR_FS_BASE, TARGET);
	check_table(PROBE_KERNEL, reads, ARRAY_COUNT(reads));
	check_table(PROBE_KERNEL, writes, ARRAY_COUNT(writes));
	check_table(PROBE_USER, reads, ARRAY_COUNT(reads));
	check_table(PROBE_COMPATIBILITY, compatibility, ARRAY_COUNT(compatibility));
	check_rip_relative();
	check_edge();
	check_paging_first();
	check_translation();
	return report_result();
}
