/* SPDX-License-Identifier: MIT */
#ifndef CPU_TSC_H
#define CPU_TSC_H

#include "lib/types.h"

/* Says what the frequency is: in Hz, below 10^11; 0 if it is not known. Context: boot. */
void tsc_set_hz(uint64_t hz);

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
