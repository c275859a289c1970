/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUESTS_SHARED_VECTOR_STATE_H
#define TESTS_GUESTS_SHARED_VECTOR_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* x87, SSE and AVX registers, held still while something else happens. */

enum { VECTOR_REGISTERS = 16, VECTOR_YMM_BYTES = 32, VECTOR_X87_BYTES = 108 };

struct vector_state {
	uint8_t ymm[VECTOR_REGISTERS][VECTOR_YMM_BYTES];
	uint8_t x87[VECTOR_X87_BYTES]; /* As FNSAVE writes it. */
	uint32_t mxcsr;
} __attribute__((aligned(64)));

enum vector_operation { VECTOR_OPERATION_VMCALL, VECTOR_OPERATION_CPUID, VECTOR_OPERATION_IN };

/* Sets CR0, CR4 and XCR0 for SSE, and for AVX where CPUID has it. Returns whether it has. */
bool vector_state_enable(void);

/* Loads the registers, executes the operation `count` times, stores the registers. */
void vector_state_run(const struct vector_state *in, struct vector_state *out,
	enum vector_operation operation, uint64_t count);

/* Fills the registers with a pattern from the seed, valid for loading. */
void vector_state_fill(struct vector_state *state, uint64_t seed);

/* Compares what of the two the processor has. */
bool vector_state_is_equal(const struct vector_state *a, const struct vector_state *b);

#endif
