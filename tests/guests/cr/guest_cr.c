/* SPDX-License-Identifier: MIT */
/* CR0, CR3, CR4 and CR8: SDM Vol. 3A "Control Registers", Vol. 2B "MOV-Move to/from Control
 * Registers". */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/probe_rules.h"

#define CR0_PE (1ull << 0)
#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)
#define CR0_ET (1ull << 4)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_AM (1ull << 18)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)
/* Bits 31:0 that no processor defines: writes of them are ignored. */
#define CR0_IGNORED 0x1ffaffc0ull

#define CR4_TSD   (1ull << 2)
#define CR4_DE    (1ull << 3)
#define CR4_PAE   (1ull << 5)
#define CR4_UMIP  (1ull << 11)
#define CR4_VMXE  (1ull << 13)
#define CR4_PCIDE (1ull << 17)
#define CR4_SMEP  (1ull << 20)
#define CR4_SMAP  (1ull << 21)

#define CR3_NO_FLUSH (1ull << 63)
#define CR3_LOW_BITS 0xfffull
#define LMSW_BITS    0xfull

/* Code at CPL 0, in the order of the encodings. */
#define MOV_CR0_RAX PROBE_CODE("\x0f\x22\xc0")
#define MOV_CR3_RAX PROBE_CODE("\x0f\x22\xd8")
#define MOV_CR4_RAX PROBE_CODE("\x0f\x22\xe0")
#define MOV_CR8_RAX PROBE_CODE("\x44\x0f\x22\xc0")
#define MOV_RAX_CR8 PROBE_CODE("\x44\x0f\x20\xc0")
#define FNINIT      PROBE_CODE("\xdb\xe3")

/* A feature of CPUID, and the CR4 bit that it allows. */
struct cr4_feature {
	const char *rule;
	unsigned cr4_bit;
	uint32_t leaf;
	unsigned word; /* EAX 0, EBX 1, ECX 2, EDX 3. */
	unsigned bit;
};

static struct guest_probe run(const char *code, size_t size_bytes, uint64_t rax)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, code, size_bytes);

	probe.in.rax = rax;
	guest_probe_run(&probe);
	return probe;
}

static void expect_gp(const char *rule, const char *code, size_t size_bytes, uint64_t rax)
{
	const struct guest_probe probe = run(code, size_bytes, rax);

	report_fault(rule, &probe, VECTOR_GP, 0);
}

static void check_cr0_refusals(void)
{
	const uint64_t cr0 = guest_read_cr0();

	expect_gp("cr0_pg_without_pe_raises_gp", MOV_CR0_RAX, cr0 & ~CR0_PE);
	expect_gp("cr0_nw_without_cd_raises_gp", MOV_CR0_RAX, (cr0 & ~CR0_CD) | CR0_NW);
	expect_gp("cr0_pg_cleared_in_64_bit_code_raises_gp", MOV_CR0_RAX, cr0 & ~CR0_PG);
	expect_gp("cr0_zero_raises_gp", MOV_CR0_RAX, 0);
	for (unsigned bit = 32; bit < 64; bit++) {
		expect_gp("cr0_reserved_high_bit_raises_gp", MOV_CR0_RAX, cr0 | 1ull << bit);
	}
	report_equal("cr0_is_unchanged_after_gp", guest_read_cr0(), cr0);
}

static void check_cr0_values(void)
{
	static const struct {
		const char *rule;
		uint64_t set;
		uint64_t cleared;
	} rows[] = {
		{"cr0_ne_reads_1_as_written", CR0_NE, 0},
		{"cr0_ne_reads_0_as_written", 0, CR0_NE},
		{"cr0_wp_reads_as_written", CR0_WP, 0},
		{"cr0_am_reads_as_written", CR0_AM, 0},
		{"cr0_ts_reads_as_written", CR0_TS, 0},
		{"cr0_mp_em_read_as_written", CR0_MP | CR0_EM, 0},
		{"cr0_cd_reads_as_written", CR0_CD, CR0_NW},
		{"cr0_cd_nw_read_as_written", CR0_CD | CR0_NW, 0},
		{"cr0_all_read_as_written",
			CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_CD | CR0_NW, 0},
	};
	const uint64_t cr0 = guest_read_cr0();
	uint64_t read;

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint64_t value = (cr0 | rows[i].set) & ~rows[i].cleared;

		guest_write_cr0(value);
		read = guest_read_cr0();
		guest_write_cr0(cr0);
		report_equal(rows[i].rule, read, value);
	}
	guest_write_cr0(cr0 | CR0_IGNORED);
	read = guest_read_cr0();
	guest_write_cr0(cr0);
	report_equal("cr0_undefined_low_bits_are_ignored", read, cr0);
	guest_write_cr0(cr0 & ~CR0_ET);
	report_equal("cr0_et_is_always_1", guest_read_cr0() & CR0_ET, CR0_ET);
	guest_write_cr0(cr0);
}

