/* SPDX-License-Identifier: MIT */
/* VMMCALL becomes VMCALL in the guest's memory, with the rights of the code that made it. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"

#define CODE_VMMCALL PROBE_CODE("\x0f\x01\xd9")
#define CR0_WP       (1ull << 16)

static struct guest_probe ping_in(enum guest_probe_mode mode, uint64_t flags)
{
	struct guest_probe probe = guest_probe_make(mode, CODE_VMMCALL);

	probe.in.rax = TRIVET_CALL_PING;
	probe.rflags_in |= flags;
	guest_probe_run(&probe);
	return probe;
}

static void check_modes(void)
{
	static const enum guest_probe_mode served[] = {PROBE_KERNEL, PROBE_COMPATIBILITY,
		PROBE_PROTECTED32, PROBE_PROTECTED32_PAGING, PROBE_PROTECTED32_PAE,
		PROBE_PROTECTED16};
	static const enum guest_probe_mode other[] = {PROBE_REAL, PROBE_VIRTUAL8086};

	for (unsigned i = 0; i < sizeof(served) / sizeof(served[0]); i++) {
		const struct guest_probe probe = ping_in(served[i], 0);

		report_set_scope(guest_probe_mode_name(served[i]));
		report_done("vmmcall_is_served", &probe);
		report_equal("vmmcall_pings", probe.out.rax & UINT32_MAX, TRIVET_PING_RESULT);
		report_true(
			"vmmcall_changes_nothing_but_rax", guest_probe_only_rax_changed(&probe));
	}
	for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		const struct guest_probe probe = ping_in(other[i], 0);

		report_set_scope(guest_probe_mode_name(other[i]));
		report_fault("vmmcall_is_ud", &probe, VECTOR_UD, 0);
	}
	report_set_scope(NULL);
}

static void check_user(void)
{
	const struct guest_probe probe = ping_in(PROBE_USER, 0);

	report_done("user_vmmcall_goes_on", &probe);
	report_equal("user_vmmcall_is_eperm", probe.out.rax, (uint64_t)-TRIVET_EPERM);
}

static void check_patched_bytes(void)
{
	static const uint8_t vmcall[] = {0x64, 0x48, 0x0f, 0x01, 0xc1};
	struct guest_probe probe =
		guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x64\x48\x0f\x01\xd9"));

	probe.in.rax = TRIVET_CALL_PING;
	guest_probe_run(&probe);
	report_done("prefixed_vmmcall_is_served", &probe);
	report_equal("prefixed_vmmcall_pings", probe.out.rax, TRIVET_PING_RESULT);
	report_true("only_the_opcode_is_rewritten",
		memcmp((const void *)guest_probe_code_address(), vmcall, sizeof(vmcall)) == 0);
}

static void check_other_instructions(void)
{
	static const struct {
		const char *rule;
		const char *bytes;
		size_t size_bytes;
	} other[] = {
		{"ud2_is_ud", PROBE_CODE("\x0f\x0b")},
		{"locked_vmmcall_is_ud", PROBE_CODE("\xf0\x0f\x01\xd9")},
		{"vmrun_is_ud", PROBE_CODE("\x0f\x01\xd8")},
		{"rex_before_a_prefix_is_no_rex_but_vmmcall_stays_ud",
			PROBE_CODE("\x48\x64\x0f\x01\xd9")},
	};

	for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		struct guest_probe probe =
			guest_probe_make(PROBE_KERNEL, other[i].bytes, other[i].size_bytes);

		guest_probe_run(&probe);
		report_fault(other[i].rule, &probe, VECTOR_UD, 0);
		report_true("a_ud_leaves_the_code_alone",
			memcmp((const void *)guest_probe_code_address(), other[i].bytes,
				other[i].size_bytes) == 0);
	}
}

/* The probe's code lies in its 2 MiB with all else of the guest, so an alias is made read-only. */
static void check_read_only(void)
{
	static const uint8_t vmmcall_ret[] = {0x0f, 0x01, 0xd9, 0xc3};
	static uint8_t page[8] __attribute__((aligned(8)));
	const uint64_t alias = 0x20000000;
	const uint64_t physical = (uintptr_t)page & ~(GUEST_PAGE_2M_BYTES - 1);
	const uint64_t target = alias + ((uintptr_t)page & (GUEST_PAGE_2M_BYTES - 1));
	/* mov rcx, target; call rcx */
	uint8_t code[12] = {0x48, 0xb9};
	struct guest_probe probe;

	memcpy(page, vmmcall_ret, sizeof(vmmcall_ret));
	guest_map_2m(alias, physical, GUEST_PAGE_DEFAULT & ~GUEST_PAGE_WRITABLE);
	memcpy(&code[2], &target, sizeof(target));
	code[10] = 0xff;
	code[11] = 0xd1;
	guest_write_cr0(guest_read_cr0() | CR0_WP);
	probe = guest_probe_make(PROBE_KERNEL, code, sizeof(code));
	probe.in.rax = TRIVET_CALL_PING;
	guest_probe_run(&probe);
	report_equal("read_only_text_gives_pf", probe.vector, VECTOR_PF);
	report_equal("its_error_code_is_a_write_to_a_present_page", probe.error_code, 3);
	report_equal("its_cr2_is_the_instruction", probe.cr2, target);
	report_true("read_only_text_stays", memcmp(page, vmmcall_ret, sizeof(vmmcall_ret)) == 0);
	guest_write_cr0(guest_read_cr0() & ~CR0_WP);
	probe = guest_probe_make(PROBE_KERNEL, code, sizeof(code));
	probe.in.rax = TRIVET_CALL_PING;
	guest_probe_run(&probe);
	report_done("without_wp_read_only_text_is_rewritten", &probe);
	report_equal("without_wp_it_pings", probe.out.rax, TRIVET_PING_RESULT);
	guest_map_2m(alias, alias, GUEST_PAGE_DEFAULT);
}

static void check_single_step(void)
{
	const struct guest_probe probe = ping_in(PROBE_KERNEL, RFLAGS_TF);

	report_done("single_stepped_vmmcall_is_served", &probe);
	report_equal("single_stepped_vmmcall_pings", probe.out.rax, TRIVET_PING_RESULT);
	report_true("one_trap_follows_it", probe.step_count >= 1 &&
						   probe.steps[0].rip_offset == 3 &&
						   (probe.steps[0].dr6 & DR6_BS) != 0);
}

uint32_t guest_main(void)
{
	if (!report_has_trivet("vmmcall_is_rewritten")) {
		return report_result();
	}
	check_modes();
	check_user();
	check_patched_bytes();
	check_other_instructions();
	check_read_only();
	check_single_step();
	return report_result();
}
