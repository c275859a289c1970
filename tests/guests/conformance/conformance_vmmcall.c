/* SPDX-License-Identifier: MIT */
/* VMMCALL becomes VMCALL in the guest's memory, where the guest may write it. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"

#define CODE_VMMCALL PROBE_CODE("\x0f\x01\xd9")
#define CR0_WP       (1ull << 16)
/* Where nothing else is mapped: an alias of the code's 2 MiB. */
#define ALIAS 0x20000000ull

enum { OPCODE_BYTES = 3, WRITE_TO_PRESENT = 3, BY_USER = 4, CALL_BYTES = 12 };
enum { VMCALL_OPCODE = 0xc1010f, VMMCALL_OPCODE = 0xd9010f };

/* The first bytes at an address as one number, the first byte lowest. */
static uint64_t bytes_at(uint64_t address, size_t count)
{
	uint64_t value = 0;

	memcpy(&value, (const void *)(uintptr_t)address, count);
	return value;
}

static struct guest_probe run(enum guest_probe_mode mode, uint64_t flags)
{
	struct guest_probe probe = guest_probe_make(mode, CODE_VMMCALL);

	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	probe.rflags_in |= flags;
	guest_probe_run(&probe);
	return probe;
}

static void check_served(enum guest_probe_mode mode)
{
	const struct guest_probe probe = run(mode, RFLAGS_STATUS);
	const uint64_t bytes = bytes_at(guest_probe_code_address(), OPCODE_BYTES);

	case_begin("vmmcall", guest_probe_mode_name(mode), "call1");
	case_value("bytes", bytes);
	case_probe(&probe);
	case_end(bytes == VMCALL_OPCODE && guest_probe_is_done(&probe) &&
		 probe.out.rax == result_in(mode, 0) && case_others_are_same(&probe) &&
		 case_flags_are_same(&probe));
}

/*
 * Where the code segment's base is not 0, Linux KVM writes to the offset in the segment as if it
 * were an address, and the VMMCALL is executed again for ever: only Trivet is asked.
 */
static void check_with_base(void)
{
	struct guest_probe probe;

	case_begin("vmmcall", "protected16", "call1");
	case_value("is_tried", report_is_trivet());
	if (!report_is_trivet()) {
		case_end_observed();
		return;
	}
	probe = run(PROBE_PROTECTED16, 0);
	case_result(&probe, 0);
}

static void check_undefined(enum guest_probe_mode mode)
{
	const struct guest_probe probe = run(mode, 0);

	case_begin("vmmcall", guest_probe_mode_name(mode), "call1");
	case_probe(&probe);
	case_end(probe.vector == VECTOR_UD && probe.rip_offset == 0);
}

/*
 * With prefixes Linux KVM writes over their first bytes: what is left of the VMMCALL is executed
 * behind the call: here 01 D9, "add ecx, ebx".
 */
static void check_prefixed(void)
{
	struct guest_probe probe =
		guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x64\x48\x0f\x01\xd9\x90"));

	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	guest_probe_run(&probe);
	case_begin("vmmcall", "kernel64", "with_two_prefixes");
	case_value("bytes", bytes_at(guest_probe_code_address(), probe.code_size_bytes));
	case_result(&probe, 0);
}

static void check_other_instructions(void)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t size_bytes;
	} other[] = {
		{"ud2", PROBE_CODE("\x0f\x0b")},
		{"locked", PROBE_CODE("\xf0\x0f\x01\xd9")},
		{"vmrun", PROBE_CODE("\x0f\x01\xd8")},
	};

	for (size_t i = 0; i < ARRAY_COUNT(other); i++) {
		struct guest_probe probe =
			guest_probe_make(PROBE_KERNEL, other[i].bytes, other[i].size_bytes);
		bool is_changed;

		guest_probe_run(&probe);
		is_changed = memcmp((const void *)guest_probe_code_address(), other[i].bytes,
				     other[i].size_bytes) != 0;
		case_begin("vmmcall", "other", other[i].name);
		case_text("bytes", is_changed ? "changed" : "same");
		case_probe(&probe);
		case_end(probe.vector == VECTOR_UD && probe.rip_offset == 0 && !is_changed);
	}
}

