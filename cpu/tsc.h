/* SPDX-License-Identifier: MIT */
#ifndef CPU_TSC_H
#define CPU_TSC_H

#include "lib/status.h"
#include "lib/types.h"

/*
 * Finds the TSC's frequency: from CPUID where it tells all, else against the 8254's channel 2,
 * which takes about 30 ms. Returns STATUS_OK; STATUS_NOT_FOUND if there is neither, or if the 8254
 * does not count. Context: boot processor, once; interrupts off. Source: SDM Vol. 3B "Time-Stamp
 * Counter", Vol. 2A "CPUID", leaf 15H; Intel 8254 data sheet, "Mode 0".
 */
must_use enum status tsc_calibrate(void);

/* Waits for at least that long; by port reads of about a microsecond each where the frequency is
 * not known. Context: any. */
void tsc_wait_us(uint32_t time_us);

/* Returns the frequency in Hz, below 10^11; 0 if it is not known. */
uint64_t tsc_hz(void);

/* Says that the processors' TSCs do not show the same. Context: boot. */
void tsc_set_unsynchronised(void);

/* Returns whether one processor's TSC is as good as another's. Context: any. */
bool tsc_is_synchronised(void);

#endif
