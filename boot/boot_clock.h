/* SPDX-License-Identifier: MIT */
#ifndef BOOT_BOOT_CLOCK_H
#define BOOT_BOOT_CLOCK_H

#include "lib/types.h"

/* Counts TSC ticks from here on. Context: once, as early as can be. */
void boot_clock_start(void);

/* Returns the ticks since boot_clock_start(). Context: any whose TSC is
 * synchronised with the boot processor's. */
uint64_t boot_clock_ticks(void);

#endif
