/* SPDX-License-Identifier: MIT */
/*
 * State that XSAVE knows: any XCR0, valid or not; all components of the processor filled at CPL 3
 * with values of the guest's choice, and kept there while the guest waits, exits and is taken off
 * its CPU.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_segments.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

enum { AREA_BYTES = 8192, HOLD_BITS = 12, LEGACY_BYTES = 512, HEADER_BYTES = 64 };
/* SDM Vol. 1 "XSAVE Area": by words of 64 bits. */
enum { MXCSR_WORD = 24 / 8, XSTATE_BV = LEGACY_BYTES / 8, XCOMP_BV = XSTATE_BV + 1 };

#define CPUID_1_ECX_XSAVE (1u << 26)
#define CPUID_XSTATE      0xdu
#define XCR0_X87          (1ull << 0)
#define XCR0_SSE          (1ull << 1)
#define XCR0_AVX          (1ull << 2)
#define XCR0_MPX          (3ull << 3)
#define XCR0_AVX512       (7ull << 5)
#define XCR0_PKRU         (1ull << 9)
#define XSTATE_PKRU       9u
#define MXCSR_WRITABLE    0xffbfull
/* Key 0 is that of all pages: denied, the processor could not even deliver an exception. */
#define PKRU_OF_OTHER_KEYS 0xfffffffcull
#define COMPACT            (1ull << 63)

static uint64_t areas[HOSTILE_CPUS][2][AREA_BYTES / 8] __attribute__((aligned(64)));

/* RDI is the area to load from, RSI the one to store to, R8 how long it is held; the exits are
 * between them. */
#define HOLD "\x49\xff\xc8\x75\xfb"
static const struct hostile_code codes[] = {
	{PROBE_CODE("\x48\x0f\xae\x2f" HOLD "\x48\x0f\xae\x26")},         /* XRSTOR64, XSAVE64. */
	{PROBE_CODE("\x48\x0f\xae\x2f" HOLD "\x0f\xa2\x48\x0f\xae\x26")}, /* CPUID between them. */
	{PROBE_CODE("\x48\x0f\xae\x2f" HOLD "\xf3\x90")},                 /* Held until the next. */
	{PROBE_CODE("\x48\x0f\xae\x2f" HOLD "\x48\x0f\xae\x36")},         /* XSAVEOPT64. */
	{PROBE_CODE("\x48\x0f\xae\x2f" HOLD "\x48\x0f\xc7\x26")},         /* XSAVEC64. */
	{PROBE_CODE("\x48\x0f\xae\x2f\x48\x0f\xc7\x2e" HOLD)},            /* XSAVES64. */
	{PROBE_CODE("\x48\x0f\xc7\x26\x48\x0f\xae\x2e" HOLD)},            /* XSAVEC64, XRSTOR64. */
	{PROBE_CODE("\x48\x0f\xc7\x2e\x48\x0f\xc7\x1e" HOLD)},            /* XSAVES64, XRSTORS64. */
	{PROBE_CODE("\x48\x0f\xc7\x1f" HOLD)},                            /* XRSTORS64. */
	{PROBE_CODE("\x48\x0f\xae\x0f" HOLD "\x48\x0f\xae\x06")},         /* FXRSTOR64, FXSAVE64. */
};

/* XSETBV; XGETBV; WRPKRU and RDPKRU. */
static const struct hostile_code set_xcr0 = {PROBE_CODE("\x0f\x01\xd1\x0f\x01\xd0")};
static const struct hostile_code set_pkru = {PROBE_CODE("\x0f\x01\xef\x0f\x01\xee")};

static uint64_t supported(void)
{
	const struct guest_cpuid leaf = guest_cpuid(CPUID_XSTATE, 0);

	return (uint64_t)leaf.edx << 32 | leaf.eax;
}