static void check_cr0_ts(void)
{
	const uint64_t cr0 = guest_read_cr0();
	struct guest_probe probe;

	guest_write_cr0((cr0 | CR0_TS) & ~CR0_EM);
	probe = run(FNINIT, 0);
	report_fault("ts_makes_x87_raise_nm", &probe, VECTOR_NM, 0);
	probe = run(PROBE_CODE("\x0f\x06\xdb\xe3"), 0); /* clts; fninit */
	report_done("clts_ends_nm", &probe);
	report_equal("clts_clears_ts", guest_read_cr0() & CR0_TS, 0);
	guest_write_cr0(cr0 | CR0_TS | CR0_MP);
	probe = run(PROBE_CODE("\x9b"), 0); /* fwait */
	report_fault("ts_and_mp_make_fwait_raise_nm", &probe, VECTOR_NM, 0);
	guest_write_cr0((cr0 | CR0_EM) & ~CR0_TS);
	probe = run(FNINIT, 0);
	report_fault("em_makes_x87_raise_nm", &probe, VECTOR_NM, 0);
	guest_write_cr0(cr0);
	probe = guest_probe_make(PROBE_USER, PROBE_CODE("\x0f\x06"));
	guest_probe_run(&probe);
	report_fault("clts_in_ring_3_raises_gp", &probe, VECTOR_GP, 0);
}

static void check_wp(void)
{
	const uint64_t cr0 = guest_read_cr0();
	static uint8_t byte;
	const uint64_t linear = UNMAPPED_PHYSICAL;
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x88\x07"));

	guest_map_2m(linear, (uintptr_t)&byte, GUEST_PAGE_DEFAULT & ~GUEST_PAGE_WRITABLE);
	probe.in.rdi = linear + ((uintptr_t)&byte & (GUEST_PAGE_2M_BYTES - 1));
	guest_write_cr0(cr0 | CR0_WP);
	guest_probe_run(&probe);
	report_fault("wp_protects_read_only_pages_from_the_kernel", &probe, VECTOR_PF, 3);
	guest_write_cr0(cr0 & ~CR0_WP);
	guest_probe_run(&probe);
	report_done("without_wp_the_kernel_writes_read_only_pages", &probe);
	guest_write_cr0(cr0);
	guest_map_2m(linear, linear, GUEST_PAGE_DEFAULT);
}

static void check_lmsw(void)
{
	const uint64_t cr0 = guest_read_cr0();
	struct guest_probe probe = run(PROBE_CODE("\x0f\x01\xf0"), 0); /* lmsw ax */

	report_done("lmsw_of_0_goes_on", &probe);
	report_equal("lmsw_cannot_clear_pe", guest_read_cr0(), cr0 & ~(LMSW_BITS & ~CR0_PE));
	probe = run(PROBE_CODE("\x0f\x01\xf0"), 0xffffffffffffffff);
	report_done("lmsw_of_ones_goes_on", &probe);
	report_equal("lmsw_sets_bits_3_to_0_only", guest_read_cr0(), cr0 | LMSW_BITS);
	guest_write_cr0(cr0);
	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x01\x37")); /* lmsw [rdi] */
	static const uint16_t word = CR0_TS | CR0_PE;
	probe.in.rdi = (uintptr_t)&word;
	guest_probe_run(&probe);
	report_done("lmsw_from_memory_goes_on", &probe);
	report_equal("lmsw_from_memory", guest_read_cr0() & LMSW_BITS, CR0_TS | CR0_PE);
	guest_write_cr0(cr0);
	probe = run(PROBE_CODE("\x0f\x01\xe0"), 0); /* smsw eax */
	report_equal("smsw_reads_the_low_word", probe.out.rax & 0xffff, cr0 & 0xffff);
	probe = guest_probe_make(PROBE_USER, PROBE_CODE("\x0f\x01\xf0"));
	guest_probe_run(&probe);
	report_fault("lmsw_in_ring_3_raises_gp", &probe, VECTOR_GP, 0);
}

static uint32_t feature_word(const struct cr4_feature *feature)
{
	const struct guest_cpuid leaf = guest_cpuid(feature->leaf, 0);
	const uint32_t words[] = {leaf.eax, leaf.ebx, leaf.ecx, leaf.edx};

	return words[feature->word];
}

