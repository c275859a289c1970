/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_VIRTUAL_APIC_TIMER_H
#define DEVICES_VIRTUAL_APIC_TIMER_H

#include "lib/types.h"

struct virtual_apic;

#define VIRTUAL_APIC_NO_DEADLINE UINT64_MAX

/* With numerator and denominator up to this, no product of the count-down leaves 64 bits. */
#define VIRTUAL_APIC_TIMER_RATE_MAX ((1u << 24) - 1)

/* Counts of the undivided timer for each tick of the TSC: numerator / denominator. */
struct virtual_apic_rate {
	uint32_t numerator;
	uint32_t denominator;
};

/*
 * The timer began to count down from start_count at TSC value start_tick plus start_fraction /
 * numerator of a tick: with the fraction kept, periods add up without drift.
 */
struct virtual_apic_timer {
	struct virtual_apic_rate rate;
	uint64_t deadline; /* When it is due next, masked or not; VIRTUAL_APIC_NO_DEADLINE. */
	uint64_t start_tick;
	uint64_t start_fraction;
	uint64_t tsc_deadline;  /* IA32_TSC_DEADLINE; 0: not armed. */
	uint32_t initial_count; /* The next period's, while one counts down. */
	uint32_t start_count;   /* 0: the count-down has stopped. */
	uint8_t mode;           /* enum virtual_apic_timer_mode, as the LVT says. */
	uint8_t divide_shift;   /* The divider is 1 << divide_shift. */
};

/*
 * Returns the rate of a timer of timer_hz under a TSC of tsc_hz (both 1 to 2^39): in lowest terms,
 * or if these are too large the nearest convergent, whose relative error is below 2^-24. Where one
 * is more than VIRTUAL_APIC_TIMER_RATE_MAX times the other there is none: then one of its parts is
 * 0, which virtual_apic_create() refuses. Context: any; pure.
 */
struct virtual_apic_rate virtual_apic_timer_rate(uint64_t timer_hz, uint64_t tsc_hz);

#endif
