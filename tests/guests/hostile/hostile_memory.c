/* SPDX-License-Identifier: MIT */
/*
 * Memory types by PAT, MTRRs and page-table entries, with accesses afterwards; code in pages all
 * over the large pages of its RAM; code that changes itself; accesses across the edges of what is
 * mapped and of what is RAM.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

enum { RANDOM_CODE_BYTES = 24, CODE_ROOM = 64, REPEAT_BITS = 9, JUMP_BYTES = 2 };

#define PAGE_PAT_2M (1ull << 12)
#define PAGE_KEY(n) ((uint64_t)(n) << 59)

/* WRMSR, then RDMSR. */
static const struct hostile_code write_msr = {PROBE_CODE("\x0f\x30\x0f\x32")};
/* JMP RDI. */
static const struct hostile_code jump = {PROBE_CODE("\xff\xe7")};
/* MOV [RDI], EAX, where RDI points at the NOPs that follow: the code overwrites itself. */
static const struct hostile_code change_itself = {
	PROBE_CODE("\x89\x07\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90")};

static const struct hostile_code accesses[] = {
	{PROBE_CODE("\x48\x89\x07\x48\x8b\x1f")},         /* MOV. */
	{PROBE_CODE("\xf0\x48\x0f\xc1\x07\x0f\xae\x3f")}, /* LOCK XADD; CLFLUSH. */
	{PROBE_CODE("\xf3\xaa")},                         /* REP STOSB. */
	{PROBE_CODE("\xf3\x48\xab")},                     /* REP STOSQ. */
	{PROBE_CODE("\xf3\xa4")},                         /* REP MOVSB. */
	{PROBE_CODE("\x0f\xc3\x07\x0f\xae\xf0")},         /* MOVNTI; MFENCE. */
	{PROBE_CODE("\x66\x87\x07")},                     /* XCHG. */
	{PROBE_CODE("\x0f\x18\x0f\x0f\x0d\x0f")},         /* PREFETCHT0; PREFETCHW. */
	{PROBE_CODE("\x48\x0f\xc7\x0f")},                 /* CMPXCHG16B. */
	{PROBE_CODE("\xff\x37\x8f\x07")},                 /* PUSH and POP of memory. */
	{PROBE_CODE("\x0f\xae\x07")},                     /* FXSAVE. */
	{PROBE_CODE("\xf3\x0f\x6f\x07\xf3\x0f\x7f\x06")}, /* MOVDQU. */
	{PROBE_CODE("\x0f\x01\x3f\x8b\x07")},             /* INVLPG; MOV. */
	{PROBE_CODE("\x6c\x6e")},                         /* INSB; OUTSB. */
};

static bool write_type(uint32_t msr, uint64_t value)
{
	struct guest_probe probe = hostile_probe(&write_msr, false);

	probe.in.rcx = msr;
	probe.in.rax = value & HOSTILE_LOW_HALF;
	probe.in.rdx = value >> 32;
	return hostile_run(&probe);
}

/* Eight types in the bytes of a register: SDM Vol. 3A "Memory Types That Can Be Encoded With PAT",
 * "Fixed-Range MTRRs". Sometimes one that does not exist. */
static uint64_t choose_types(void)
{
	static const uint8_t types[] = {0, 1, 4, 5, 6, 7};
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++) {
		value = value << 8 | types[choose_below(ARRAY_COUNT(types))];
	}
	return choose_bits(3) == 0 ? value ^ choose_flips() : value;
}