/* The code that runs with SMEP or SMAP set must not lie in user pages. */
static void set_kernel_pages(bool is_user)
{
	const uint64_t bits = GUEST_PAGE_DEFAULT & ~(is_user ? 0 : GUEST_PAGE_USER);

	for (uint64_t at = 0; at < 4 * GUEST_PAGE_2M_BYTES; at += GUEST_PAGE_2M_BYTES) {
		guest_map_2m(at, at, bits);
	}
}

static void check_cr4_features(void)
{
	static const struct cr4_feature features[] = {
		{"cr4_vme", 0, 1, 3, 1},
		{"cr4_pvi", 1, 1, 3, 1},
		{"cr4_tsd", 2, 1, 3, 4},
		{"cr4_de", 3, 1, 3, 2},
		{"cr4_pse", 4, 1, 3, 3},
		{"cr4_mce", 6, 1, 3, 7},
		{"cr4_pge", 7, 1, 3, 13},
		{"cr4_osfxsr", 9, 1, 3, 24},
		{"cr4_osxmmexcpt", 10, 1, 3, 25},
		{"cr4_umip", 11, 7, 2, 2},
		{"cr4_vmxe", 13, 1, 2, 5},
		{"cr4_smxe", 14, 1, 2, 6},
		{"cr4_fsgsbase", 16, 7, 1, 0},
		{"cr4_osxsave", 18, 1, 2, 26},
		{"cr4_smep", 20, 7, 1, 7},
		{"cr4_smap", 21, 7, 1, 20},
		{"cr4_pke", 22, 7, 2, 3},
	};
	const uint64_t cr4 = guest_read_cr4();

	set_kernel_pages(false);
	for (size_t i = 0; i < ARRAY_COUNT(features); i++) {
		const uint64_t bit = 1ull << features[i].cr4_bit;
		const bool is_shown = (feature_word(&features[i]) >> features[i].bit & 1) != 0;
		const struct guest_probe probe = run(MOV_CR4_RAX, cr4 ^ bit);
		const uint64_t read = guest_read_cr4();

		guest_write_cr4(cr4);
		report_set_scope(features[i].rule);
		if (is_shown) {
			report_done("bit_of_a_shown_feature_can_be_changed", &probe);
			report_equal("reads_as_written", read, cr4 ^ bit);
		} else {
			report_fault("bit_of_a_hidden_feature_raises_gp", &probe, VECTOR_GP, 0);
			report_equal("is_unchanged", read, cr4);
		}
	}
	report_set_scope(NULL);
	set_kernel_pages(true);
}

static void check_cr4_refusals(void)
{
	const uint64_t cr4 = guest_read_cr4();

	if (report_has_trivet("cr4_vmxe")) {
		report_equal("cr4_vmxe_reads_0", cr4 & CR4_VMXE, 0);
		expect_gp("cr4_vmxe_raises_gp_as_vmx_is_hidden", MOV_CR4_RAX, cr4 | CR4_VMXE);
	}
	expect_gp("cr4_bit_15_raises_gp", MOV_CR4_RAX, cr4 | 1ull << 15);
	for (unsigned bit = 29; bit < 64; bit++) {
		if (bit != 32) { /* FRED, on processors to come. */
			expect_gp("cr4_reserved_bit_raises_gp", MOV_CR4_RAX, cr4 | 1ull << bit);
		}
	}
	expect_gp("cr4_pae_cleared_in_long_mode_raises_gp", MOV_CR4_RAX, cr4 & ~CR4_PAE);
	/* LA57 cannot change in long mode, whether the processor has it or not. */
	expect_gp("cr4_la57_in_long_mode_raises_gp", MOV_CR4_RAX, cr4 ^ 1ull << 12);
	report_equal("cr4_is_unchanged_after_gp", guest_read_cr4(), cr4);
}

