/* SPDX-License-Identifier: MIT */
#ifndef CPU_ACPI_POWER_H
#define CPU_ACPI_POWER_H

#include "lib/status.h"
#include "lib/types.h"

/* How the machine can be powered off, as ACPI says. */
struct acpi_sleep {
	bool is_known;
	uint16_t pm1a_control; /* Ports of the PM1 control registers; b may be 0. */
	uint16_t pm1b_control;
	uint8_t type_a; /* SLP_TYPa and SLP_TYPb of S5. */
	uint8_t type_b;
	uint16_t smi_command; /* 0: ACPI mode needs no turning on. */
	uint8_t acpi_enable;
};

/* How it can be reset. */
struct acpi_reset {
	bool is_known;
	bool is_memory; /* Else a port. */
	uint64_t address;
	uint8_t value;
};

struct acpi_power {
	struct acpi_sleep sleep;
	struct acpi_reset reset;
};

/* Returns a pointer to size_bytes of physical memory at the address, or NULL if there is none. */
typedef const uint8_t *acpi_memory_map(uint64_t address, uint64_t size_bytes);

/*
 * Follows RSDP, XSDT or RSDT, FADT and DSDT to what turns the machine off and what resets it. Every
 * signature, length and checksum is checked; what cannot be trusted is left unknown. Returns
 * STATUS_OK if either is known; STATUS_NOT_FOUND; STATUS_INVALID for a broken RSDP. Context: any;
 * pure. Source: ACPI Specification 6.4, "ACPI Software Programming Model".
 */
must_use enum status acpi_power_find(const uint8_t *rsdp, size_t rsdp_size_bytes,
	acpi_memory_map *map, struct acpi_power *power);

/* Enters S5. Returns if it is not known how, or if the machine stays on. Context: any. */
void acpi_power_off(const struct acpi_sleep *sleep);

/* Writes the reset register. Returns as acpi_power_off() does. Context: any. */
void acpi_power_reset(const struct acpi_reset *reset);

#endif
