/* SPDX-License-Identifier: MIT */
#ifndef CPU_MADT_H
#define CPU_MADT_H

#include "cpu/acpi_tables.h"
#include "cpu/percpu.h"

/* The machine's processors by the local APIC's ID, each once, in the firmware's order. */
struct madt_processors {
	uint32_t apic_ids[CPUS_MAX];
	unsigned count;
	unsigned beyond_count; /* More than the array has room for. */
};

/*
 * Reads the processors that are ready for use from the table "APIC" (MADT). One that is only
 * "online capable" is not there yet, and left out. Entries end at the first that is broken.
 * Context: any; pure. Source: ACPI Specification 6.4, "Multiple APIC Description Table (MADT)",
 * "Processor Local APIC Structure", "Processor Local x2APIC Structure".
 */
void madt_read_processors(const struct acpi_table *madt, struct madt_processors *processors);

#endif
