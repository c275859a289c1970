/* SPDX-License-Identifier: MIT */
#ifndef HOST_FAKE_CLOCKS_H
#define HOST_FAKE_CLOCKS_H

#include "lib/types.h"

enum {
	FAKE_PM_TIMER_PORT = 0xb008,
	FAKE_PM_TIMER_HZ = 3579545,
	FAKE_PIT_HZ = 1193182,
	FAKE_HPET_HZ = 10000000,
};

#define FAKE_HPET_ADDRESS 0xfed00000ull

/*
 * Clocks of the fake machine whose TSC has tsc_hz: each counts by fake_cpu.tsc, which moves on by
 * fake_cpu.tsc_step at each RDTSC. Context: after fake_insn_reset().
 */
void fake_clocks_set_tsc_hz(uint64_t tsc_hz);
void fake_clocks_attach_pit(void);
void fake_clocks_attach_pm_timer(void);
/* The HPET counts only while it is enabled, which it is not at first. */
void fake_clocks_attach_hpet(void);

/* The HPET's general configuration register, and port 61H. */
uint32_t fake_clocks_hpet_configuration(void);
uint8_t fake_clocks_system_control(void);

/* All attached clocks stand still from here on. */
void fake_clocks_stop(void);

#endif
