/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_ACPI_PM_H
#define DEVICES_ACPI_PM_H

#include "lib/types.h"

/* Where a PIIX4's power-management block lies on QEMU's PC: PM1a event, then PM1a control. */
enum {
	ACPI_PM_PORT = 0x600,
	ACPI_PM_PORT_COUNT = 6,
};

/*
 * The PM1a registers as far as a guest needs them to power itself off. Nothing raises an event.
 * Source: ACPI Specification 6.4, "PM1 Event Grouping" and "PM1 Control Registers".
 */
struct acpi_pm {
	uint16_t status;   /* PM1_STS, offset 0: a 1 written clears the bit. */
	uint16_t enable;   /* PM1_EN, offset 2. */
	uint16_t control;  /* PM1_CNT, offset 4, without SLP_EN, which reads as 0. */
	bool is_power_off; /* SLP_EN was written as 1, whatever SLP_TYP. */
};

/*
 * Reads and writes width_bytes (1, 2 or 4) at `offset` from ACPI_PM_PORT. Bytes beyond the block
 * read as ones and swallow writes. The owner sets the struct to all zero at reset.
 */
uint32_t acpi_pm_read(const struct acpi_pm *pm, unsigned offset, unsigned width_bytes);
void acpi_pm_write(struct acpi_pm *pm, unsigned offset, unsigned width_bytes, uint32_t value);

#endif
