/* SPDX-License-Identifier: MIT */
#ifndef CPU_PIT_HOST_H
#define CPU_PIT_HOST_H

#include "lib/types.h"

/*
 * Starts the machine's 8254 channel 0 as a rate generator on IRQ 0; frequency_hz is 19 to 1193182.
 * Context: the IRQ is masked. Source: Intel 8254 data sheet, "Mode 2: Rate Generator".
 */
void pit_host_start(uint32_t frequency_hz);

#endif
