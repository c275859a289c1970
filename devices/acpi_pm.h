/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_ACPI_PM_H
#define DEVICES_ACPI_PM_H

#include "lib/types.h"

/* Where a PIIX4's power-management block lies on QEMU's PC: PM1a event, PM1a control, PM timer. */
enum {
	ACPI_PM_PORT = 0x600,
	ACPI_PM_PORT_COUNT = 6, /* Of the PM1a event and control blocks. */
	ACPI_PM_TIMER_OFFSET = 8,
	ACPI_PM_BLOCK_BYTES = 12, /* With the timer. */
	ACPI_PM_TIMER_HZ = 3579545,
	ACPI_PM_CONTROL_SCI_EN = 1, /* PM1_CNT, bit 0. */
};

/*
 * The PM1a registers as far as a guest needs them to power itself off, and the power-management
 * timer. The timer's overflow is the only event. It has no clock: now_ns is the owner's time, which
 * never goes back. `set_sci` is told each change of the SCI line; an owner whose now_ns is always 0
 * may leave it out, as the timer stands still.
 * Source: ACPI Specification 6.4, "PM1 Event Grouping", "PM1 Control Registers" and "Power
 * Management Timer (PM_TMR)".
 */
struct acpi_pm {
	void (*set_sci)(void *context, bool is_high);
	void *context;

	bool is_timer_32bit; /* As the FADT's TMR_VAL_EXT tells the guest. Else it has 24 bits. */

	uint16_t status;   /* PM1_STS, offset 0: a 1 written clears the bit. */
	uint16_t enable;   /* PM1_EN, offset 2. */
	uint16_t control;  /* PM1_CNT, offset 4, without SLP_EN, which reads as 0. */
	bool is_power_off; /* SLP_EN was written as 1, whatever SLP_TYP. */
	bool sci_level;
	uint64_t tick; /* The timer's ticks since the owner's time 0. */
};

/*
 * Reads and writes width_bytes (1, 2 or 4) at `offset` from ACPI_PM_PORT at the time now_ns. Bytes
 * beyond the block read as ones and swallow writes. The owner sets the registers to zero at reset;
 * `control` to ACPI_PM_CONTROL_SCI_EN if the FADT has no SMI command to switch to ACPI mode.
 */
uint32_t acpi_pm_read(struct acpi_pm *pm, unsigned offset, unsigned width_bytes, uint64_t now_ns);
void acpi_pm_write(
	struct acpi_pm *pm, unsigned offset, unsigned width_bytes, uint32_t value, uint64_t now_ns);

/* Brings the timer's event and the SCI line to now_ns. */
void acpi_pm_advance(struct acpi_pm *pm, uint64_t now_ns);

/*
 * Returns when the timer's overflow raises the SCI next after the last advance, in the owner's
 * nanoseconds; TIME_NEVER if it does not.
 */
uint64_t acpi_pm_next_event(const struct acpi_pm *pm);

#endif
