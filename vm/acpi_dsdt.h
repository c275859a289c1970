/* SPDX-License-Identifier: MIT */
#ifndef VM_ACPI_DSDT_H
#define VM_ACPI_DSDT_H

#include "lib/types.h"

/* The DSDT of every guest, compiled from vm/dsdt.asl. */
extern const uint8_t acpi_dsdt_start[];
extern const uint8_t acpi_dsdt_end[];

#endif
