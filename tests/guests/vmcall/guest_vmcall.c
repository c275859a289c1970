/* SPDX-License-Identifier: MIT */
/* VMCALL in 64-bit code: numbers, privilege, registers, prefixes, and what follows the instruction.
 */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/address_ends.h"
#include "tests/guests/shared/vmcall_rules.h"

#define ENOSYS_RESULT ((uint64_t)-TRIVET_ENOSYS)
#define EPERM_RESULT  ((uint64_t)-TRIVET_EPERM)

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { VMCALL_BYTES = 3 };

struct encoding {
	const char *rule;
	const char *bytes;
	size_t size_bytes;
};

uint64_t vmcall_macro_ping(void);
uint32_t vmcall_macro_find(void);

static uint8_t top_page[ADDRESS_ENDS_PAGE_BYTES] __attribute__((aligned(ADDRESS_ENDS_PAGE_BYTES)));

static void check_include_files(void)
{
	report_equal(
		"nasm_search_agrees_with_the_header_s", vmcall_macro_find(), report_is_trivet());
}

static void check_numbers(void)
{
	/* KVM's numbers that x86 never had, and numbers around the ranges that exist. */
	static const uint64_t unknown[] = {0, 2, 3, 4, 6, 7, 8, 13, 0xff, 0x101, 0x1234, 0x10001,
		TRIVET_CALL_BASE - 1, TRIVET_CALL_BASE + 0xff, 0x7fffffff, 0x80000001, 0xffffffff,
		0x100000001, 0x10000000b, 0x8000000000000001, 0x100000000ull | TRIVET_CALL_PING,
		0xffffffff00000001, ~0ull};

	report_equal("vapic_poll_irq_returns_0",
		vmcall_rules_call(PROBE_KERNEL, KVM_CALL_VAPIC_POLL_IRQ), 0);
	report_equal("ping_returns_0x55aa", vmcall_rules_call(PROBE_KERNEL, TRIVET_CALL_PING),
		TRIVET_PING_RESULT);
	report_equal("header_s_ping_returns_0x55aa", (uint64_t)trivet_ping(), TRIVET_PING_RESULT);
	report_equal("nasm_ping_returns_0x55aa", vmcall_macro_ping(), TRIVET_PING_RESULT);
	for (size_t i = 0; i < ARRAY_COUNT(unknown); i++) {
		report_equal("unknown_number_returns_enosys_and_is_not_truncated",
			vmcall_rules_call(PROBE_KERNEL, unknown[i]), ENOSYS_RESULT);
	}
}

static void check_privilege(void)
{
	static const uint64_t numbers[] = {KVM_CALL_VAPIC_POLL_IRQ, 0x1234, TRIVET_CALL_PING,
		TRIVET_CALL_LOG, TRIVET_CALL_END};

	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		report_equal("ring_3_gets_eperm", vmcall_rules_call(PROBE_USER, numbers[i]),
			EPERM_RESULT);
	}
}

static void check_registers(enum guest_probe_mode mode, uint64_t number, uint64_t flags)
{
	struct guest_probe probe = guest_probe_make(mode, CODE_VMCALL);

	probe.in.rax = number;
	probe.rflags_in |= flags;
	guest_probe_run(&probe);
	report_done("vmcall_goes_on", &probe);
	report_equal("advances_by_3_bytes", (uint64_t)probe.rip_offset, VMCALL_BYTES + 2);
	report_true("changes_nothing_but_rax", guest_probe_only_rax_changed(&probe));
	report_equal("keeps_flags", probe.rflags_out & ~RFLAGS_RF, probe.rflags_in);
	report_equal("keeps_rsp", probe.rsp_out, guest_probe_stack_top());
}

static void check_all_registers(void)
{
	static const uint64_t flags[] = {
		0, RFLAGS_STATUS, RFLAGS_STATUS | RFLAGS_DF | RFLAGS_AC, RFLAGS_IF, RFLAGS_IOPL3};

	for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
		check_registers(PROBE_KERNEL, KVM_CALL_VAPIC_POLL_IRQ, flags[i]);
		check_registers(PROBE_KERNEL, TRIVET_CALL_PING, flags[i]);
	}
	check_registers(PROBE_KERNEL, 0x1234, 0);
	check_registers(PROBE_USER, KVM_CALL_VAPIC_POLL_IRQ, RFLAGS_STATUS);
}

static void check_prefix(const struct encoding *encoding, bool may_be_undefined)
{
	struct guest_probe probe =
		guest_probe_make(PROBE_KERNEL, encoding->bytes, encoding->size_bytes);

	probe.in.rax = TRIVET_CALL_PING;
	guest_probe_run(&probe);
	if (may_be_undefined && probe.vector == VECTOR_UD) {
		report_fault(encoding->rule, &probe, VECTOR_UD, 0);
		return;
	}
	if (report_done(encoding->rule, &probe)) {
		report_equal(encoding->rule, probe.out.rax, TRIVET_PING_RESULT);
		report_equal(encoding->rule, (uint64_t)probe.rip_offset, encoding->size_bytes + 2);
	}
}

