/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "tests/guests/shared/switch_pieces.h"

#define CPUID_80000001_EDX_RDTSCP (1u << 27)
#define CANONICAL                 0x00007fffffffffffull
#define ALL_BITS                  UINT64_MAX
#define PAT_RESET                 0x0007040600070406ull

enum kind { KIND_MSR, KIND_DR, KIND_CR2, KIND_CR8 };

/* The word is `fixed` with other bits of `free`. What the architecture lets a guest write. */
static const struct piece {
	const char *name;
	enum kind kind;
	uint32_t number;
	uint64_t fixed;
	uint64_t free;
	bool is_fresh_known;
	uint64_t fresh;
} pieces[] = {
	/* Addresses that nothing touches. */
	{"dr0", KIND_DR, 0, 0x400000000000, 0x3fffffffffff, true, 0},
	{"dr1", KIND_DR, 1, 0x400000000000, 0x3fffffffffff, true, 0},
	{"dr2", KIND_DR, 2, 0x400000000000, 0x3fffffffffff, true, 0},
	{"dr3", KIND_DR, 3, 0x400000000000, 0x3fffffffffff, true, 0},
	{"dr6", KIND_DR, 6, 0xffff0ff0, 0xe00f, true, 0xffff0ff0},
	/* All four watch writes, or reads too, of any length. */
	{"dr7", KIND_DR, 7, 0x11110400, 0xeeee03ff, true, 0x400},
	{"cr2", KIND_CR2, 0, 0, ALL_BITS, true, 0},
	{"cr8", KIND_CR8, 0, 1, 6, true, 0},
	{"sysenter_cs", KIND_MSR, 0x174, 0, 0xffff, true, 0},
	{"sysenter_esp", KIND_MSR, 0x175, 0, CANONICAL, true, 0},
	{"sysenter_eip", KIND_MSR, 0x176, 0, CANONICAL, true, 0},
	/* BTF: a guest of Trivet has no branch records, and LBR stays 0. */
	{"debugctl", KIND_MSR, 0x1d9, 0, 2, true, 0},
	/* The low half is as our page tables need it. */
	{"pat", KIND_MSR, 0x277, 0x0404040400070406, 0x0303030300000000, true, PAT_RESET},
	{"efer", KIND_MSR, 0xc0000080, 0x500, 0x801, false, 0},
	{"star", KIND_MSR, 0xc0000081, 0, ALL_BITS, true, 0},
	{"lstar", KIND_MSR, 0xc0000082, 0, CANONICAL, true, 0},
	{"cstar", KIND_MSR, 0xc0000083, 0, CANONICAL, true, 0},
	{"fmask", KIND_MSR, 0xc0000084, 0, 0xffffffff, true, 0},
	{"fs_base", KIND_MSR, 0xc0000100, 0, CANONICAL, true, 0},
	{"kernel_gs_base", KIND_MSR, 0xc0000102, 0, CANONICAL, true, 0},
	{"tsc_aux", KIND_MSR, 0xc0000103, 0, 0xffffffff, true, 0},
};

enum { PIECE_COUNT = sizeof(pieces) / sizeof(pieces[0]), TSC_AUX = 0xc0000103u };

#define DEBUG_REGISTER(number)                                                                     \
	static uint64_t read_dr##number(void)                                                      \
	{                                                                                          \
		uint64_t value;                                                                    \
		__asm__ volatile("mov %%dr" #number ", %0" : "=r"(value));                         \
		return value;                                                                      \
	}                                                                                          \
	static void write_dr##number(uint64_t value)                                               \
	{                                                                                          \
		__asm__ volatile("mov %0, %%dr" #number : : "r"(value));                           \
	}

DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)
DEBUG_REGISTER(6)
DEBUG_REGISTER(7)

static uint64_t read_dr(uint32_t number)
{
	switch (number) {
	case 0:
		return read_dr0();
	case 1:
		return read_dr1();
	case 2:
		return read_dr2();
	case 3:
		return read_dr3();
	case 6:
		return read_dr6();
	default:
		return read_dr7();
	}
}

static void write_dr(uint32_t number, uint64_t value)
{
	static void (*const writes[])(uint64_t) = {
		write_dr0, write_dr1, write_dr2, write_dr3, 0, 0, write_dr6, write_dr7};

	writes[number](value);
}

static uint64_t read_piece(const struct piece *piece)
{
	switch (piece->kind) {
	case KIND_MSR:
		return guest_rdmsr(piece->number);
	case KIND_DR:
		return read_dr(piece->number);
	case KIND_CR2:
		return guest_read_cr2();
	default:
		return guest_read_cr8();
	}
}

static void write_piece(const struct piece *piece, uint64_t value)
{
	switch (piece->kind) {
	case KIND_MSR:
		guest_wrmsr(piece->number, value);
		break;
	case KIND_DR:
		write_dr(piece->number, value);
		break;
	case KIND_CR2:
		guest_write_cr2(value);
		break;
	default:
		guest_write_cr8(value);
		break;
	}
}

static uint64_t word_of(uint64_t seed, unsigned index)
{
	return pieces[index].fixed | (switch_word(seed, index) & pieces[index].free);
}

unsigned switch_register_count(void)
{
	return PIECE_COUNT;
}

const char *switch_register_name(unsigned index)
{
	return pieces[index].name;
}

bool switch_register_is_there(unsigned index)
{
	return pieces[index].number != TSC_AUX ||
	       (guest_cpuid(0x80000001, 0).edx & CPUID_80000001_EDX_RDTSCP) != 0;
}

void switch_registers_fill(uint64_t seed)
{
	for (unsigned i = 0; i < PIECE_COUNT; i++) {
		if (switch_register_is_there(i)) {
			write_piece(&pieces[i], word_of(seed, i));
		}
	}
}

void switch_registers_check(uint64_t seed, struct switch_result *results)
{
	static bool is_there[PIECE_COUNT];

	for (unsigned i = 0; i < PIECE_COUNT; i++) {
		is_there[i] = is_there[i] || switch_register_is_there(i);
		if (is_there[i]) {
			switch_expect(&results[i], read_piece(&pieces[i]), word_of(seed, i));
		}
	}
}

void switch_registers_check_fresh(struct switch_result *results)
{
	for (unsigned i = 0; i < PIECE_COUNT; i++) {
		if (pieces[i].is_fresh_known && switch_register_is_there(i)) {
			switch_expect(&results[i], read_piece(&pieces[i]), pieces[i].fresh);
		}
	}
}
