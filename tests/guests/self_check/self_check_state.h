/* SPDX-License-Identifier: MIT */
#ifndef SELF_CHECK_SELF_CHECK_STATE_H
#define SELF_CHECK_SELF_CHECK_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* What a processor looks at again and again, and that nothing but itself may change. */
struct self_check_state {
	uint64_t control[3];
	uint64_t debug[2];
	uint64_t msrs[5];
	uint64_t gdt;
	uint64_t idt;
	uint32_t selectors;
};

/* Gives the calling processor's debug registers and MSRs values of its own, and reads all. */
void self_check_begin(struct self_check_state *state);

/*
 * Returns true if all that the calling processor has is as it was: its registers, over `rounds`
 * PAUSEs, at least 1; its mode, tables and MSRs; and a part of the memory of all.
 */
bool self_check_passes(const struct self_check_state *state, uint64_t rounds);

/* Fills the memory that is looked at. Context: once, before all. */
void self_check_fill_memory(void);

#endif
