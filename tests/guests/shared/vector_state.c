/* SPDX-License-Identifier: MIT */
#include "tests/guests/shared/vector_state.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"

#define CR0_MP            (1ull << 1)
#define CR0_EM            (1ull << 2)
#define CR0_TS            (1ull << 3)
#define CR4_OSFXSR        (1ull << 9)
#define CR4_OSXMMEXCPT    (1ull << 10)
#define CR4_OSXSAVE       (1ull << 18)
#define CPUID_1_ECX_AVX   (1u << 28)
#define CPUID_1_ECX_XSAVE (1u << 26)
#define XCR0_X87_SSE      3ull
#define XCR0_AVX          4ull
#define MXCSR_PATTERN     0x1fa0u
#define GENERATOR_STEP    6364136223846793005ull
#define GENERATOR_ADD     1442695040888963407ull

enum { XMM_BYTES = 16 };
/* SDM Vol. 1 "x87 State Image in 32-bit Protected Mode": where FNSAVE puts things. */
enum { X87_CONTROL = 0, X87_TAG = 8, X87_REGISTERS = 28, X87_REGISTER_BYTES = 10 };
/* Exponent bits that make a number normal, whatever its other bits are. */
enum { X87_EXPONENT_BYTE = 9, X87_EXPONENT = 0x3f, X87_INTEGER_BYTE = 7, X87_INTEGER_BIT = 0x80 };

_Static_assert(sizeof(((struct vector_state *)0)->ymm) == 512, "vector_moves.asm");
_Static_assert(__builtin_offsetof(struct vector_state, mxcsr) == 620, "vector_moves.asm");

void vector_load_sse(const struct vector_state *state);
void vector_store_sse(struct vector_state *state);
void vector_load_avx(const struct vector_state *state);
void vector_store_avx(struct vector_state *state);
void vector_repeat_vmcall(uint64_t count);
void vector_repeat_cpuid(uint64_t count);
void vector_repeat_in(uint64_t count);

static bool has_avx;

bool vector_state_enable(void)
{
	const uint32_t features = guest_cpuid(1, 0).ecx;

	guest_write_cr0((guest_read_cr0() | CR0_MP) & ~(CR0_EM | CR0_TS));
	guest_write_cr4(guest_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	has_avx = (features & CPUID_1_ECX_AVX) != 0 && (features & CPUID_1_ECX_XSAVE) != 0;
	if (has_avx) {
		guest_write_cr4(guest_read_cr4() | CR4_OSXSAVE);
		guest_xsetbv(0, XCR0_X87_SSE | XCR0_AVX);
	}
	return has_avx;
}

void vector_state_fill(struct vector_state *state, uint64_t seed)
{
	uint8_t *bytes = (uint8_t *)state;

	memset(state, 0, sizeof(*state));
	for (unsigned i = 0; i < sizeof(state->ymm) + sizeof(state->x87); i++) {
		seed = seed * GENERATOR_STEP + GENERATOR_ADD;
		bytes[i] = (uint8_t)(seed >> 56);
	}
	memset(state->x87, 0, X87_REGISTERS);
	state->x87[X87_CONTROL] = 0x7f;
	state->x87[X87_CONTROL + 1] = 0x03;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t *number = &state->x87[X87_REGISTERS + i * X87_REGISTER_BYTES];

		number[X87_EXPONENT_BYTE] = X87_EXPONENT;
		number[X87_INTEGER_BYTE] |= X87_INTEGER_BIT;
	}
	state->mxcsr = MXCSR_PATTERN;
}

void vector_state_run(const struct vector_state *in, struct vector_state *out,
	enum vector_operation operation, uint64_t count)
{
	static void (*const operations[])(uint64_t) = {
		[VECTOR_OPERATION_VMCALL] = vector_repeat_vmcall,
		[VECTOR_OPERATION_CPUID] = vector_repeat_cpuid,
		[VECTOR_OPERATION_IN] = vector_repeat_in,
	};

	if (has_avx) {
		vector_load_avx(in);
		operations[operation](count);
		vector_store_avx(out);
	} else {
		vector_load_sse(in);
		operations[operation](count);
		vector_store_sse(out);
	}
}

bool vector_state_is_equal(const struct vector_state *a, const struct vector_state *b)
{
	for (unsigned i = 0; i < VECTOR_REGISTERS; i++) {
		if (memcmp(a->ymm[i], b->ymm[i], has_avx ? VECTOR_YMM_BYTES : XMM_BYTES) != 0) {
			return false;
		}
	}
	return a->mxcsr == b->mxcsr &&
	       memcmp(a->x87 + X87_REGISTERS, b->x87 + X87_REGISTERS,
		       VECTOR_X87_BYTES - X87_REGISTERS) == 0 &&
	       memcmp(a->x87, b->x87, 2) == 0 && memcmp(a->x87 + X87_TAG, b->x87 + X87_TAG, 2) == 0;
}
