/* SPDX-License-Identifier: MIT */
#ifndef VM_ACPI_GUEST_TABLES_H
#define VM_ACPI_GUEST_TABLES_H

#include "lib/status.h"
#include "vm/e820.h"

/* Where systems look for the RSDP. */
#define ACPI_GUEST_AREA_START      0xe0000ull
#define ACPI_GUEST_AREA_SIZE_BYTES (HIGH_MEMORY_START - ACPI_GUEST_AREA_START)

enum {
	ACPI_GUEST_VCPUS_MAX = 4096, /* As many names as vm/acpi_processors.c has. */
	ACPI_GUEST_AREA_COUNT = 2,
};

/* What the tables tell. */
struct acpi_guest_config {
	unsigned vcpu_count; /* 1 to ACPI_GUEST_VCPUS_MAX; local APIC IDs count from 0. */
	const uint8_t *dsdt; /* A whole table: vm/acpi_dsdt.h. */
	uint64_t dsdt_size_bytes;
};

/* Where they lie. */
struct acpi_guest_tables {
	gpa_t rsdp;
	struct e820_entry areas[ACPI_GUEST_AREA_COUNT]; /* For e820_make(). */
};

/*
 * Writes RSDP, XSDT, RSDT, FADT, FACS, DSDT, SSDT (the processors) and MADT into size_bytes that
 * stand for guest-physical memory from `address` on. Returns STATUS_OK; STATUS_ALIGNMENT (address
 * not a multiple of 4 KiB); STATUS_INVALID (vcpu_count); STATUS_RANGE (not below 4 GiB);
 * STATUS_NO_MEMORY (too small). Where the address is ACPI_GUEST_AREA_START, a guest that is not
 * told the RSDP finds it. Context: before the guest runs; pure.
 * Source: ACPI Specification 6.4, "ACPI Software Programming Model".
 */
must_use enum status acpi_guest_tables_build(uint8_t *bytes, uint64_t size_bytes, gpa_t address,
	const struct acpi_guest_config *config, struct acpi_guest_tables *tables);

#endif
