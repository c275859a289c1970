/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3A "Local Vector Table", "Error Handling". */
#include "devices/virtual_apic_internal.h"

enum { LVT_COUNT = 6 };

static const uint16_t lint_entries[] = {VIRTUAL_APIC_LVT_LINT0, VIRTUAL_APIC_LVT_LINT1};

static enum virtual_apic_mode mode_of(uint32_t lvt)
{
	return (enum virtual_apic_mode)bits_get(lvt, VIRTUAL_APIC_MODE_HIGH, VIRTUAL_APIC_MODE_LOW);
}

static bool is_masked(uint32_t lvt)
{
	return (lvt & VIRTUAL_APIC_LVT_MASKED) != 0;
}

/* The pin against its polarity. */
static bool is_asserted(const struct virtual_apic *apic, enum virtual_apic_lint pin)
{
	const uint32_t lvt = virtual_apic_get(apic, lint_entries[pin]);

	return apic->is_line_high[pin] != ((lvt & VIRTUAL_APIC_LVT_ACTIVE_LOW) != 0);
}

/* Only LINT0 knows levels, only in mode fixed. */
static bool is_level_entry(unsigned offset, uint32_t lvt)
{
	return offset == VIRTUAL_APIC_LVT_LINT0 && (lvt & VIRTUAL_APIC_LVT_LEVEL) != 0 &&
	       mode_of(lvt) == VIRTUAL_APIC_FIXED;
}

/* The first error after a write to the ESR interrupts; that write arms it again. */
void virtual_apic_log_error(struct virtual_apic *apic, uint8_t error)
{
	const bool is_first = apic->errors == 0;

	apic->errors |= error;
	if (is_first) {
		virtual_apic_raise_lvt(apic, VIRTUAL_APIC_LVT_ERROR);
	}
}

static bool is_lvt_offset(unsigned offset)
{
	return offset >= VIRTUAL_APIC_LVT_TIMER && offset <= VIRTUAL_APIC_LVT_ERROR &&
	       is_aligned(offset, VIRTUAL_APIC_STRIDE);
}

bool virtual_apic_raise_lvt(struct virtual_apic *apic, enum virtual_apic_offset entry)
{
	const uint32_t lvt =
		is_lvt_offset(entry) ? virtual_apic_get(apic, entry) : VIRTUAL_APIC_LVT_MASKED;
	const enum virtual_apic_mode mode = mode_of(lvt);

	if (is_masked(lvt)) {
		return false;
	}
	switch (mode) {
	case VIRTUAL_APIC_FIXED:
	case VIRTUAL_APIC_SMI:
	case VIRTUAL_APIC_NMI:
	case VIRTUAL_APIC_INIT:
	case VIRTUAL_APIC_EXTINT:
		break;
	default:
		return false;
	}
	if (entry == VIRTUAL_APIC_LVT_PERFORMANCE) {
		virtual_apic_put(apic, entry, lvt | VIRTUAL_APIC_LVT_MASKED);
	}
	if (mode == VIRTUAL_APIC_FIXED) {
		virtual_apic_accept(apic, (uint8_t)lvt, false);
	} else {
		apic->deliver_event(apic->context, mode, 0);
	}
	return true;
}

/* A level interrupts once; its end asks again. */
static void raise_level(struct virtual_apic *apic)
{
	const uint32_t lvt = virtual_apic_get(apic, VIRTUAL_APIC_LVT_LINT0);

	if (is_masked(lvt) || apic->remote_irr_vector != 0 ||
		!is_level_entry(VIRTUAL_APIC_LVT_LINT0, lvt) ||
		!is_asserted(apic, VIRTUAL_APIC_LINT0)) {
		return;
	}
	if (virtual_apic_accept(apic, (uint8_t)lvt, true) != VIRTUAL_APIC_REFUSED) {
		apic->remote_irr_vector = (uint8_t)lvt;
		virtual_apic_put(apic, VIRTUAL_APIC_LVT_LINT0, lvt | VIRTUAL_APIC_LVT_REMOTE_IRR);
	}
}

void virtual_apic_lint_ended(struct virtual_apic *apic, uint8_t vector)
{
	const uint32_t lvt = virtual_apic_get(apic, VIRTUAL_APIC_LVT_LINT0);

	if (vector == apic->remote_irr_vector) {
		apic->remote_irr_vector = 0;
		virtual_apic_put(apic, VIRTUAL_APIC_LVT_LINT0, lvt & ~VIRTUAL_APIC_LVT_REMOTE_IRR);
		raise_level(apic);
	}
}

