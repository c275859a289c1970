/* SPDX-License-Identifier: MIT */
#include "cpu/tsc.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"

enum {
	PIT_CHANNEL_2 = 0x42,
	PIT_CONTROL = 0x43,
	PIT_CHANNEL_2_LOW_HIGH_MODE_0 = 0xb0, /* Counts down once; its output rises at 0. */
	PIT_HZ = 1193182,
	PIT_COUNT = 11932, /* About 10 ms. */
	SYSTEM_CONTROL_PORT = 0x61,
	SYSTEM_CONTROL_GATE_2 = 1 << 0,
	SYSTEM_CONTROL_SPEAKER = 1 << 1,
	SYSTEM_CONTROL_OUTPUT_2 = 1 << 5,
	/* A port read takes about a microsecond on hardware: a second at most. */
	POLLS_MAX = 1000000,
	MEASUREMENTS = 3,
	BYTE_BITS = 8,
	US_PER_SECOND = 1000000,
};

static const uint64_t HZ_LIMIT = 100000000000ull;

static uint64_t frequency_hz;
static bool is_unsynchronised;

/* 0 if CPUID does not tell. */
static uint64_t hz_of_cpuid(void)
{
	struct cpuid_result leaf;

	if (insn_cpuid(CPUID_LEAF_BASIC, 0).eax < CPUID_LEAF_TSC) {
		return 0;
	}
	leaf = insn_cpuid(CPUID_LEAF_TSC, 0);
	return leaf.eax == 0 ? 0 : (uint64_t)leaf.ecx * leaf.ebx / leaf.eax;
}

/* Returns the ticks of PIT_COUNT periods of the 8254; UINT64_MAX if it does not count. */
static uint64_t ticks_of_pit(void)
{
	const uint8_t control = insn_in8(SYSTEM_CONTROL_PORT);
	uint64_t start;
	uint64_t ticks = UINT64_MAX;

	insn_out8(SYSTEM_CONTROL_PORT,
		(uint8_t)((control & ~SYSTEM_CONTROL_SPEAKER) | SYSTEM_CONTROL_GATE_2));
	insn_out8(PIT_CONTROL, PIT_CHANNEL_2_LOW_HIGH_MODE_0);
	insn_out8(PIT_CHANNEL_2, (uint8_t)PIT_COUNT);
	insn_out8(PIT_CHANNEL_2, PIT_COUNT >> BYTE_BITS);
	start = insn_rdtsc();
	for (unsigned i = 0; i < POLLS_MAX; i++) {
		if ((insn_in8(SYSTEM_CONTROL_PORT) & SYSTEM_CONTROL_OUTPUT_2) != 0) {
			/* An output that was never low has not been counted. */
			ticks = i == 0 ? UINT64_MAX : insn_rdtsc() - start;
			break;
		}
	}
	insn_out8(SYSTEM_CONTROL_PORT, control);
	return ticks;
}

/* What disturbs a measurement (an SMI, a host that took the CPU away) makes it longer only. */
static uint64_t hz_of_pit(void)
{
	uint64_t fewest = UINT64_MAX;

	for (unsigned i = 0; i < MEASUREMENTS; i++) {
		const uint64_t ticks = ticks_of_pit();

		fewest = ticks < fewest ? ticks : fewest;
	}
	return fewest > HZ_LIMIT ? 0 : fewest * PIT_HZ / PIT_COUNT;
}

enum status tsc_calibrate(void)
{
	frequency_hz = hz_of_cpuid();
	if (frequency_hz == 0 || frequency_hz >= HZ_LIMIT) {
		frequency_hz = hz_of_pit();
	}
	if (frequency_hz >= HZ_LIMIT) {
		frequency_hz = 0;
	}
	return frequency_hz != 0 ? STATUS_OK : STATUS_NOT_FOUND;
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
