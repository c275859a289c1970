/* SPDX-License-Identifier: MIT */
#include "cpu/tsc_reference.h"

#include "cpu/insn.h"
#include "lib/bits.h"

enum {
	MEASUREMENTS = 3,
	MEASUREMENTS_PER_SECOND = 100,
	/* A counter of 3.58 MHz moves on within 2,800 ticks of a TSC of 10 GHz. */
	STANDSTILL_TICKS = 1000000,
	BYTE_BITS = 8,
};

enum {
	PIT_CHANNEL_2 = 0x42,
	PIT_CONTROL = 0x43,
	PIT_CHANNEL_2_LOW_HIGH_MODE_0 = 0xb0, /* Counts down once; its output rises at 0. */
	PIT_HZ = 1193182,
	PIT_COUNT = PIT_HZ / MEASUREMENTS_PER_SECOND + 1,
	SYSTEM_CONTROL_PORT = 0x61,
	SYSTEM_CONTROL_GATE_2 = 1 << 0,
	SYSTEM_CONTROL_SPEAKER = 1 << 1,
	SYSTEM_CONTROL_OUTPUT_2 = 1 << 5,
};

enum {
	PM_TIMER_HZ = 3579545,
	PM_TIMER_MASK = 0xffffff, /* 24 bits; more are optional. */
};

enum {
	HPET_CAPABILITIES_PERIOD = 0x04, /* Femtoseconds of one count. */
	HPET_CONFIGURATION = 0x10,
	HPET_MAIN_COUNTER = 0xf0,
	HPET_ENABLE = 1 << 0,
	HPET_PERIOD_MAX_FS = 100000000,
};

#define FS_PER_SECOND 1000000000000000ull

/* A counter that counts up at a known rate. */
struct counter {
	uint32_t (*read)(uint64_t where);
	uint64_t where;
	uint32_t mask;
	uint64_t hz;
};

/* Where a counter was at a value of the TSC. */
struct reading {
	uint32_t count;
	uint64_t tsc;
};

/* Waits until the counter is `count` counts further than `from`. Returns false if that does not
 * come within max_ticks. */
static bool wait_for_counts(const struct counter *counter, uint32_t from, uint32_t count,
	uint64_t max_ticks, struct reading *reading)
{
	const uint64_t start = insn_rdtsc();

	do {
		reading->count = counter->read(counter->where) & counter->mask;
		reading->tsc = insn_rdtsc();
		if (((reading->count - from) & counter->mask) >= count) {
			return true;
		}
	} while (reading->tsc - start < max_ticks);
	return false;
}

/* Returns 0 if the counter stands still. */
static uint64_t hz_by_counter(const struct counter *counter)
{
	const uint32_t count = (uint32_t)(counter->hz / MEASUREMENTS_PER_SECOND);
	const uint32_t first = counter->read(counter->where) & counter->mask;
	struct reading begin;
	struct reading end;

	/* From one edge on. */
	if (!wait_for_counts(counter, first, 1, STANDSTILL_TICKS, &begin) ||
		!wait_for_counts(counter, begin.count, count, TSC_REFERENCE_TICKS_MAX, &end)) {
		return 0;
	}
	return (end.tsc - begin.tsc) * counter->hz / ((end.count - begin.count) & counter->mask);
}

/* What disturbs a measurement at its one end makes it longer, at the other end shorter: of three
 * the one in the middle is taken. */
static uint64_t middle_of_three(const uint64_t values[MEASUREMENTS])
{
	const uint64_t a = values[0];
	const uint64_t b = values[1];
	const uint64_t c = values[2];

	if ((a <= b) == (b <= c)) {
		return b;
	}
	return (b <= a) == (a <= c) ? a : c;
}

static uint64_t measure_counter(const struct counter *counter)
{
	uint64_t values[MEASUREMENTS];

	for (size_t i = 0; i < MEASUREMENTS; i++) {
		values[i] = hz_by_counter(counter);
		if (values[i] == 0) {
			return 0;
		}
	}
	return middle_of_three(values);
}

