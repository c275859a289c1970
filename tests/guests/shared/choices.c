/* SPDX-License-Identifier: MIT */
#include "tests/guests/shared/choices.h"

#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/probe_rules.h"

/* Where MSR, leaf and call numbers have their neighbourhoods. */
enum { NEIGHBOURS_BITS = 4 };
#define BUFFER_ADDRESS 0x4000000ull
#define MAPPED_END     0x40000000ull

/* Of each processor that makes choices. */
enum { CHOOSING_CPUS = 2 };
static uint64_t states[CHOOSING_CPUS];

static uint64_t *state(void)
{
	return &states[guest_segments_cpu() % CHOOSING_CPUS];
}

void choose_seed(uint64_t seed)
{
	*state() = seed;
}

/* SplitMix64. */
static uint64_t next(void)
{
	uint64_t value = *state() += 0x9e3779b97f4a7c15ull;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	return value ^ value >> 31;
}

uint64_t choose_below(uint64_t limit)
{
	return next() % limit;
}

uint64_t choose_bits(unsigned bits)
{
	return next() >> (64 - bits);
}

uint64_t choose_value(void)
{
	const uint64_t power = 1ull << choose_bits(6);

	switch (choose_bits(3)) {
	case 0:
		return choose_bits(4);
	case 1:
		return ~choose_bits(4);
	case 2:
		return power;
	case 3:
		return power - 1;
	case 4:
		return 0 - power;
	case 5:
		return choose_bits(32);
	case 6:
		return (choose_bits(8)) * 0x0101010101010101ull;
	default:
		return next();
	}
}

uint64_t choose_flips(void)
{
	uint64_t bits = 1ull << choose_bits(6);

	/* Most often one of the low 32: the others are all reserved. */
	bits |= choose_bits(1) != 0 ? 1ull << choose_bits(5) : 0;
	bits |= choose_bits(1) != 0 ? 1ull << choose_bits(5) : 0;
	return bits;
}

uint64_t choose_address(void)
{
	/* Of addresses without memory only those that the page tables do not map: string I/O on the
	 * others is no MOV, and ends the guest. */
	static const uint64_t edges[] = {BUFFER_ADDRESS, MAPPED_END, 0xfee00000, 0x100000000ull,
		0x0000800000000000ull, 0xffff800000000000ull};

	return edges[choose_below(ARRAY_COUNT(edges))] + choose_bits(8) - choose_bits(8);
}

uint16_t choose_port(void)
{
	static const struct {
		uint16_t first;
		uint16_t last;
	} avoided[] = {
		{0x60, 0x64},     /* Keyboard controller: reset. */
		{0x8f, 0x92},     /* System control port A: reset. */
		{0xf1, 0xf7},     /* Debug exit. */
		{0x3f5, 0x3ff},   /* The UART, whose lines are the result. */
		{0x501, 0x501},   /* Debug exits of other machines. */
		{0x5fd, 0x607},   /* Power management. */
		{0xcf6, 0xcf9},   /* Reset control. */
		{0x4001, 0x4007}, /* Power management, elsewhere. */
		{0x88fd, 0x8900}, /* Bochs' shutdown. */
		{0xb001, 0xb007}, /* Power management, in Bochs. */
	};
	const uint16_t port = (uint16_t)(choose_bits(1) != 0 ? choose_bits(16) : choose_bits(10));

	for (unsigned i = 0; i < ARRAY_COUNT(avoided); i++) {
		if (port >= avoided[i].first && port <= avoided[i].last) {
			return 0x80;
		}
	}
	return port;
}

uint32_t choose_msr(void)
{
	static const uint32_t bases[] = {0x0, 0x10, 0x17, 0x1b, 0x3a, 0x79, 0x8b, 0xc1, 0xce, 0xfe,
		0x140, 0x174, 0x179, 0x186, 0x1a0, 0x1d9, 0x200, 0x250, 0x277, 0x2ff, 0x345, 0x38f,
		0x400, 0x480, 0x560, 0x6a0, 0x6e0, 0x800, 0x830, 0xd90, 0xda0, 0x1fff, 0x40000000,
		0x40000070, 0x4b564d00, 0xc0000080, 0xc0000100, 0xc0001ffc};

	if (choose_bits(3) == 0) {
		return (uint32_t)next();
	}
	return bases[choose_below(ARRAY_COUNT(bases))] + (uint32_t)choose_bits(NEIGHBOURS_BITS);
}

uint32_t choose_cpuid_leaf(void)
{
	static const uint32_t bases[] = {0x0, 0x0, 0x10, 0x40000000, 0x40000100, 0x40000200,
		0x80000000, 0x8ffffff8, 0xfffffff8};

	if (choose_bits(3) == 0) {
		return (uint32_t)next();
	}
	return bases[choose_below(ARRAY_COUNT(bases))] + (uint32_t)choose_bits(NEIGHBOURS_BITS);
}

uint64_t choose_call(void)
{
	switch (choose_bits(2)) {
	case 0:
		return choose_bits(NEIGHBOURS_BITS);
	case 1:
		return TRIVET_CALL_BASE + choose_bits(NEIGHBOURS_BITS);
	case 2:
		return choose_value();
	default:
		return TRIVET_CALL_BASE - 1 + (choose_bits(3) << 32);
	}
}
