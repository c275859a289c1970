/* SPDX-License-Identifier: MIT */
#include "cpu/tsc.h"

#include "cpu/insn.h"

enum {
	SYSTEM_CONTROL_PORT = 0x61, /* Reading it takes about a microsecond and changes nothing. */
	US_PER_SECOND = 1000000,
};

static uint64_t frequency_hz;
static bool is_unsynchronised;

void tsc_set_hz(uint64_t hz)
{
	frequency_hz = hz;
}

void tsc_wait_us(uint32_t time_us)
{
	const uint64_t start = insn_rdtsc();
	const uint64_t ticks = frequency_hz * time_us / US_PER_SECOND;

	if (frequency_hz == 0) {
		for (uint32_t i = 0; i < time_us; i++) {
			(void)insn_in8(SYSTEM_CONTROL_PORT);
		}
		return;
	}
	while (insn_rdtsc() - start <= ticks) {
		insn_pause();
	}
}

uint64_t tsc_hz(void)
{
	return frequency_hz;
}

void tsc_set_unsynchronised(void)
{
	is_unsynchronised = true;
}

bool tsc_is_synchronised(void)
{
	return !is_unsynchronised;
}
