/* SPDX-License-Identifier: MIT */
#ifndef VM_ACPI_GUEST_PARTS_H
#define VM_ACPI_GUEST_PARTS_H

#include "vm/acpi_writer.h"

/*
 * Each writes one table and returns its guest-physical address. Context: acpi_guest_tables_build()
 * calls them; pure. Source: ACPI Specification 6.4, "Fixed ACPI Description Table (FADT)",
 * "Multiple APIC Description Table (MADT)", "Processor Device".
 */
uint64_t acpi_fadt_write(struct acpi_writer *writer, uint64_t facs, uint64_t dsdt);
uint64_t acpi_madt_write(struct acpi_writer *writer, unsigned vcpu_count);

/* An SSDT with a device \_SB.Cnnn for each processor, nnn its number in hex. */
uint64_t acpi_processors_write(struct acpi_writer *writer, unsigned vcpu_count);

#endif
