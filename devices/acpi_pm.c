/* SPDX-License-Identifier: MIT */
#include "devices/acpi_pm.h"

#include "lib/bits.h"

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
};

static uint8_t read_byte(const struct acpi_pm *pm, unsigned offset)
{
	unsigned shift = (offset & 1) * BYTE_BITS;

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

uint32_t acpi_pm_read(const struct acpi_pm *pm, unsigned offset, unsigned width_bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < width_bytes; i++) {
		value |= (uint32_t)read_byte(pm, offset + i) << (i * BYTE_BITS);
	}
	return value;
}

void acpi_pm_write(struct acpi_pm *pm, unsigned offset, unsigned width_bytes, uint32_t value)
{
	for (unsigned i = 0; i < width_bytes; i++) {
		write_byte(pm, offset + i, (uint8_t)(value >> (i * BYTE_BITS)));
	}
}