static uint32_t read_pm_timer(uint64_t port)
{
	return insn_in32((uint16_t)port);
}

static uint64_t measure_pm_timer(const struct acpi_clocks *clocks)
{
	const struct counter counter = {
		read_pm_timer, clocks->pm_timer_port, PM_TIMER_MASK, PM_TIMER_HZ};

	return clocks->pm_timer_port == 0 ? 0 : measure_counter(&counter);
}

static uint64_t measure_hpet(const struct acpi_clocks *clocks)
{
	const uint64_t base = clocks->hpet_address;
	uint32_t configuration;
	uint32_t period_fs;
	uint64_t hz;

	if (base == 0) {
		return 0;
	}
	period_fs = insn_mmio_read32(base + HPET_CAPABILITIES_PERIOD);
	if (period_fs == 0 || period_fs > HPET_PERIOD_MAX_FS) {
		return 0;
	}
	configuration = insn_mmio_read32(base + HPET_CONFIGURATION);
	insn_mmio_write32(base + HPET_CONFIGURATION, configuration | HPET_ENABLE);
	hz = measure_counter(&(const struct counter){
		insn_mmio_read32, base + HPET_MAIN_COUNTER, UINT32_MAX, FS_PER_SECOND / period_fs});
	insn_mmio_write32(base + HPET_CONFIGURATION, configuration);
	return hz;
}

/* Returns the ticks of PIT_COUNT periods of the 8254; UINT64_MAX if it does not count. */
static uint64_t ticks_of_pit(void)
{
	const uint8_t control = insn_in8(SYSTEM_CONTROL_PORT);
	uint64_t ticks = 0;
	bool was_low = false;
	bool is_high;
	uint64_t start;

	insn_out8(SYSTEM_CONTROL_PORT,
		(uint8_t)((control & ~SYSTEM_CONTROL_SPEAKER) | SYSTEM_CONTROL_GATE_2));
	insn_out8(PIT_CONTROL, PIT_CHANNEL_2_LOW_HIGH_MODE_0);
	insn_out8(PIT_CHANNEL_2, (uint8_t)PIT_COUNT);
	insn_out8(PIT_CHANNEL_2, PIT_COUNT >> BYTE_BITS);
	start = insn_rdtsc();
	do {
		is_high = (insn_in8(SYSTEM_CONTROL_PORT) & SYSTEM_CONTROL_OUTPUT_2) != 0;
		was_low |= !is_high;
		ticks = insn_rdtsc() - start;
	} while (!is_high && ticks < TSC_REFERENCE_TICKS_MAX);
	insn_out8(SYSTEM_CONTROL_PORT, control);
	/* An output that was never low has not been counted. */
	return is_high && was_low ? ticks : UINT64_MAX;
}

/* What disturbs a measurement (an SMI, a host that took the CPU away) makes it longer only. */
static uint64_t measure_pit(const struct acpi_clocks *clocks)
{
	uint64_t fewest = UINT64_MAX;

	(void)clocks;
	for (unsigned i = 0; i < MEASUREMENTS; i++) {
		const uint64_t ticks = ticks_of_pit();

		if (ticks == UINT64_MAX) {
			return 0;
		}
		fewest = ticks < fewest ? ticks : fewest;
	}
	return fewest * PIT_HZ / PIT_COUNT;
}

/* Chipsets of recent years stop the 8254: it comes last. */
static const struct {
	const char *name;
	uint64_t (*measure)(const struct acpi_clocks *clocks);
} references[] = {
	{"HPET", measure_hpet},
	{"ACPI PM timer", measure_pm_timer},
	{"8254", measure_pit},
};

struct tsc_measurement tsc_reference_measure(const struct acpi_clocks *clocks)
{
	for (size_t i = 0; i < ARRAY_COUNT(references); i++) {
		const uint64_t hz = references[i].measure(clocks);

		if (hz != 0 && hz < TSC_HZ_LIMIT) {
			return (struct tsc_measurement){references[i].name, hz};
		}
	}
	return (struct tsc_measurement){NULL, 0};
}
