/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUESTS_HYPERCALL_STORM_STORM_CALLS_H
#define TESTS_GUESTS_HYPERCALL_STORM_STORM_CALLS_H

#include <stdbool.h>
#include <stdint.h>

/* Random calls, and what the ABI lets come of each. */

struct storm_call {
	uint64_t number;
	uint64_t arguments[4];
	uint64_t mask; /* Of the mode that it is made in: 32 bits, or 64. */
	bool is_privileged;
};

/* memory_end: where RAM ends. Calls may write to its upper half. */
void storm_start(uint64_t memory_end);

struct storm_call storm_choose(void);

/* Puts into memory what the call is to find there. */
void storm_prepare(const struct storm_call *call);

bool storm_is_result_right(const struct storm_call *call, uint64_t result);

/*
 * True if the call wrote what it should: nothing if it failed. Puts the memory back.
 */
bool storm_is_memory_right(const struct storm_call *call, uint64_t result);

#endif