static uint8_t vmmcall_ret[8] __attribute__((aligned(8)));

/* Calls a VMMCALL by an alias of it that has these rights. */
static struct guest_probe run_alias(enum guest_probe_mode mode, uint64_t rights)
{
	static const uint8_t code_of_alias[] = {0x0f, 0x01, 0xd9, 0xc3};
	const uint64_t address = (uintptr_t)vmmcall_ret;
	const uint64_t target = ALIAS + (address & (GUEST_PAGE_2M_BYTES - 1));
	/* mov rcx, target; call rcx */
	uint8_t code[CALL_BYTES] = {0x48, 0xb9, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd1};
	struct guest_probe probe = guest_probe_make(mode, code, sizeof(code));

	memcpy(vmmcall_ret, code_of_alias, sizeof(code_of_alias));
	memcpy(&code[2], &target, sizeof(target));
	guest_map_2m(ALIAS, address, rights);
	probe.in.rax = KVM_CALL_VAPIC_POLL_IRQ;
	guest_probe_run(&probe);
	guest_map_2m(ALIAS, ALIAS, GUEST_PAGE_DEFAULT);
	return probe;
}

static void check_read_only(enum guest_probe_mode mode, bool is_protected, uint64_t error_code)
{
	struct guest_probe probe;
	uint64_t bytes;
	bool is_at_target;

	guest_write_cr0(is_protected ? guest_read_cr0() | CR0_WP : guest_read_cr0() & ~CR0_WP);
	probe = run_alias(mode, GUEST_PAGE_DEFAULT & ~GUEST_PAGE_WRITABLE);
	guest_write_cr0(guest_read_cr0() & ~CR0_WP);
	bytes = bytes_at((uintptr_t)vmmcall_ret, OPCODE_BYTES);
	is_at_target = probe.cr2 == ALIAS + ((uintptr_t)vmmcall_ret & (GUEST_PAGE_2M_BYTES - 1));
	case_begin("vmmcall", guest_probe_mode_name(mode),
		is_protected ? "read_only_text" : "read_only_text_without_wp");
	case_value("bytes", bytes);
	case_value("rax", probe.out.rax);
	case_exception(probe.vector, probe.error_code);
	if (error_code == 0) {
		case_end(bytes == VMCALL_OPCODE && guest_probe_is_done(&probe));
		return;
	}
	case_text("cr2", is_at_target ? "opcode" : "other");
	case_end(bytes == VMMCALL_OPCODE && probe.vector == VECTOR_PF &&
		 probe.error_code == error_code && is_at_target);
}

static void check_single_step(void)
{
	const struct guest_probe probe = run(PROBE_KERNEL, RFLAGS_TF);

	case_begin("vmmcall", "kernel64", "single_step");
	case_probe(&probe);
	case_steps(&probe);
	case_end(guest_probe_is_done(&probe) && probe.out.rax == 0 && probe.step_count == 1 &&
		 probe.steps[0].rip_offset == OPCODE_BYTES);
}

void conformance_vmmcall(void)
{
	static const enum guest_probe_mode served[] = {PROBE_KERNEL, PROBE_USER,
		PROBE_COMPATIBILITY, PROBE_COMPATIBILITY_USER, PROBE_PROTECTED32,
		PROBE_PROTECTED32_PAGING, PROBE_PROTECTED32_PAE, PROBE_PROTECTED32_USER};

	for (size_t i = 0; i < ARRAY_COUNT(served); i++) {
		check_served(served[i]);
	}
	check_with_base();
	check_undefined(PROBE_REAL);
	check_undefined(PROBE_VIRTUAL8086);
	check_prefixed();
	check_other_instructions();
	check_read_only(PROBE_KERNEL, true, WRITE_TO_PRESENT);
	check_read_only(PROBE_KERNEL, false, 0);
	check_read_only(PROBE_USER, true, WRITE_TO_PRESENT | BY_USER);
	check_single_step();
}
