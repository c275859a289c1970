/* SPDX-License-Identifier: MIT */
#ifndef CPU_TSC_CALIBRATE_H
#define CPU_TSC_CALIBRATE_H

#include "cpu/acpi_clocks.h"
#include "lib/status.h"

/*
 * Finds the TSC's frequency: measures it against a clock of the machine for 30 ms, and takes what
 * CPUID, an MSR or a hypervisor below claims where that is within 1 per cent, else the measured
 * value. Where no clock counts, the first claim is taken. The log has what was taken, and a warning
 * for each claim that was not. Returns STATUS_OK; STATUS_NOT_FOUND if there is neither. Context:
 * boot processor; interrupts off. Source: cpu/tsc_claims.h, cpu/tsc_reference.h.
 */
must_use enum status tsc_calibrate(const struct acpi_clocks *clocks);

#endif
