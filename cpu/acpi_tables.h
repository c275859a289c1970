/* SPDX-License-Identifier: MIT */
#ifndef CPU_ACPI_TABLES_H
#define CPU_ACPI_TABLES_H

#include "cpu/acpi_power.h"

/* A table of the firmware whose length and checksum are right. */
struct acpi_table {
	const uint8_t *bytes;
	uint32_t size_bytes;
};

/*
 * Opens the table at an address. Returns STATUS_OK; STATUS_NOT_FOUND (another signature, or no
 * memory there); STATUS_TRUNCATED (its length does not fit); STATUS_INVALID (checksum).
 * Context: any; pure. Source: ACPI Specification 6.4, "System Description Table Header".
 */
must_use enum status acpi_table_open(
	uint64_t address, const char *signature, acpi_memory_map *map, struct acpi_table *table);

/*
 * Finds a table by the RSDP and the XSDT, or the RSDT where there is no XSDT. Returns as
 * acpi_table_open(); STATUS_INVALID also for a broken RSDP, STATUS_NOT_FOUND if no sound table of
 * that signature is listed.
 */
must_use enum status acpi_table_find(const uint8_t *rsdp, size_t rsdp_size_bytes,
	const char *signature, acpi_memory_map *map, struct acpi_table *table);

/* Returns a little-endian field of 1, 2, 4 or 8 bytes; 0 if the table does not reach so far. */
uint64_t acpi_table_field(const struct acpi_table *table, uint32_t offset, uint32_t size_bytes);

/*
 * Finds the sleep types of S5 in a DSDT: the package that the name _S5_ stands for. Returns false
 * if there is none, or if it is cut off. Source: ACPI Specification 6.4, "\_Sx (System States)",
 * "Package Length Encoding".
 */
bool acpi_table_find_s5(const struct acpi_table *dsdt, uint8_t *type_a, uint8_t *type_b);

#endif
