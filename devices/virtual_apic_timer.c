/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3A "APIC Timer". */
#include "devices/virtual_apic_timer.h"

#include "devices/virtual_apic_internal.h"

/* The dividers 2, 4 .. 128 and 1, for the values 0 to 7 of bits 3, 1 and 0. */
enum {
	DIVIDE_LOW_HIGH = 1,
	DIVIDE_LOW_BITS = 2,
	DIVIDE_TOP = 3,
	DIVIDE_SHIFT_MASK = 7,
	DIVIDE_SHIFT_RESET = 1,
};

/* All lengths of a count-down are below this many 1/numerator ticks. */
#define UNITS_MAX BIT(63)

struct virtual_apic_rate virtual_apic_timer_rate(uint64_t timer_hz, uint64_t tsc_hz)
{
	/* The last two convergents of the continued fraction of timer_hz / tsc_hz. */
	uint64_t numerators[] = {0, 1};
	uint64_t denominators[] = {1, 0};

	while (tsc_hz != 0) {
		const uint64_t quotient = timer_hz / tsc_hz;
		const uint64_t rest = timer_hz % tsc_hz;
		const uint64_t numerator = quotient * numerators[1] + numerators[0];
		const uint64_t denominator = quotient * denominators[1] + denominators[0];

		if (numerator > VIRTUAL_APIC_TIMER_RATE_MAX ||
			denominator > VIRTUAL_APIC_TIMER_RATE_MAX) {
			break;
		}
		numerators[0] = numerators[1];
		numerators[1] = numerator;
		denominators[0] = denominators[1];
		denominators[1] = denominator;
		timer_hz = tsc_hz;
		tsc_hz = rest;
	}
	return (struct virtual_apic_rate){(uint32_t)numerators[1], (uint32_t)denominators[1]};
}

static bool is_counting_mode(unsigned mode)
{
	return mode == VIRTUAL_APIC_ONE_SHOT || mode == VIRTUAL_APIC_PERIODIC;
}

/* The length of one count in 1/numerator ticks: below 2^31. */
static uint64_t units_per_count(const struct virtual_apic_timer *timer)
{
	return (uint64_t)timer->rate.denominator << timer->divide_shift;
}

/* The time since the start in 1/numerator ticks; UNITS_MAX if that or more. */
static uint64_t elapsed_units(const struct virtual_apic_timer *timer, uint64_t now)
{
	const uint64_t ticks = now > timer->start_tick ? now - timer->start_tick : 0;
	uint64_t units;

	if (ticks >= UNITS_MAX / timer->rate.numerator) {
		return UNITS_MAX;
	}
	units = ticks * timer->rate.numerator;
	return units > timer->start_fraction ? units - timer->start_fraction : 0;
}

/* Sets when the count-down ends: the first tick at or after its last unit. */
static void set_deadline(struct virtual_apic_timer *timer)
{
	const uint64_t units = timer->start_fraction + timer->start_count * units_per_count(timer);
	const uint64_t ticks = (units + timer->rate.numerator - 1) / timer->rate.numerator;

	if (timer->start_count == 0 || ticks > UINT64_MAX - timer->start_tick) {
		timer->deadline = VIRTUAL_APIC_NO_DEADLINE;
	} else {
		timer->deadline = timer->start_tick + ticks;
	}
}

static void stop(struct virtual_apic_timer *timer)
{
	timer->start_count = 0;
	timer->tsc_deadline = 0;
	timer->deadline = VIRTUAL_APIC_NO_DEADLINE;
}

static void start(struct virtual_apic_timer *timer, uint32_t count, uint64_t now)
{
	timer->start_count = count;
	timer->start_tick = now;
	timer->start_fraction = 0;
	set_deadline(timer);
}

/* The next period begins where one ended, so that none drifts; whole periods missed are gone. */
static void start_next_period(struct virtual_apic_timer *timer, uint64_t now)
{
	const uint64_t elapsed = elapsed_units(timer, now);
	const uint64_t first = timer->start_count * units_per_count(timer);
	const uint64_t period = timer->initial_count * units_per_count(timer);
	uint64_t units;

	if (elapsed >= UNITS_MAX || elapsed < first || period == 0) {
		start(timer, timer->initial_count, now);
		return;
	}
	units = timer->start_fraction + first + (elapsed - first) / period * period;
	timer->start_tick += units / timer->rate.numerator;
	timer->start_fraction = units % timer->rate.numerator;
	timer->start_count = timer->initial_count;
	set_deadline(timer);
}

void virtual_apic_timer_reset(struct virtual_apic *apic)
{
	apic->timer.mode = VIRTUAL_APIC_ONE_SHOT;
	apic->timer.divide_shift = DIVIDE_SHIFT_RESET;
	apic->timer.initial_count = 0;
	stop(&apic->timer);
}

