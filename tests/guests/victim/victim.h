/* SPDX-License-Identifier: MIT */
#ifndef VICTIM_VICTIM_H
#define VICTIM_VICTIM_H

#include <stdbool.h>
#include <stdint.h>

/* What the victim looks at, part by part. */

/* victim_memory.c: 2 MiB of words that follow from their places. */
void victim_memory_fill(void);
/* Looks at the next piece of it. Returns how many words were wrong. */
unsigned victim_memory_check(void);

/* victim_mode.c: control registers, descriptor tables and selectors. */
void victim_mode_begin(void);
/* Returns how many of them have changed. */
unsigned victim_mode_check(void);

/* victim_delay.c: how long the victim does not run. */
struct victim_delays {
	uint64_t khz; /* Of the TSC; 0 if it is not known. */
	uint64_t longest_ticks;
	/* What of the longest gap others had, as the hypervisor says, and the longest rest of any.
	 */
	uint64_t longest_stolen_ticks;
	uint64_t longest_unstolen_ticks;
	uint64_t gap_count;
};
void victim_delay_begin(void);
/* Spins for so many ticks and looks for gaps between two reads of the TSC. */
void victim_delay_spin(uint64_t ticks);
struct victim_delays victim_delay_result(void);

#endif
