/* SPDX-License-Identifier: MIT */
#include "tests/guests/shared/emulated.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/probe_rules.h"

#define MSR_PAT           0x277
#define UNMAPPED_PORT     0x9abc
#define CR4_OSXSAVE       (1ull << 18)
#define CPUID_1_ECX_XSAVE (1u << 26)
#define CODE(string)      string, sizeof(string) - 1

static char scratch[64];
static char joined[PROBE_CODE_MAX];

static const struct emulated instructions[] = {
	{"vmcall", CODE("\x0f\x01\xc1"), true, false, {.rax = TRIVET_CALL_PING}},
	{"cpuid", CODE("\x0f\xa2"), false, false, {.rax = 0}},
	{"rdmsr", CODE("\x0f\x32"), false, false, {.rcx = MSR_PAT}},
	{"in_al", CODE("\xec"), false, false, {.rdx = UNMAPPED_PORT}},
	{"in_eax", CODE("\xed"), false, false, {.rdx = UNMAPPED_PORT}},
	{"out_al", CODE("\xee"), false, false, {.rdx = UNMAPPED_PORT}},
	{"insb", CODE("\x6c"), false, false, {.rdx = UNMAPPED_PORT, .rdi = (uintptr_t)scratch}},
	{"outsb", CODE("\x6e"), false, false, {.rdx = UNMAPPED_PORT, .rsi = (uintptr_t)scratch}},
	{"rep_insb_of_one", CODE("\xf3\x6c"), false, false,
		{.rdx = UNMAPPED_PORT, .rdi = (uintptr_t)scratch, .rcx = 1}},
	{"rep_insb_of_none", CODE("\xf3\x6c"), false, false,
		{.rdx = UNMAPPED_PORT, .rdi = (uintptr_t)scratch, .rcx = 0}},
	{"mov_to_cr8", CODE("\x44\x0f\x22\xc0"), false, false, {.rax = 0}},
	{"mov_from_cr8", CODE("\x44\x0f\x20\xc0"), false, false, {.rax = 0}},
	{"clts", CODE("\x0f\x06"), false, false, {.rax = 0}},
	{"wbinvd", CODE("\x0f\x09"), false, false, {.rax = 0}},
	{"pause", CODE("\xf3\x90"), false, false, {.rax = 0}},
	{"mmio_read", CODE("\x8b\x07"), false, true, {.rdi = UNMAPPED_PHYSICAL}},
	{"mmio_write", CODE("\xc7\x07\x78\x56\x34\x12"), false, true, {.rdi = UNMAPPED_PHYSICAL}},
};

/* Those whose operands are only known at run time. */
static void add_own_values(void (*check)(const struct emulated *))
{
	struct emulated one = {"mov_to_cr0", CODE("\x0f\x22\xc0"), false, false, {.rax = 0}};

	one.in.rax = guest_read_cr0();
	report_set_scope(one.name);
	check(&one);
	one = (struct emulated){"mov_to_cr4", CODE("\x0f\x22\xe0"), false, false, {.rax = 0}};
	one.in.rax = guest_read_cr4();
	report_set_scope(one.name);
	check(&one);
	one = (struct emulated){"mov_to_cr3", CODE("\x0f\x22\xd8"), false, false, {.rax = 0}};
	one.in.rax = guest_read_cr3();
	report_set_scope(one.name);
	check(&one);
	one = (struct emulated){"lmsw", CODE("\x0f\x01\xf0"), false, false, {.rax = 0}};
	one.in.rax = guest_read_cr0();
	report_set_scope(one.name);
	check(&one);
	one = (struct emulated){"wrmsr", CODE("\x0f\x30"), false, false, {.rcx = MSR_PAT}};
	one.in.rax = guest_rdmsr(MSR_PAT) & 0xffffffff;
	one.in.rdx = guest_rdmsr(MSR_PAT) >> 32;
	report_set_scope(one.name);
	check(&one);
	if ((guest_cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) != 0) {
		guest_write_cr4(guest_read_cr4() | CR4_OSXSAVE);
		one = (struct emulated){"xsetbv", CODE("\x0f\x01\xd1"), false, false, {.rax = 1}};
		report_set_scope(one.name);
		check(&one);
	}
}

void emulated_for_each(void (*check)(const struct emulated *instruction))
{
	for (size_t i = 0; i < ARRAY_COUNT(instructions); i++) {
		report_set_scope(instructions[i].name);
		if ((instructions[i].is_vmcall || instructions[i].is_unmapped) &&
			!report_has_trivet("is_emulated")) {
			continue;
		}
		check(&instructions[i]);
	}
	add_own_values(check);
	report_set_scope(NULL);
}

static size_t append(size_t at, const char *code, size_t size_bytes)
{
	memcpy(joined + at, code, size_bytes);
	return at + size_bytes;
}

static size_t length(const char *code)
{
	size_t size = 0;

	while (code[size] != '\0') {
		size++;
	}
	return size;
}

struct guest_probe emulated_probe(
	const struct emulated *instruction, const char *before, const char *after)
{
	struct guest_probe probe;
	size_t size = append(0, before, length(before));

	size = append(size, instruction->code, instruction->code_size_bytes);
	size = append(size, after, length(after));
	probe = guest_probe_make(PROBE_KERNEL, joined, size);
	probe.in = instruction->in;
	return probe;
}