static void check_prefixes(void)
{
	static const struct encoding ignored[] = {
		{"prefix_67_counts", PROBE_CODE("\x67\x0f\x01\xc1")},
		{"prefix_cs_counts", PROBE_CODE("\x2e\x0f\x01\xc1")},
		{"prefix_ds_counts", PROBE_CODE("\x3e\x0f\x01\xc1")},
		{"prefix_fs_counts", PROBE_CODE("\x64\x0f\x01\xc1")},
		{"prefix_gs_counts", PROBE_CODE("\x65\x0f\x01\xc1")},
		{"prefix_rex_counts", PROBE_CODE("\x40\x0f\x01\xc1")},
		{"prefix_rex_w_counts", PROBE_CODE("\x48\x0f\x01\xc1")},
		{"prefix_rex_wrxb_counts", PROBE_CODE("\x4f\x0f\x01\xc1")},
		{"prefixes_67_fs_rex_count", PROBE_CODE("\x67\x64\x48\x0f\x01\xc1")},
		{"longest_instruction_counts",
			PROBE_CODE("\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x0f\x01\xc1")},
	};
	/* Where an instruction has no use for 66, F2 or F3 they are reserved: a processor may raise
	 * #UD, but if it serves the call it must count the byte. */
	static const struct encoding reserved[] = {
		{"prefix_66_counts_or_ud", PROBE_CODE("\x66\x0f\x01\xc1")},
		{"prefix_f2_counts_or_ud", PROBE_CODE("\xf2\x0f\x01\xc1")},
		{"prefix_f3_counts_or_ud", PROBE_CODE("\xf3\x0f\x01\xc1")},
	};
	struct guest_probe locked = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xf0\x0f\x01\xc1"));

	for (size_t i = 0; i < ARRAY_COUNT(ignored); i++) {
		check_prefix(&ignored[i], false);
	}
	for (size_t i = 0; i < ARRAY_COUNT(reserved); i++) {
		check_prefix(&reserved[i], true);
	}
	guest_probe_run(&locked);
	report_fault("prefix_lock_raises_ud", &locked, VECTOR_UD, 0);
}

/* Runs code with TF set and compares where the single-step traps struck. */
static void check_steps(
	const char *rule, struct guest_probe probe, const int64_t *offsets, unsigned count)
{
	probe.in.rax = TRIVET_CALL_PING;
	probe.rflags_in |= RFLAGS_TF;
	guest_probe_run(&probe);
	report_done(rule, &probe);
	report_equal(rule, probe.out.rax, TRIVET_PING_RESULT);
	report_equal(rule, probe.step_count, count);
	for (unsigned i = 0; i < count; i++) {
		report_equal(rule, (uint64_t)probe.steps[i].rip_offset, (uint64_t)offsets[i]);
		report_equal(rule, probe.steps[i].dr6 & (DR6_BS | DR6_BD), DR6_BS);
	}
}

static void check_single_step(void)
{
	/* vmcall; nop */
	static const int64_t plain[] = {3, 4};
	/* sti; vmcall; cli */
	static const int64_t sti[] = {1, 4, 5};
	/* mov ss, dx; vmcall; nop: no trap between the first two */
	static const int64_t mov_ss[] = {5, 6};
	struct guest_probe probe;

	check_steps("tf_traps_right_after_vmcall",
		guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x01\xc1\x90")), plain,
		ARRAY_COUNT(plain));
	check_steps("tf_traps_after_vmcall_behind_sti",
		guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xfb\x0f\x01\xc1\xfa")), sti,
		ARRAY_COUNT(sti));
	probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x8e\xd2\x0f\x01\xc1\x90"));
	probe.in.rdx = SELECTOR_KERNEL_DATA;
	check_steps("vmcall_ends_the_mov_ss_shadow", probe, mov_ss, ARRAY_COUNT(mov_ss));
}

/* VMCALL in the last bytes below the hole of non-canonical addresses: RIP moves into it. */
static void check_end_of_canonical_addresses(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xff\xe2"));

	address_ends_map(ADDRESS_ENDS_PAGES - 1, top_page);
	memcpy(top_page + sizeof(top_page) - VMCALL_BYTES, "\x0f\x01\xc1", VMCALL_BYTES);
	probe.in.rax = TRIVET_CALL_PING;
	probe.in.rdx = CANONICAL_END - VMCALL_BYTES;
	guest_probe_run(&probe);
	report_equal(
		"vmcall_before_the_canonical_hole_is_served", probe.out.rax, TRIVET_PING_RESULT);
	report_equal("the_hole_raises_gp", probe.vector, VECTOR_GP);
	report_equal("gp_is_in_the_hole", (uint64_t)probe.rip_offset + guest_probe_code_address(),
		CANONICAL_END);
}

uint32_t guest_main(void)
{
	check_include_files();
	if (report_has_trivet("vmcall")) {
		check_numbers();
		check_privilege();
		check_all_registers();
		check_prefixes();
		check_single_step();
		check_end_of_canonical_addresses();
	}
	return report_result();
}
