/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/switch_pieces.h"

#define CR0_MP            (1ull << 1)
#define CR0_EM            (1ull << 2)
#define CR0_TS            (1ull << 3)
#define CR4_OSFXSR        (1ull << 9)
#define CR4_OSXMMEXCPT    (1ull << 10)
#define CR4_OSXSAVE       (1ull << 18)
#define CR4_PKE           (1ull << 22)
#define CPUID_1_ECX_XSAVE (1u << 26)
#define CPUID_7_ECX_PKU   (1u << 3)
#define KNOWN_COMPONENTS  0x2e7ull

/* SDM Vol. 1 "Legacy Region of an XSAVE Area", "XSAVE Header". */
enum {
	LEAF_XSAVE = 0xd,
	X87 = 0,
	SSE = 1,
	PKRU = 9,
	COMPONENTS = 10,
	FCW = 0,
	FSW = 2,
	FTW = 4,
	MXCSR = 24,
	REGISTERS = 32,
	REGISTER_BYTES = 16,
	NUMBER_BYTES = 10,
	REGISTER_COUNT = 8,
	XMM = 160,
	XMM_BYTES = 256,
	XSTATE_BV = 512,
	FCW_RESET = 0x37f,
	FCW_FIXED = 0x27f, /* Exceptions masked; precision and rounding are free. */
	FCW_FREE = 0xd00,
	FSW_FREE = 0x7f00, /* Condition codes and TOP. */
	MXCSR_RESET = 0x1f80,
	MXCSR_FREE = 0xe07f, /* Rounding, flush to zero, denormals are zeros, and the flags. */
	UNWRITTEN = 0xa5,
};

/* No name: a guest of Trivet never has it. */
static const char *const names[COMPONENTS] = {[X87] = "x87",
	[SSE] = "sse",
	[2] = "avx",
	[5] = "opmask",
	[6] = "zmm_hi256",
	[7] = "hi16_zmm",
	[PKRU] = "pkru"};

static uint64_t components; /* 0: FXSAVE is all there is. */
static uint32_t offsets[COMPONENTS];
static uint32_t sizes[COMPONENTS];

static void find_components(void)
{
	const struct guest_cpuid all = guest_cpuid(LEAF_XSAVE, 0);

	components = (all.eax | (uint64_t)all.edx << 32) & KNOWN_COMPONENTS;
	for (uint32_t i = SSE + 1; i < COMPONENTS; i++) {
		const struct guest_cpuid part = guest_cpuid(LEAF_XSAVE, i);

		if (names[i] != 0 && (components >> i & 1) != 0 &&
			part.ebx + part.eax <= SWITCH_AREA_BYTES) {
			offsets[i] = part.ebx;
			sizes[i] = part.eax;
		}
	}
	if (sizes[PKRU] != 0) {
		sizes[PKRU] = sizeof(uint32_t); /* The register has no more. */
	}
}

