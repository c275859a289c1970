/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_PIT8254_COUNTER_H
#define DEVICES_PIT8254_COUNTER_H

#include "lib/types.h"

/*
 * One of the 8254's counters: how it counts, in ticks of its CLK, without its way to the data bus.
 * A tick is given by each call; it never goes back. Counts are binary here, BCD or not.
 * Source: Intel 8254 data sheet (231164), "Mode Definitions".
 */
struct pit8254_counter {
	uint8_t mode;          /* 0 to 5. */
	uint32_t modulus;      /* What the counting element wraps at: 65536, or 10000 for BCD. */
	bool is_gate_high;     /* The level of GATE. */
	bool is_count_written; /* A count came since the control word. */
	bool is_counting;      /* The counting element was loaded since the control word. */
	bool is_null_count;    /* The newest count is not in the counting element yet. */
	bool is_halted;        /* GATE, or a half-written count, holds the counting element. */
	bool is_reload_due;    /* Modes 2 and 3: the newest count is loaded at reload_tick. */
	uint32_t written;      /* The newest count: 1 to the modulus. */
	uint32_t count;        /* The count in use: 1 to the modulus. */
	uint64_t load_tick;    /* When it was loaded: the tick that counting starts at. */
	uint64_t halted_ticks; /* While halted: how many ticks were counted. */
	uint64_t reload_tick;
};

/* Takes a control word: mode 0 to 5. GATE stays. */
void pit8254_counter_set_mode(struct pit8254_counter *counter, uint8_t mode, bool is_bcd);

/* Takes a whole new count, 1 to the modulus. */
void pit8254_counter_set_count(struct pit8254_counter *counter, uint32_t count, uint64_t tick);

/* Half of a new count has come: mode 0 stops counting and holds OUT low. */
void pit8254_counter_set_half_count(struct pit8254_counter *counter);

/* Sets the level of GATE. */
void pit8254_counter_set_gate(struct pit8254_counter *counter, bool is_high, uint64_t tick);

/* Loads the newest count if its time has come. Called before any other with this tick. */
void pit8254_counter_advance(struct pit8254_counter *counter, uint64_t tick);

/* Returns the counting element's value, 0 to the modulus - 1; a full count reads as 0. */
uint32_t pit8254_counter_value(const struct pit8254_counter *counter, uint64_t tick);

/* Returns the level of OUT, and whether the newest count still waits to be loaded. */
bool pit8254_counter_out(const struct pit8254_counter *counter, uint64_t tick);
bool pit8254_counter_is_null(const struct pit8254_counter *counter, uint64_t tick);

/*
 * Returns the first tick after `tick` at which OUT rises if no call comes until then, UINT64_MAX if
 * it does not.
 */
uint64_t pit8254_counter_next_rise(const struct pit8254_counter *counter, uint64_t tick);

#endif
