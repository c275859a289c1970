/* SPDX-License-Identifier: MIT */
#ifndef CPU_ACPI_CLOCKS_H
#define CPU_ACPI_CLOCKS_H

#include "cpu/acpi_power.h"

/* The machine's clocks of a known rate that ACPI names; 0 where it names none. */
struct acpi_clocks {
	uint16_t pm_timer_port;
	uint64_t hpet_address;
};

/*
 * Finds the power-management timer in the FADT and the HPET in its own table. Only an HPET in
 * memory below 4 GiB is told: the host maps what lies there as a device. Context: any; pure.
 * Source: ACPI Specification 6.4, "Fixed ACPI Description Table (FADT)"; IA-PC HPET
 * Specification 1.0a, "The ACPI 2.0 HPET Description Table (HPET)".
 */
struct acpi_clocks acpi_clocks_find(
	const uint8_t *rsdp, size_t rsdp_size_bytes, acpi_memory_map *map);

#endif
