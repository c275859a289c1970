/* SPDX-License-Identifier: MIT */
#include "devices/acpi_pm.h"

#include "lib/bits.h"
#include "lib/tick_rate.h"

/* ACPI Specification 6.4, "PM1 Status Registers" and "PM1 Enable Registers": the same bit. */
#define PM1_TMR BIT(0)

/* ACPI Specification 6.4, "PM1 Control Registers Fixed Hardware Feature Control Bits". */
#define PM1_CONTROL_GBL_RLS BIT(2)
#define PM1_CONTROL_SLP_EN  BIT(13)

enum pm1_register {
	PM1_STATUS = 0,
	PM1_ENABLE = 2,
	PM1_CONTROL = 4,
};

enum {
	BYTE_BITS = 8,
	BYTE_MAX = 0xff,
	TIMER_BITS_SHORT = 24,
	TIMER_BITS_LONG = 32,
	TIMER_BYTES = 4,
};

static unsigned timer_bits(const struct acpi_pm *pm)
{
	return pm->is_timer_32bit ? TIMER_BITS_LONG : TIMER_BITS_SHORT;
}

static uint32_t timer_value(const struct acpi_pm *pm)
{
	return (uint32_t)bits_get(pm->tick, timer_bits(pm) - 1, 0);
}

/* "TMR_STS": set when the timer's highest bit changes either way. */
static uint64_t ticks_between_overflows(const struct acpi_pm *pm)
{
	return BIT(timer_bits(pm) - 1);
}

/* Events make an SCI only in ACPI mode. */
static void update_sci(struct acpi_pm *pm)
{
	bool level = (pm->control & ACPI_PM_CONTROL_SCI_EN) != 0 && (pm->status & pm->enable) != 0;

	if (level != pm->sci_level) {
		pm->sci_level = level;
		pm->set_sci(pm->context, level);
	}
}

void acpi_pm_advance(struct acpi_pm *pm, uint64_t now_ns)
{
	uint64_t tick = tick_rate_ticks(ACPI_PM_TIMER_HZ, now_ns);
	uint64_t period = ticks_between_overflows(pm);

	if (tick <= pm->tick) {
		return;
	}
	if (tick / period != pm->tick / period) {
		pm->status |= PM1_TMR;
	}
	pm->tick = tick;
	update_sci(pm);
}

uint64_t acpi_pm_next_event(const struct acpi_pm *pm)
{
	uint64_t period = ticks_between_overflows(pm);

	if ((pm->control & ACPI_PM_CONTROL_SCI_EN) == 0 || (pm->enable & PM1_TMR) == 0 ||
		(pm->status & PM1_TMR) != 0) {
		return TIME_NEVER;
	}
	return tick_rate_ns(ACPI_PM_TIMER_HZ, (pm->tick / period + 1) * period);
}

static uint8_t read_byte(const struct acpi_pm *pm, unsigned offset)
{
	unsigned shift = (offset & 1) * BYTE_BITS;

	if (offset >= ACPI_PM_TIMER_OFFSET && offset < ACPI_PM_BLOCK_BYTES) {
		return (uint8_t)(timer_value(pm) >> offset % TIMER_BYTES * BYTE_BITS);
	}
	switch (offset & ~1u) {
	case PM1_STATUS:
		return (uint8_t)(pm->status >> shift);
	case PM1_ENABLE:
		return (uint8_t)(pm->enable >> shift);
	case PM1_CONTROL:
		return (uint8_t)(pm->control >> shift);
	default:
		return BYTE_MAX;
	}
}

/* SLP_EN and GBL_RLS are write-only: they act and read as 0. */
static void write_control(struct acpi_pm *pm, uint16_t value)
{
	if ((value & PM1_CONTROL_SLP_EN) != 0) {
		pm->is_power_off = true;
	}
	pm->control = (uint16_t)(value & ~(PM1_CONTROL_SLP_EN | PM1_CONTROL_GBL_RLS));
}

static void write_byte(struct acpi_pm *pm, unsigned offset, uint8_t byte)
{
	unsigned low = (offset & 1) * BYTE_BITS;
	unsigned high = low + BYTE_BITS - 1;

	switch (offset & ~1u) {
	case PM1_STATUS:
		pm->status &= (uint16_t)~bits_put(0, high, low, byte);
		break;
	case PM1_ENABLE:
		pm->enable = (uint16_t)bits_put(pm->enable, high, low, byte);
		break;
	case PM1_CONTROL:
		write_control(pm, (uint16_t)bits_put(pm->control, high, low, byte));
		break;
	default:
		break;
	}
}

uint32_t acpi_pm_read(struct acpi_pm *pm, unsigned offset, unsigned width_bytes, uint64_t now_ns)
{
	uint32_t value = 0;

	acpi_pm_advance(pm, now_ns);
	for (unsigned i = 0; i < width_bytes; i++) {
		value |= (uint32_t)read_byte(pm, offset + i) << (i * BYTE_BITS);
	}
	return value;
}

void acpi_pm_write(
	struct acpi_pm *pm, unsigned offset, unsigned width_bytes, uint32_t value, uint64_t now_ns)
{
	acpi_pm_advance(pm, now_ns);
	for (unsigned i = 0; i < width_bytes; i++) {
		write_byte(pm, offset + i, (uint8_t)(value >> (i * BYTE_BITS)));
	}
	update_sci(pm);
}
