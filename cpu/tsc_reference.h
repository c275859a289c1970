/* SPDX-License-Identifier: MIT */
#ifndef CPU_TSC_REFERENCE_H
#define CPU_TSC_REFERENCE_H

#include "cpu/acpi_clocks.h"

/* A measurement of the TSC against a clock of a known rate. */
struct tsc_measurement {
	const char *clock; /* For the log; NULL: there is no such clock. */
	uint64_t hz;
};

/*
 * Measures the TSC's frequency against the first of HPET, power-management timer and 8254 that
 * counts: three times 10 ms. A clock that stands still is given up after TSC_REFERENCE_TICKS_MAX
 * ticks at most. Every clock is left as it was. Context: boot processor; interrupts off. Source:
 * IA-PC HPET Specification 1.0a, "Memory Mapped Registers"; ACPI Specification 6.4, "Power
 * Management Timer"; Intel 8254 data sheet, "Mode 0".
 */
struct tsc_measurement tsc_reference_measure(const struct acpi_clocks *clocks);

/* So many ticks pass in no 10 ms: the bound of what waits for a clock. */
#define TSC_REFERENCE_TICKS_MAX 5000000000ull

/* More than any TSC has. */
#define TSC_HZ_LIMIT 100000000000ull

#endif