void virtual_apic_timer_fire(struct virtual_apic *apic, uint64_t now)
{
	struct virtual_apic_timer *timer = &apic->timer;

	/* "No deadline" is a number too, which `now` may reach. */
	if (now < timer->deadline || (timer->start_count == 0 && timer->tsc_deadline == 0)) {
		return;
	}
	if (timer->mode == VIRTUAL_APIC_PERIODIC) {
		start_next_period(timer, now);
	} else {
		stop(timer);
	}
	virtual_apic_raise_lvt(apic, VIRTUAL_APIC_LVT_TIMER);
}

uint8_t virtual_apic_timer_take(struct virtual_apic *apic, uint64_t now, bool is_ended)
{
	struct virtual_apic_timer *timer = &apic->timer;
	const uint32_t lvt = virtual_apic_get(apic, VIRTUAL_APIC_LVT_TIMER);
	const uint8_t vector = (uint8_t)lvt;

	if (now < timer->deadline || (timer->start_count == 0 && timer->tsc_deadline == 0) ||
		timer->mode == VIRTUAL_APIC_PERIODIC || (lvt & VIRTUAL_APIC_LVT_MASKED) != 0 ||
		virtual_apic_has_extint(apic) || !virtual_apic_take_first(apic, vector, is_ended)) {
		return 0;
	}
	stop(timer);
	return vector;
}

uint32_t virtual_apic_timer_count(const struct virtual_apic *apic, uint64_t now)
{
	const struct virtual_apic_timer *timer = &apic->timer;
	const uint64_t counted = elapsed_units(timer, now) / units_per_count(timer);

	if (timer->start_count == 0) {
		return 0;
	}
	/* It is 0 only when it has been raised. */
	return counted < timer->start_count ? timer->start_count - (uint32_t)counted : 1;
}

/* The count-down goes on from what it was at old_now, as of new_now. */
static void rebase(struct virtual_apic *apic, uint64_t old_now, uint64_t new_now)
{
	if (apic->timer.start_count != 0) {
		start(&apic->timer, virtual_apic_timer_count(apic, old_now), new_now);
	}
}

/*
 * "TSC-Deadline Mode": a change between that and the others disarms the timer. Between one-shot and
 * periodic it counts on, and the mode decides what comes after 0.
 */
void virtual_apic_timer_set_mode(struct virtual_apic *apic, enum virtual_apic_timer_mode mode)
{
	const unsigned old_mode = apic->timer.mode;

	apic->timer.mode = (uint8_t)mode;
	if (mode != old_mode && !(is_counting_mode(mode) && is_counting_mode(old_mode))) {
		stop(&apic->timer);
		virtual_apic_put(apic, VIRTUAL_APIC_INITIAL_COUNT, 0);
	}
}

void virtual_apic_timer_set_count(struct virtual_apic *apic, uint32_t count, uint64_t now)
{
	if (!is_counting_mode(apic->timer.mode)) {
		count = 0;
	}
	virtual_apic_put(apic, VIRTUAL_APIC_INITIAL_COUNT, count);
	if (is_counting_mode(apic->timer.mode)) {
		apic->timer.initial_count = count;
		start(&apic->timer, count, now);
	}
}

/* The new divider holds from now on: the count does not jump. */
void virtual_apic_timer_set_divide(struct virtual_apic *apic, uint32_t value, uint64_t now)
{
	const uint64_t low = bits_get(value, DIVIDE_LOW_HIGH, 0);
	const uint64_t code = bits_put(
		low, DIVIDE_LOW_BITS, DIVIDE_LOW_BITS, bits_get(value, DIVIDE_TOP, DIVIDE_TOP));
	const uint32_t count = virtual_apic_timer_count(apic, now);

	virtual_apic_put(apic, VIRTUAL_APIC_DIVIDE, value);
	apic->timer.divide_shift = (uint8_t)((code + 1) & DIVIDE_SHIFT_MASK);
	if (count != 0) {
		start(&apic->timer, count, now);
	}
}

uint64_t virtual_apic_read_tsc_deadline(struct virtual_apic *apic, uint64_t now)
{
	virtual_apic_advance(apic, now);
	return apic->timer.tsc_deadline;
}

void virtual_apic_write_tsc_deadline(struct virtual_apic *apic, uint64_t value, uint64_t now)
{
	struct virtual_apic_timer *timer = &apic->timer;

	if (timer->mode != VIRTUAL_APIC_TSC_DEADLINE) {
		return;
	}
	virtual_apic_advance(apic, now);
	timer->tsc_deadline = value;
	timer->deadline = value == 0 ? VIRTUAL_APIC_NO_DEADLINE : value;
	virtual_apic_advance(apic, now);
}

void virtual_apic_tsc_changed(struct virtual_apic *apic, uint64_t old_now, uint64_t new_now)
{
	virtual_apic_advance(apic, old_now);
	rebase(apic, old_now, new_now);
}