static void check_cr4_effects(void)
{
	static const struct cr4_feature smep = {"smep", 20, 7, 1, 7};
	static const struct cr4_feature smap = {"smap", 21, 7, 1, 20};
	const uint64_t cr4 = guest_read_cr4();
	const uint64_t user_page = UNMAPPED_PHYSICAL;
	struct guest_probe probe;

	guest_map_2m(user_page, GUEST_PAGE_2M_BYTES * 8, GUEST_PAGE_DEFAULT);
	set_kernel_pages(false);
	if ((feature_word(&smep) >> smep.bit & 1) != 0) {
		guest_write_cr4(cr4 | CR4_SMEP);
		probe = run(PROBE_CODE("\xff\xe0"), user_page); /* jmp rax */
		guest_write_cr4(cr4);
		report_equal("smep_stops_fetches_from_user_pages", probe.error_code, 0x11);
	} else {
		report_skip("smep_stops_fetches_from_user_pages", "hidden");
	}
	if ((feature_word(&smap) >> smap.bit & 1) != 0) {
		guest_write_cr4(cr4 | CR4_SMAP);
		probe = run(PROBE_CODE("\x8a\x00"), user_page); /* mov al, [rax] */
		guest_write_cr4(cr4);
		report_fault("smap_stops_reads_of_user_pages", &probe, VECTOR_PF, 1);
	} else {
		report_skip("smap_stops_reads_of_user_pages", "hidden");
	}
	set_kernel_pages(true);
	guest_map_2m(user_page, user_page, GUEST_PAGE_DEFAULT);
	guest_write_cr4(cr4 | CR4_TSD);
	probe = guest_probe_make(PROBE_USER, PROBE_CODE("\x0f\x31"));
	guest_probe_run(&probe);
	guest_write_cr4(cr4);
	report_fault("tsd_stops_rdtsc_in_ring_3", &probe, VECTOR_GP, 0);
	guest_write_cr4(cr4 | CR4_DE);
	probe = run(PROBE_CODE("\x0f\x21\xe0"), 0); /* mov rax, dr4 */
	guest_write_cr4(cr4);
	report_fault("de_makes_dr4_raise_ud", &probe, VECTOR_UD, 0);
}

static void check_pcid(void)
{
	static const struct cr4_feature pcid = {"pcid", 17, 1, 2, 17};
	const uint64_t cr3 = guest_read_cr3();
	const uint64_t cr4 = guest_read_cr4();
	struct guest_probe probe;

	expect_gp("cr3_bit_63_without_pcide_raises_gp", MOV_CR3_RAX, cr3 | CR3_NO_FLUSH);
	if ((feature_word(&pcid) >> pcid.bit & 1) == 0) {
		expect_gp("cr4_pcide_hidden_raises_gp", MOV_CR4_RAX, cr4 | CR4_PCIDE);
		return;
	}
	guest_write_cr3(cr3 | 0x18);
	expect_gp("pcide_with_bits_in_cr3_11_to_0_raises_gp", MOV_CR4_RAX, cr4 | CR4_PCIDE);
	guest_write_cr3(cr3);
	probe = run(MOV_CR4_RAX, cr4 | CR4_PCIDE);
	report_done("pcide_can_be_set", &probe);
	report_equal("pcide_reads_1", guest_read_cr4(), cr4 | CR4_PCIDE);
	probe = run(MOV_CR3_RAX, cr3 | 5);
	report_done("cr3_takes_a_pcid", &probe);
	report_equal("cr3_reads_its_pcid", guest_read_cr3(), cr3 | 5);
	probe = run(MOV_CR3_RAX, cr3 | 6 | CR3_NO_FLUSH);
	report_done("cr3_takes_no_flush", &probe);
	report_equal("cr3_bit_63_is_not_kept", guest_read_cr3(), cr3 | 6);
	probe = run(MOV_CR4_RAX, cr4);
	report_done("pcide_can_be_cleared_at_any_pcid", &probe);
	guest_write_cr4(cr4);
	guest_write_cr3(cr3);
}

static void check_cr3(void)
{
	const uint64_t cr3 = guest_read_cr3();
	const unsigned width = guest_cpuid(0x80000008, 0).eax & 0xff;
	const struct guest_probe probe = run(MOV_CR3_RAX, cr3 | 0x18);

	report_done("cr3_can_be_written", &probe);
	report_equal("cr3_reads_as_written", guest_read_cr3(), cr3 | 0x18);
	guest_write_cr3(cr3);
	for (unsigned bit = width; bit < 61; bit++) {
		expect_gp("cr3_bit_above_maxphyaddr_raises_gp", MOV_CR3_RAX, cr3 | 1ull << bit);
	}
}

static void check_cr8(void)
{
	struct guest_probe probe;

	for (uint64_t value = 0; value <= 15; value += 5) {
		probe = run(MOV_CR8_RAX, value);
		report_done("cr8_can_be_written", &probe);
		probe = run(MOV_RAX_CR8, ~0ull);
		report_equal("cr8_reads_as_written", probe.out.rax, value);
	}
	guest_write_cr8(0);
	for (unsigned bit = 4; bit < 64; bit += 5) {
		expect_gp("cr8_reserved_bit_raises_gp", MOV_CR8_RAX, 1ull << bit);
	}
	report_equal("cr8_is_unchanged_after_gp", guest_read_cr8(), 0);
}

