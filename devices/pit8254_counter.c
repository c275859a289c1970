/* SPDX-License-Identifier: MIT */
#include "devices/pit8254_counter.h"

/* 8254 data sheet, "Mode Definitions". */
enum counter_mode {
	MODE_TERMINAL_COUNT = 0,
	MODE_ONE_SHOT = 1,
	MODE_RATE = 2,
	MODE_SQUARE_WAVE = 3,
	MODE_SOFTWARE_STROBE = 4,
	MODE_HARDWARE_STROBE = 5,
};

enum {
	MODULUS_BINARY = 65536,
	MODULUS_BCD = 10000,
	/* A square wave counts down by two, twice for a period. */
	SQUARE_WAVE_STEP = 2,
};

#define TICK_NEVER UINT64_MAX

static bool is_periodic(const struct pit8254_counter *counter)
{
	return counter->mode == MODE_RATE || counter->mode == MODE_SQUARE_WAVE;
}

/* Started by a rising edge of GATE, whose level then means nothing. */
static bool is_triggered_by_gate(const struct pit8254_counter *counter)
{
	return counter->mode == MODE_ONE_SHOT || counter->mode == MODE_HARDWARE_STROBE;
}

/* Ticks counted since the load, 0 before it. A load may lie before tick 0: differences wrap. */
static uint64_t elapsed(const struct pit8254_counter *counter, uint64_t tick)
{
	int64_t ticks = (int64_t)(tick - counter->load_tick);

	if (counter->is_halted) {
		return counter->halted_ticks;
	}
	return ticks < 0 ? 0 : (uint64_t)ticks;
}

static void halt(struct pit8254_counter *counter, uint64_t tick)
{
	counter->halted_ticks = elapsed(counter, tick);
	counter->is_halted = true;
}

/* "New count is loaded on the next CLK pulse": the one at tick + 1. */
static void load(struct pit8254_counter *counter, uint64_t tick)
{
	counter->count = counter->written;
	counter->load_tick = tick + 1;
	counter->halted_ticks = 0;
	counter->is_halted = !is_triggered_by_gate(counter) && !counter->is_gate_high;
	counter->is_counting = true;
	counter->is_null_count = false;
	counter->is_reload_due = false;
}

/* "If the count is odd, OUT will be high for (N + 1)/2 counts and low for (N - 1)/2." */
static uint32_t high_ticks(const struct pit8254_counter *counter)
{
	return (counter->count + 1) / SQUARE_WAVE_STEP;
}

/*
 * A new count of a running periodic mode comes in at the end of the period; of a square wave at the
 * end of the half-cycle.
 */
static uint64_t end_of_cycle(const struct pit8254_counter *counter, uint64_t tick)
{
	uint64_t rest = elapsed(counter, tick) % counter->count;
	uint64_t start = counter->load_tick + elapsed(counter, tick) - rest;

	if (counter->mode == MODE_SQUARE_WAVE && rest < high_ticks(counter)) {
		return start + high_ticks(counter);
	}
	return start + counter->count;
}

/* Loads the new count at reload_tick; a square wave whose high half ended goes on with a low one.
 */
static void reload(struct pit8254_counter *counter)
{
	uint64_t rest = elapsed(counter, counter->reload_tick) % counter->count;
	bool is_low_half = counter->mode == MODE_SQUARE_WAVE && rest != 0;

	counter->count = counter->written;
	counter->load_tick = counter->reload_tick - (is_low_half ? high_ticks(counter) : 0);
	counter->is_reload_due = false;
	counter->is_null_count = false;
}

void pit8254_counter_set_mode(struct pit8254_counter *counter, uint8_t mode, bool is_bcd)
{
	bool is_gate_high = counter->is_gate_high;

	*counter = (struct pit8254_counter){
		.mode = mode,
		.modulus = is_bcd ? MODULUS_BCD : MODULUS_BINARY,
		.is_gate_high = is_gate_high,
		.is_null_count = true,
	};
	counter->written = counter->modulus;
	counter->count = counter->modulus;
}

void pit8254_counter_set_count(struct pit8254_counter *counter, uint32_t count, uint64_t tick)
{
	counter->written = count;
	counter->is_count_written = true;
	counter->is_null_count = true;
	if (is_triggered_by_gate(counter)) {
		return;
	}
	if (!is_periodic(counter) || !counter->is_counting || counter->is_halted) {
		load(counter, tick);
		return;
	}
	counter->is_reload_due = true;
	counter->reload_tick = end_of_cycle(counter, tick);
}

void pit8254_counter_set_half_count(struct pit8254_counter *counter)
{
	if (counter->mode == MODE_TERMINAL_COUNT) {
		counter->is_counting = false;
	}
}