/* Without an APIC the pins go straight to the processor. */
static void raise_pin_without_apic(struct virtual_apic *apic, enum virtual_apic_lint pin)
{
	const bool is_intr = pin == VIRTUAL_APIC_LINT0;

	apic->deliver_event(apic->context, is_intr ? VIRTUAL_APIC_EXTINT : VIRTUAL_APIC_NMI, 0);
}

void virtual_apic_set_lint(struct virtual_apic *apic, enum virtual_apic_lint pin, bool is_high)
{
	const unsigned offset = lint_entries[pin];
	const bool is_change = apic->is_line_high[pin] != is_high;

	apic->is_line_high[pin] = is_high;
	if (!is_change || !is_asserted(apic, pin)) {
		return;
	}
	if (!virtual_apic_is_enabled(apic)) {
		raise_pin_without_apic(apic, pin);
	} else if (is_level_entry(offset, virtual_apic_get(apic, offset))) {
		raise_level(apic);
	} else {
		virtual_apic_raise_lvt(apic, (enum virtual_apic_offset)offset);
	}
}

static inline bool is_extint_pin(const struct virtual_apic *apic, enum virtual_apic_lint pin)
{
	const uint64_t unmasked_mode =
		VIRTUAL_APIC_LVT_MASKED | BITS_MASK(VIRTUAL_APIC_MODE_HIGH, VIRTUAL_APIC_MODE_LOW);
	const uint32_t lvt = virtual_apic_get(apic, lint_entries[pin]);

	return (lvt & unmasked_mode) == VIRTUAL_APIC_EXTINT << VIRTUAL_APIC_MODE_LOW &&
	       is_asserted(apic, pin);
}

bool virtual_apic_has_extint(const struct virtual_apic *apic)
{
	if (!virtual_apic_is_enabled(apic)) {
		return apic->is_extint_latched || apic->is_line_high[VIRTUAL_APIC_LINT0];
	}
	return apic->is_extint_latched || is_extint_pin(apic, VIRTUAL_APIC_LINT0) ||
	       is_extint_pin(apic, VIRTUAL_APIC_LINT1);
}

void virtual_apic_acknowledge_extint(struct virtual_apic *apic)
{
	apic->is_extint_latched = false;
}

void virtual_apic_mask_all(struct virtual_apic *apic)
{
	for (unsigned i = 0; i < LVT_COUNT; i++) {
		const unsigned offset = VIRTUAL_APIC_LVT_TIMER + i * VIRTUAL_APIC_STRIDE;

		virtual_apic_put(
			apic, offset, virtual_apic_get(apic, offset) | VIRTUAL_APIC_LVT_MASKED);
	}
}

/* A level or an ExtINT may wait at a pin whose entry lets it through only now. */
static void write_lint(struct virtual_apic *apic, unsigned offset, uint32_t value)
{
	if (offset == VIRTUAL_APIC_LVT_LINT0) {
		if (!is_level_entry(offset, value)) {
			apic->remote_irr_vector = 0;
		}
		if (apic->remote_irr_vector != 0) {
			value |= VIRTUAL_APIC_LVT_REMOTE_IRR;
		}
	}
	virtual_apic_put(apic, offset, value);
	raise_level(apic);
	if (mode_of(value) == VIRTUAL_APIC_EXTINT && virtual_apic_has_extint(apic)) {
		apic->deliver_event(apic->context, VIRTUAL_APIC_EXTINT, 0);
	}
}

/* `value` has no other bits than the entry's writable ones. */
void virtual_apic_write_lvt(struct virtual_apic *apic, unsigned offset, uint32_t value)
{
	/* "Local APIC State After It Has Been Software Disabled". */
	if (!apic->is_software_enabled) {
		value |= VIRTUAL_APIC_LVT_MASKED;
	}
	switch (offset) {
	case VIRTUAL_APIC_LVT_TIMER:
		virtual_apic_put(apic, offset, value);
		virtual_apic_timer_set_mode(
			apic, (enum virtual_apic_timer_mode)bits_get(value,
				      VIRTUAL_APIC_TIMER_MODE_HIGH, VIRTUAL_APIC_TIMER_MODE_LOW));
		break;
	case VIRTUAL_APIC_LVT_LINT0:
	case VIRTUAL_APIC_LVT_LINT1:
		write_lint(apic, offset, value);
		break;
	default:
		virtual_apic_put(apic, offset, value);
		break;
	}
}
