/* SPDX-License-Identifier: MIT */
#ifndef FAKE_FAKE_DEVICES_H
#define FAKE_FAKE_DEVICES_H

#include "lib/types.h"

enum { FAKE_DEVICES_MAX = 16 };

/*
 * A device of the fake machine: it answers for a range of ports or of memory addresses, and sees
 * the width of each access in bytes. A test gives it a clock by fake_cpu.tsc.
 */
struct fake_device {
	uint64_t first;
	uint64_t last;
	bool is_memory; /* Else ports. */
	uint32_t (*read)(void *context, uint64_t address, unsigned width_bytes);
	void (*write)(void *context, uint64_t address, unsigned width_bytes, uint32_t value);
	void *context;
};

/* Adds a device; the one added last answers where two overlap. fake_insn_reset() removes all. */
void fake_device_attach(const struct fake_device *device);
void fake_devices_reset(void);

/* For the fake instructions. Both return false where no device is. */
bool fake_device_read(bool is_memory, uint64_t address, unsigned width_bytes, uint32_t *value);
bool fake_device_write(bool is_memory, uint64_t address, unsigned width_bytes, uint32_t value);

#endif
