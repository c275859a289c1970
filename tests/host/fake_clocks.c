/* SPDX-License-Identifier: MIT */
#include "fake_clocks.h"

#include "fake_devices.h"
#include "fake_insn.h"

enum {
	HPET_PERIOD = 0x4,
	HPET_CONFIGURATION = 0x10,
	HPET_COUNTER = 0xf0,
	HPET_PERIOD_FS = 100000000,
	PIT_CHANNEL_2 = 0x42,
	PIT_CONTROL = 0x43,
	SYSTEM_CONTROL = 0x61,
	GATE_2 = 1,
	OUTPUT_2 = 0x20,
};

static struct {
	uint64_t tsc_hz;
	bool is_stopped;
	uint32_t hpet_configuration;
	uint8_t system_control;
	uint16_t pit_count;
	bool is_high_byte_next;
	uint64_t pit_start;
} clocks;

static uint64_t counts_since(uint64_t tsc, uint64_t hz)
{
	return clocks.is_stopped
		       ? 0
		       : (uint64_t)((unsigned __int128)(fake_cpu.tsc - tsc) * hz / clocks.tsc_hz);
}

void fake_clocks_set_tsc_hz(uint64_t tsc_hz)
{
	clocks.tsc_hz = tsc_hz;
	clocks.is_stopped = false;
	clocks.hpet_configuration = 0;
	clocks.system_control = 0x0c;
}

static uint32_t pm_timer_read(void *context, uint64_t address, unsigned width_bytes)
{
	(void)context;
	(void)address;
	(void)width_bytes;
	/* It begins shortly before it wraps around. */
	return (uint32_t)(0xfffff0 + counts_since(0, FAKE_PM_TIMER_HZ)) & 0xffffff;
}

static void ignore_write(void *context, uint64_t address, unsigned width_bytes, uint32_t value)
{
	(void)context;
	(void)address;
	(void)width_bytes;
	(void)value;
}

void fake_clocks_attach_pm_timer(void)
{
	fake_device_attach(&(struct fake_device){.first = FAKE_PM_TIMER_PORT,
		.last = FAKE_PM_TIMER_PORT,
		.read = pm_timer_read,
		.write = ignore_write});
}

static uint32_t hpet_read(void *context, uint64_t address, unsigned width_bytes)
{
	(void)context;
	(void)width_bytes;
	switch (address - FAKE_HPET_ADDRESS) {
	case HPET_PERIOD:
		return HPET_PERIOD_FS;
	case HPET_CONFIGURATION:
		return clocks.hpet_configuration;
	case HPET_COUNTER:
		return (clocks.hpet_configuration & 1) != 0
			       ? (uint32_t)counts_since(0, FAKE_HPET_HZ) + 0xffffff00
			       : 0;
	default:
		return 0;
	}
}

static void hpet_write(void *context, uint64_t address, unsigned width_bytes, uint32_t value)
{
	(void)context;
	(void)width_bytes;
	if (address - FAKE_HPET_ADDRESS == HPET_CONFIGURATION) {
		clocks.hpet_configuration = value;
	}
}

void fake_clocks_attach_hpet(void)
{
	fake_device_attach(&(struct fake_device){.first = FAKE_HPET_ADDRESS,
		.last = FAKE_HPET_ADDRESS + 0x3ff,
		.is_memory = true,
		.read = hpet_read,
		.write = hpet_write});
}

static uint32_t pit_read(void *context, uint64_t address, unsigned width_bytes)
{
	const bool is_high = counts_since(clocks.pit_start, FAKE_PIT_HZ) >= clocks.pit_count;

	(void)context;
	(void)address;
	(void)width_bytes;
	return clocks.system_control | (is_high ? OUTPUT_2 : 0u);
}

static void pit_write(void *context, uint64_t address, unsigned width_bytes, uint32_t value)
{
	(void)context;
	(void)width_bytes;
	if (address == SYSTEM_CONTROL) {
		clocks.system_control = value & 0x0f; /* The others are read-only. */
	} else if (address == PIT_CONTROL) {
		clocks.is_high_byte_next = false;
	} else if (!clocks.is_high_byte_next) {
		clocks.pit_count = (uint8_t)value;
		clocks.is_high_byte_next = true;
	} else {
		clocks.pit_count = (uint16_t)(clocks.pit_count | value << 8);
		clocks.pit_start = fake_cpu.tsc;
	}
}

void fake_clocks_attach_pit(void)
{
	fake_device_attach(&(struct fake_device){
		.first = PIT_CHANNEL_2, .last = PIT_CONTROL, .read = pit_read, .write = pit_write});
	fake_device_attach(&(struct fake_device){.first = SYSTEM_CONTROL,
		.last = SYSTEM_CONTROL,
		.read = pit_read,
		.write = pit_write});
}

uint32_t fake_clocks_hpet_configuration(void)
{
	return clocks.hpet_configuration;
}

uint8_t fake_clocks_system_control(void)
{
	return clocks.system_control;
}

void fake_clocks_stop(void)
{
	clocks.is_stopped = true;
}
