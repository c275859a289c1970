/* SPDX-License-Identifier: MIT */
#include "boot/boot_clock.h"

#include "cpu/insn.h"

/* The boot processor's TSC when boot_main() began. */
static uint64_t start_tsc;

void boot_clock_start(void)
{
	start_tsc = insn_rdtsc();
}

uint64_t boot_clock_ticks(void)
{
	return insn_rdtsc() - start_tsc;
}