/* What XSETBV takes: SDM Vol. 1 "Enabling the XSAVE Feature Set and XSAVE-Enabled Features". */
static uint64_t choose_xcr0(uint64_t mask)
{
	uint64_t value = XCR0_X87 | XCR0_SSE;

	value |= choose_bits(2) != 0 ? XCR0_AVX : 0;
	value |= choose_bits(2) != 0 ? XCR0_PKRU : 0;
	value |= choose_bits(1) != 0 ? XCR0_MPX : 0;
	if ((value & XCR0_AVX) != 0) {
		value |= choose_bits(2) != 0 ? XCR0_AVX512 : 0;
	}
	value &= mask;
	return choose_bits(3) == 0 ? value ^ choose_flips() : value;
}

static void write_xcr0(uint64_t value)
{
	struct guest_probe probe = hostile_probe(&set_xcr0, false);

	probe.in.rax = value & HOSTILE_LOW_HALF;
	probe.in.rdx = value >> 32;
	probe.in.rcx = 0;
	(void)hostile_run(&probe);
}

static void write_pkru(void)
{
	struct guest_probe probe = hostile_probe(&set_pkru, choose_bits(1) != 0);

	probe.in.rax = choose_value() & PKRU_OF_OTHER_KEYS;
	probe.in.rcx = probe.in.rdx = 0;
	(void)hostile_run(&probe);
}

static void fill(uint64_t *area, uint64_t mask)
{
	const uint32_t size_bytes = guest_cpuid(CPUID_XSTATE, 0).ecx;
	const struct guest_cpuid pkru = guest_cpuid(CPUID_XSTATE, XSTATE_PKRU);
	const uint64_t seed = choose_value();
	const uint64_t step = choose_value() | 1;

	for (unsigned i = 0; i < size_bytes / 8 && i < AREA_BYTES / 8; i++) {
		area[i] = seed + i * step;
	}
	area[MXCSR_WORD] &= choose_bits(4) != 0 ? MXCSR_WRITABLE : ~0ull;
	for (unsigned i = 0; i < HEADER_BYTES / 8; i++) {
		area[XSTATE_BV + i] = choose_bits(8) != 0 ? 0 : choose_value();
	}
	area[XSTATE_BV] =
		choose_bits(4) != 0 ? (choose_value() | XCR0_PKRU) & mask : choose_value();
	area[XCOMP_BV] = choose_bits(3) != 0 ? 0 : COMPACT | (choose_value() & mask);
	if (pkru.eax != 0 && pkru.ebx < AREA_BYTES - 8) {
		area[pkru.ebx / 8] &= PKRU_OF_OTHER_KEYS;
	}
	/* Where the compacted format may put it, or the CPU does not say where it is. */
	if (area[XCOMP_BV] != 0 || pkru.eax == 0) {
		area[XSTATE_BV] &= ~XCR0_PKRU;
	}
}

static bool load_and_hold(uint64_t mask)
{
	uint64_t(*area)[AREA_BYTES / 8] = areas[guest_segments_cpu() % HOSTILE_CPUS];
	struct guest_probe probe =
		hostile_probe(&codes[choose_below(ARRAY_COUNT(codes))], choose_bits(1) != 0);

	fill(area[0], mask);
	probe.in.rdi = (uintptr_t)area[0] + (choose_bits(5) == 0 ? choose_bits(6) : 0);
	probe.in.rsi = (uintptr_t)area[1];
	probe.in.rax = choose_bits(1) != 0 ? HOSTILE_LOW_HALF : choose_value();
	probe.in.rdx = choose_value();
	probe.in.r8 = 1 + choose_bits(choose_bits(4) == 0 ? HOLD_BITS : HOLD_BITS / 2);
	return hostile_run(&probe);
}

bool hostile_vector(void)
{
	uint64_t mask;

	if ((guest_cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) == 0) {
		return false;
	}
	mask = supported();
	switch (choose_bits(3)) {
	case 0:
		write_xcr0(choose_xcr0(mask));
		return true;
	case 1:
		write_xcr0(mask);
		return load_and_hold(mask);
	case 2:
		write_pkru();
		return true;
	default:
		return load_and_hold(mask);
	}
}