/* "Gate Pin Operations Summary". */
void pit8254_counter_set_gate(struct pit8254_counter *counter, bool is_high, uint64_t tick)
{
	if (is_high == counter->is_gate_high) {
		return;
	}
	counter->is_gate_high = is_high;
	if (!counter->is_count_written) {
		return;
	}
	if (is_triggered_by_gate(counter) || is_periodic(counter)) {
		if (is_high) {
			load(counter, tick);
		} else if (is_periodic(counter)) {
			halt(counter, tick);
		}
		return;
	}
	if (is_high) {
		counter->is_halted = false;
		counter->load_tick = tick - counter->halted_ticks;
	} else {
		halt(counter, tick);
	}
}

void pit8254_counter_advance(struct pit8254_counter *counter, uint64_t tick)
{
	if (counter->is_reload_due && !counter->is_halted && tick >= counter->reload_tick) {
		reload(counter);
	}
}

/* Both halves of a square wave count the whole count down by two; an odd one less one. */
static uint32_t square_wave_value(const struct pit8254_counter *counter, uint64_t ticks)
{
	uint32_t even = counter->count & ~1u;
	uint32_t rest = (uint32_t)(ticks % counter->count);

	if (rest >= high_ticks(counter)) {
		rest -= high_ticks(counter);
	}
	return even - SQUARE_WAVE_STEP * rest;
}

uint32_t pit8254_counter_value(const struct pit8254_counter *counter, uint64_t tick)
{
	uint64_t ticks = counter->is_counting ? elapsed(counter, tick) : 0;

	switch ((enum counter_mode)counter->mode) {
	case MODE_RATE:
		return (counter->count - (uint32_t)(ticks % counter->count)) % counter->modulus;
	case MODE_SQUARE_WAVE:
		return square_wave_value(counter, ticks) % counter->modulus;
	case MODE_TERMINAL_COUNT:
	case MODE_ONE_SHOT:
	case MODE_SOFTWARE_STROBE:
	case MODE_HARDWARE_STROBE:
	default: /* Goes on counting beyond 0. */
		return (counter->modulus + counter->count - (uint32_t)(ticks % counter->modulus)) %
		       counter->modulus;
	}
}

bool pit8254_counter_out(const struct pit8254_counter *counter, uint64_t tick)
{
	uint64_t ticks = elapsed(counter, tick);

	if (!counter->is_counting) {
		return counter->mode != MODE_TERMINAL_COUNT;
	}
	switch ((enum counter_mode)counter->mode) {
	case MODE_TERMINAL_COUNT:
	case MODE_ONE_SHOT:
		return ticks >= counter->count;
	case MODE_RATE: /* "If GATE goes low during an output pulse, OUT is set high." */
		return counter->is_halted || ticks % counter->count != counter->count - 1;
	case MODE_SQUARE_WAVE:
		return counter->is_halted || ticks % counter->count < high_ticks(counter);
	case MODE_SOFTWARE_STROBE:
	case MODE_HARDWARE_STROBE:
	default:
		return ticks != counter->count;
	}
}

bool pit8254_counter_is_null(const struct pit8254_counter *counter, uint64_t tick)
{
	return counter->is_null_count ||
	       (!counter->is_halted && (int64_t)(tick - counter->load_tick) < 0);
}

/* Ticks from the load to the first rise of OUT after `ticks` of them, without a reload. */
static uint64_t ticks_to_rise(const struct pit8254_counter *counter, uint64_t ticks)
{
	uint64_t rise = counter->count;

	if (is_periodic(counter)) {
		/* A count of 1 is not legal: OUT has no edges. */
		return counter->count == 1 ? TICK_NEVER
					   : (ticks / counter->count + 1) * counter->count;
	}
	if (counter->mode == MODE_SOFTWARE_STROBE || counter->mode == MODE_HARDWARE_STROBE) {
		rise++;
	}
	return ticks < rise ? rise : TICK_NEVER;
}

static uint64_t rise_without_reload(const struct pit8254_counter *counter, uint64_t tick)
{
	uint64_t ticks = ticks_to_rise(counter, elapsed(counter, tick));

	return ticks == TICK_NEVER ? TICK_NEVER : counter->load_tick + ticks;
}

uint64_t pit8254_counter_next_rise(const struct pit8254_counter *counter, uint64_t tick)
{
	struct pit8254_counter later = *counter;
	uint64_t rise;

	if (!counter->is_counting || counter->is_halted) {
		return TICK_NEVER;
	}
	rise = rise_without_reload(counter, tick);
	if (!counter->is_reload_due || rise <= counter->reload_tick) {
		return rise;
	}
	reload(&later);
	return rise_without_reload(&later, later.reload_tick);
}
