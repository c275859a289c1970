/* SPDX-License-Identifier: MIT */
/* IA32_DEBUGCTL, debug registers, breakpoints where they meet other events, INT n of any vector. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_segments.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

enum { LOCAL_ENABLE_BITS = 8, CONDITION_SHIFT = 16 };

#define MSR_DEBUGCTL       0x1d9u
#define DEBUGCTL_LBR_BTF   3ull
#define DR7_GENERAL_DETECT (1ull << 13)
#define DR7_FIXED          (1ull << 10)

static const struct hostile_code write_msr = {PROBE_CODE("\x0f\x30\x0f\x32")};

/* MOV DR0, RAX; MOV DR3, RBX; MOV DR6, RSI; MOV DR7, RCX. Behind them what may strike. */
#define SET_DEBUG "\x0f\x23\xc0\x0f\x23\xdb\x0f\x23\xf6\x0f\x23\xf9"
static const struct hostile_code strikes[] = {
	{PROBE_CODE(SET_DEBUG "\x8b\x07\x89\x07")},         /* MOV from and to RDI. */
	{PROBE_CODE(SET_DEBUG "\x8c\xd5\x8e\xd5\xf1")},     /* MOV SS; ICEBP. */
	{PROBE_CODE(SET_DEBUG "\x8c\xd5\x8e\xd5\x0f\xa2")}, /* MOV SS; CPUID. */
	{PROBE_CODE(SET_DEBUG "\x8c\xd5\x8e\xd5\xcd\x80")}, /* MOV SS; INT 80H. */
	{PROBE_CODE(SET_DEBUG "\x8c\xd5\x8e\x17\x0f\x05")}, /* MOV SS, [RDI]; SYSCALL. */
	{PROBE_CODE(SET_DEBUG "\x9c\x9d\xcc")},             /* PUSHF; POPF; INT3. */
	{PROBE_CODE(SET_DEBUG "\x9c\x58\x50\x9d\xed")},     /* POPF; IN. */
	{PROBE_CODE(SET_DEBUG "\xfb\xf1")},                 /* STI; ICEBP. */
	{PROBE_CODE(SET_DEBUG "\x6c\x6e")},                 /* INSB; OUTSB. */
	{PROBE_CODE(SET_DEBUG "\xeb\x00\xe8\x00\x00\x00\x00\x0f\x32")}, /* JMP; CALL; RDMSR. */
	{PROBE_CODE(SET_DEBUG "\x0f\x21\xfb\x0f\x21\xf0")},             /* MOV from DR7, DR6. */
	{PROBE_CODE(SET_DEBUG "\x0f\x23\xe0\x0f\x21\xe8")},             /* DR4 and DR5. */
};

static bool write_debugctl(void)
{
	struct guest_probe probe = hostile_probe(&write_msr, false);

	probe.in.rcx = MSR_DEBUGCTL;
	probe.in.rax = choose_bits(1) != 0 ? choose_value() & DEBUGCTL_LBR_BTF : choose_bits(16);
	probe.in.rdx = choose_bits(4) == 0 ? choose_value() : 0;
	probe.rflags_in |= choose_bits(1) != 0 ? RFLAGS_TF : 0;
	return hostile_run(&probe);
}

/* In the probe's own code or stack, in RAM that only probes touch, or a port; never in what the
 * handlers need. */
static uint64_t choose_breakpoint(void)
{
	switch (choose_bits(2)) {
	case 0:
		return guest_probe_code_address() + choose_bits(5);
	case 1:
		return guest_probe_stack_top() - 8 * choose_bits(2) - 8;
	case 2:
		return hostile_port();
	default:
		return hostile_arena_address();
	}
}

static uint64_t choose_dr7(void)
{
	uint64_t value =
		DR7_FIXED | choose_bits(LOCAL_ENABLE_BITS) | choose_bits(16) << CONDITION_SHIFT;

	value |= choose_bits(3) == 0 ? DR7_GENERAL_DETECT : 0;
	return choose_bits(4) == 0 ? value ^ choose_flips() : value;
}

static bool strike(void)
{
	const struct hostile_code *code = &strikes[choose_below(ARRAY_COUNT(strikes))];
	struct guest_probe probe = hostile_probe(code, choose_bits(3) == 0);

	probe.in.rax = choose_breakpoint();
	probe.in.rbx = choose_bits(1) != 0 ? probe.in.rax : choose_breakpoint();
	probe.in.rcx = choose_dr7();
	probe.in.rsi = choose_bits(1) != 0 ? choose_bits(16) : choose_value();
	probe.in.rdi = choose_bits(1) != 0 ? probe.in.rax : hostile_arena_address();
	probe.in.rdx = hostile_port();
	return hostile_run(&probe);
}

/* INT n of any vector but NMI's, whose handler a true NMI may not interrupt; from both privilege
 * levels. */
static bool interrupt_by_software(void)
{
	const uint8_t vector = (uint8_t)choose_bits(8);
	const uint8_t code[] = {0xcd, vector == VECTOR_NMI ? VECTOR_BP : vector};
	struct guest_probe probe = guest_probe_make(
		choose_bits(1) != 0 ? PROBE_USER : PROBE_KERNEL, code, sizeof(code));

	if (choose_bits(2) == 0 && probe.mode == PROBE_USER) {
		probe.mode = PROBE_COMPATIBILITY_USER;
	}
	return hostile_run(&probe);
}

bool hostile_debug(void)
{
	switch (choose_bits(2)) {
	case 0:
		return write_debugctl();
	case 1:
		return interrupt_by_software();
	default:
		return strike();
	}
}