static bool choose_memory_type(void)
{
	static const uint32_t fixed[] = {
		0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

	switch (choose_bits(2)) {
	case 0:
		return write_type(0x277, choose_types()); /* IA32_PAT. */
	case 1:
		return write_type(fixed[choose_below(ARRAY_COUNT(fixed))], choose_types());
	case 2:
		return write_type(0x2ff, choose_bits(12)); /* IA32_MTRR_DEF_TYPE. */
	default:
		return write_type(0x200 + (uint32_t)choose_bits(5),
			(choose_bits(28) << 12) | choose_bits(3) | choose_bits(1) << 11);
	}
}

/* The window of the processor becomes other RAM, or the same, with any bits. */
static uint64_t map_window(void)
{
	const uint64_t linear = hostile_window(HOSTILE_WINDOW);
	uint64_t bits = GUEST_PAGE_DEFAULT;

	bits |= choose_bits(1) != 0 ? GUEST_PAGE_PCD : 0;
	bits |= choose_bits(1) != 0 ? GUEST_PAGE_PWT : 0;
	bits |= choose_bits(1) != 0 ? PAGE_PAT_2M : 0;
	bits |= choose_bits(3) == 0 ? GUEST_PAGE_NX : 0;
	bits |= PAGE_KEY(choose_bits(4));
	bits &= choose_bits(3) == 0 ? ~GUEST_PAGE_WRITABLE : ~0ull;
	bits &= choose_bits(3) == 0 ? ~GUEST_PAGE_USER : ~0ull;
	bits &= choose_bits(5) == 0 ? ~GUEST_PAGE_PRESENT : ~0ull;
	guest_map_2m(linear, hostile_arena_address(), bits);
	return linear;
}

static bool access_memory(const struct hostile_code *code, uint64_t address)
{
	struct guest_probe probe = hostile_probe(code, choose_bits(1) != 0);

	probe.in.rdi = address;
	probe.in.rsi = hostile_address();
	probe.in.rcx = choose_bits(REPEAT_BITS);
	return hostile_run(&probe);
}

static bool access_window(void)
{
	const uint64_t start = map_window();
	/* Now and then across its end. */
	const uint64_t offset = choose_bits(3) == 0 ? GUEST_PAGE_2M_BYTES - choose_bits(6)
						    : choose_below(GUEST_PAGE_2M_BYTES - 4096);

	return access_memory(&accesses[choose_below(ARRAY_COUNT(accesses))], start + offset);
}

/* Puts code into a page of its RAM and jumps there. */
static bool execute_in(uint64_t address, const uint8_t *code, size_t size_bytes, bool is_user)
{
	static const uint8_t end[] = {0xcd, VECTOR_PROBE_END};
	struct guest_probe probe = hostile_probe(&jump, is_user);

	memcpy((void *)(uintptr_t)address, code, size_bytes);
	memcpy((void *)(uintptr_t)(address + size_bytes), end, sizeof(end));
	probe.in.rdi = address;
	return hostile_run(&probe);
}

static bool execute_scattered(void)
{
	static const uint8_t code[] = {0x90, 0xf3, 0x90, 0x0f, 0xa2, 0x90};
	const uint64_t address = hostile_arena_address() & ~(uint64_t)(CODE_ROOM - 1);

	return execute_in(address, code, choose_below(sizeof(code)), choose_bits(1) != 0);
}

/*
 * Any bytes at all. By steps, so that a loop ends; at CPL 3, so that HLT does not; with this
 * guest's own code and data read-only, so that it does not break what judges the hypervisor.
 */
static bool execute_random(void)
{
	const uint64_t address = hostile_arena_address() & ~(uint64_t)(CODE_ROOM - 1);
	uint64_t code[RANDOM_CODE_BYTES / 8];
	struct guest_probe probe = hostile_probe(&jump, true);

	for (unsigned i = 0; i < ARRAY_COUNT(code); i++) {
		code[i] = choose_bits(64);
	}
	memcpy((void *)(uintptr_t)address, code, sizeof(code));
	probe.in.rdi = address;
	probe.in.rsi = hostile_arena_address();
	probe.in.rax = probe.in.rbx = hostile_arena_address();
	probe.in.rcx = choose_bits(REPEAT_BITS);
	probe.rflags_in |= RFLAGS_TF;
	hostile_protect_own();
	return hostile_run(&probe);
}

static bool execute_changed(void)
{
	struct guest_probe probe = hostile_probe(&change_itself, true);

	probe.in.rdi = guest_probe_code_address() + JUMP_BYTES + choose_bits(2);
	probe.in.rax = choose_bits(32);
	probe.rflags_in |= RFLAGS_TF;
	return hostile_run(&probe);
}

bool hostile_memory(void)
{
	switch (choose_bits(3)) {
	case 0:
		return choose_memory_type();
	case 1:
		return execute_random();
	case 2:
		return execute_changed();
	case 3:
	case 4:
		return execute_scattered();
	case 5:
		/* Across the end of its RAM; MOV is emulated there. */
		hostile_map_absent(guest_memory_end(), guest_memory_end());
		return access_memory(&accesses[0], guest_memory_end() - choose_bits(4));
	default:
		return access_window();
	}
}
