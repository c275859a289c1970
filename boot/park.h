/* SPDX-License-Identifier: MIT */
#ifndef BOOT_PARK_H
#define BOOT_PARK_H

#include "cpu/percpu.h"

/* Halts a processor that has nothing to do until processors_are_ending(). Context: that processor,
 * interrupts off. */
void park_main(struct cpu *cpu);

#endif