/* The exit qualification names the register: every one must be the right one. */
static void check_every_register(void)
{
	const uint64_t cr4 = guest_read_cr4();
	/* mov cr4, REG; xor REG, REG; mov REG, cr4 for each REG but RSP. */
	for (unsigned i = 0; i < 16; i++) {
		const uint8_t rex_b = i >= 8 ? 0x41 : 0x40;
		const uint8_t rex_xor = i >= 8 ? 0x4d : 0x48;
		const uint8_t low = (uint8_t)(i & 7);
		const uint8_t code[] = {rex_b, 0x0f, 0x22, (uint8_t)(0xe0 | low), rex_xor, 0x31,
			(uint8_t)(0xc0 | low << 3 | low), rex_b, 0x0f, 0x20, (uint8_t)(0xe0 | low)};
		/* struct guest_registers has RBX before RCX and RDX, and no RSP. */
		static const uint8_t places[] = {
			0, 2, 3, 1, 0, 6, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14};
		struct guest_probe probe =
			guest_probe_make(PROBE_KERNEL, (const char *)code, sizeof(code));

		if (i == 4) {
			continue;
		}
		((uint64_t *)&probe.in)[places[i]] = cr4 | CR4_TSD;
		guest_probe_run(&probe);
		report_done("cr4_from_and_to_every_register", &probe);
		report_equal("cr4_from_and_to_every_register", ((uint64_t *)&probe.out)[places[i]],
			cr4 | CR4_TSD);
		((uint64_t *)&probe.out)[places[i]] = ((uint64_t *)&probe.in)[places[i]];
		report_true("other_registers_are_kept",
			memcmp(&probe.in, &probe.out, sizeof(probe.in)) == 0);
		guest_write_cr4(cr4);
	}
	/* mov rbx, rsp; mov rsp, rax; mov cr4, rsp; xor esp, esp; mov rsp, cr4; mov rcx, rsp;
	 * mov rsp, rbx */
	struct guest_probe probe = run(PROBE_CODE("\x48\x89\xe3\x48\x89\xc4\x0f\x22\xe4\x31\xe4"
						  "\x0f\x20\xe4\x48\x89\xe1\x48\x89\xdc"),
		cr4 | CR4_TSD);

	guest_write_cr4(cr4);
	report_equal("cr4_from_and_to_rsp", probe.out.rcx, cr4 | CR4_TSD);
	report_equal("rsp_is_kept", probe.rsp_out, guest_probe_stack_top());
}

static void check_encodings(void)
{
	static const struct fault_rule kernel[] = {
		{"cr1_raises_ud", PROBE_CODE("\x0f\x20\xc8"), 0, 0, 0, VECTOR_UD, 0},
		{"cr5_raises_ud", PROBE_CODE("\x0f\x20\xe8"), 0, 0, 0, VECTOR_UD, 0},
		{"cr7_raises_ud", PROBE_CODE("\x0f\x22\xf8"), 0, 0, 0, VECTOR_UD, 0},
		{"cr9_raises_ud", PROBE_CODE("\x44\x0f\x20\xc8"), 0, 0, 0, VECTOR_UD, 0},
		{"cr15_raises_ud", PROBE_CODE("\x44\x0f\x22\xf8"), 0, 0, 0, VECTOR_UD, 0},
	};
	static const struct fault_rule user[] = {
		{"mov_from_cr0_in_ring_3_raises_gp", PROBE_CODE("\x0f\x20\xc0"), 0, 0, 0, VECTOR_GP,
			0},
		{"mov_to_cr0_in_ring_3_raises_gp", MOV_CR0_RAX, 0, 0, 0, VECTOR_GP, 0},
		{"mov_to_cr3_in_ring_3_raises_gp", MOV_CR3_RAX, 0, 0, 0, VECTOR_GP, 0},
		{"mov_to_cr4_in_ring_3_raises_gp", MOV_CR4_RAX, 0, 0, 0, VECTOR_GP, 0},
		{"mov_to_cr8_in_ring_3_raises_gp", MOV_CR8_RAX, 0, 0, 0, VECTOR_GP, 0},
	};

	probe_rules_check(PROBE_KERNEL, kernel, ARRAY_COUNT(kernel));
	probe_rules_check(PROBE_USER, user, ARRAY_COUNT(user));
}

uint32_t guest_main(void)
{
	check_cr0_refusals();
	check_cr0_values();
	check_cr0_ts();
	check_wp();
	check_lmsw();
	check_cr4_features();
	check_cr4_refusals();
	check_cr4_effects();
	check_pcid();
	check_cr3();
	check_cr8();
	check_every_register();
	check_encodings();
	return report_result();
}
