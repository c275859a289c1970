/* SPDX-License-Identifier: MIT */
#include "fake_devices.h"

#include <stdio.h>
#include <stdlib.h>

static struct fake_device devices[FAKE_DEVICES_MAX];
static size_t device_count;

void fake_devices_reset(void)
{
	device_count = 0;
}

void fake_device_attach(const struct fake_device *device)
{
	if (device_count == FAKE_DEVICES_MAX) {
		fprintf(stderr, "fake machine: too many devices\n");
		abort();
	}
	devices[device_count++] = *device;
}

static const struct fake_device *device_find(bool is_memory, uint64_t address)
{
	for (size_t i = device_count; i > 0; i--) {
		const struct fake_device *device = &devices[i - 1];

		if (device->is_memory == is_memory && address >= device->first &&
			address <= device->last) {
			return device;
		}
	}
	return NULL;
}

bool fake_device_read(bool is_memory, uint64_t address, unsigned width_bytes, uint32_t *value)
{
	const struct fake_device *device = device_find(is_memory, address);

	if (device == NULL) {
		return false;
	}
	*value = device->read(device->context, address, width_bytes);
	return true;
}

bool fake_device_write(bool is_memory, uint64_t address, unsigned width_bytes, uint32_t value)
{
	const struct fake_device *device = device_find(is_memory, address);

	if (device == NULL) {
		return false;
	}
	device->write(device->context, address, width_bytes, value);
	return true;
}
