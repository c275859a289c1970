/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_FIRMWARE_H
#define VM_GUEST_FIRMWARE_H

#include "vm/acpi_guest_tables.h"
#include "vm/guest_memory.h"

/*
 * Writes what a PC's firmware leaves in the first megabyte: the BIOS data areas, and the ACPI
 * tables of a guest with vcpu_count processors at ACPI_GUEST_AREA_START; *tables tells where they
 * lie. Returns STATUS_OK; STATUS_RANGE where the guest has no RAM for it; else as
 * acpi_guest_tables_build(). Context: before the guest's image is loaded.
 */
must_use enum status guest_firmware_write(
	struct guest_memory *memory, unsigned vcpu_count, struct acpi_guest_tables *tables);

#endif