uint64_t switch_components_enable(void)
{
	guest_write_cr0((guest_read_cr0() | CR0_MP) & ~(CR0_EM | CR0_TS));
	guest_write_cr4(guest_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	if ((guest_cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) != 0) {
		guest_write_cr4(guest_read_cr4() | CR4_OSXSAVE);
		find_components();
	}
	if ((guest_cpuid(7, 0).ecx & CPUID_7_ECX_PKU) != 0) {
		guest_write_cr4(guest_read_cr4() | CR4_PKE);
	}
	return components;
}

unsigned switch_component_count(void)
{
	return COMPONENTS;
}

const char *switch_component_name(unsigned index)
{
	return names[index];
}

bool switch_component_is_there(unsigned index)
{
	return index <= SSE || sizes[index] != 0;
}

static void save(struct switch_area *area)
{
	memset(area, UNWRITTEN, sizeof(*area));
	if (components == 0) {
		__asm__ volatile("fxsave64 %0" : "=m"(*area));
		return;
	}
	memset(area->bytes + XSTATE_BV, 0, 64);
	__asm__ volatile("xsave64 %0"
			 : "+m"(*area)
			 : "a"((uint32_t)components), "d"((uint32_t)(components >> 32)));
}

static void restore(const struct switch_area *area)
{
	if (components == 0) {
		__asm__ volatile("fxrstor64 %0" : : "m"(*area));
		return;
	}
	__asm__ volatile(
		"xrstor64 %0"
		:
		: "m"(*area), "a"((uint32_t)components), "d"((uint32_t)(components >> 32)));
}

static void put(struct switch_area *area, uint32_t offset, uint64_t value, uint32_t size_bytes)
{
	memcpy(area->bytes + offset, &value, size_bytes);
}

static void fill_words(
	struct switch_area *area, uint32_t offset, uint32_t size_bytes, uint64_t seed)
{
	for (uint32_t at = offset; at < offset + size_bytes; at += sizeof(uint64_t)) {
		put(area, at, switch_word(seed, at), sizeof(uint64_t));
	}
}

static void fill_legacy(struct switch_area *area, uint64_t seed)
{
	put(area, FCW, FCW_FIXED | (switch_word(seed, FCW) & FCW_FREE), 2);
	put(area, FSW, switch_word(seed, FSW) & FSW_FREE, 2);
	put(area, FTW, 0xff, 1);
	put(area, MXCSR, MXCSR_RESET | (switch_word(seed, MXCSR) & MXCSR_FREE), 4);
	for (uint32_t i = 0; i < REGISTER_COUNT; i++) {
		const uint32_t at = REGISTERS + i * REGISTER_BYTES;

		/* The integer bit, and an exponent of a normal number. */
		put(area, at, switch_word(seed, at) | 1ull << 63, 8);
		put(area, at + 8, 0x3f00 | (switch_word(seed, at + 8) & 0xff), 2);
	}
	fill_words(area, XMM, XMM_BYTES, seed);
}

void switch_components_fill(uint64_t seed, struct switch_area *area)
{
	memset(area, 0, sizeof(*area));
	fill_legacy(area, seed);
	put(area, XSTATE_BV, components, sizeof(components));
	for (uint32_t i = SSE + 1; i < COMPONENTS; i++) {
		if (i != PKRU && sizes[i] != 0) {
			fill_words(area, offsets[i], sizes[i], seed);
		}
	}
	if (sizes[PKRU] != 0) {
		/* Key 0, which all our pages have, stays open. */
		put(area, offsets[PKRU], switch_word(seed, PKRU) & 0xfffffffcu, sizes[PKRU]);
	}
	restore(area);
}

static void compare(const struct switch_area *want, const struct switch_area *got, uint32_t offset,
	uint32_t size_bytes, struct switch_result *result)
{
	for (uint32_t at = offset; at < offset + size_bytes; at += sizeof(uint64_t)) {
		const uint32_t rest = offset + size_bytes - at;
		const uint32_t count = rest < sizeof(uint64_t) ? rest : sizeof(uint64_t);
		uint64_t left = 0;
		uint64_t right = 0;

		memcpy(&left, got->bytes + at, count);
		memcpy(&right, want->bytes + at, count);
		switch_expect(result, left, right);
	}
}

static void compare_all(const struct switch_area *want, const struct switch_area *got,
	struct switch_result *results)
{
	compare(want, got, FCW, FTW + 1, &results[X87]);
	for (uint32_t i = 0; i < REGISTER_COUNT; i++) {
		compare(want, got, REGISTERS + i * REGISTER_BYTES, NUMBER_BYTES, &results[X87]);
	}
	compare(want, got, MXCSR, sizeof(uint32_t), &results[SSE]);
	compare(want, got, XMM, XMM_BYTES, &results[SSE]);
	for (uint32_t i = SSE + 1; i < COMPONENTS; i++) {
		compare(want, got, offsets[i], sizes[i], &results[i]);
	}
}

void switch_components_check(
	const struct switch_area *want, struct switch_area *got, struct switch_result *results)
{
	save(got);
	compare_all(want, got, results);
}

void switch_components_check_fresh(struct switch_area *got, struct switch_result *results)
{
	static struct switch_area fresh;

	put(&fresh, FCW, FCW_RESET, 2);
	put(&fresh, MXCSR, MXCSR_RESET, 4);
	save(got);
	compare_all(&fresh, got, results);
}
