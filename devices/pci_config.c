/* SPDX-License-Identifier: MIT */
#include "devices/pci_config.h"

#include "lib/bits.h"

/* PCI Local Bus Specification 3.0, "Layout of CONFIG_ADDRESS Register". */
#define ADDRESS_ENABLE   BIT(31)
#define ADDRESS_WRITABLE (ADDRESS_ENABLE | BITS_MASK(23, 2))

enum {
	OFFSET_ADDRESS = 0,
	OFFSET_DATA = 4,
	BUS_HIGH = 23,
	BUS_LOW = 16,
	FUNCTION_HIGH = 15, /* The device's number and the function's. */
	FUNCTION_LOW = 8,
	REGISTER_HIGH = 7,
	DWORD_BYTES = 4,
	BYTE_BITS = 8,
};

/* "Type 00h Configuration Space Header". */
enum {
	HEADER_ID = 0x00,
	HEADER_CLASS = 0x08,
	/*
	 * The ID of QEMU's generic host bridge, which stands for no chipset: with a real one's,
	 * operating systems would look for its registers and work around its errors.
	 */
	HOST_BRIDGE_ID = 0x00081b36,
};

#define CLASS_HOST_BRIDGE 0x06000000u

static uint32_t ones(unsigned width_bytes)
{
	return (uint32_t)BITS_MASK(width_bytes * BYTE_BITS - 1, 0);
}

static uint32_t host_bridge_read(void *context, unsigned offset, unsigned width_bytes)
{
	unsigned shift = offset % DWORD_BYTES * BYTE_BITS;
	uint32_t value = 0;

	(void)context;
	if (offset / DWORD_BYTES == HEADER_ID / DWORD_BYTES) {
		value = HOST_BRIDGE_ID;
	} else if (offset / DWORD_BYTES == HEADER_CLASS / DWORD_BYTES) {
		value = CLASS_HOST_BRIDGE;
	}
	return (value >> shift) & ones(width_bytes);
}

static void host_bridge_write(void *context, unsigned offset, unsigned width_bytes, uint32_t value)
{
	(void)context;
	(void)offset;
	(void)width_bytes;
	(void)value;
}

const struct pci_function pci_host_bridge = {
	.read = host_bridge_read,
	.write = host_bridge_write,
};

static bool is_address_access(unsigned offset, unsigned width_bytes)
{
	return offset == OFFSET_ADDRESS && width_bytes == sizeof(uint32_t);
}

/* The function that an access to CONFIG_DATA goes to, NULL if there is none. */
static const struct pci_function *selected(
	const struct pci_config *config, unsigned offset, unsigned width_bytes)
{
	bool is_data =
		offset >= OFFSET_DATA && range_fits(offset - OFFSET_DATA, width_bytes, DWORD_BYTES);

	if (!is_data || (config->address & ADDRESS_ENABLE) == 0 ||
		bits_get(config->address, BUS_HIGH, BUS_LOW) != 0) {
		return NULL;
	}
	return config->functions[bits_get(config->address, FUNCTION_HIGH, FUNCTION_LOW)];
}

static unsigned register_offset(const struct pci_config *config, unsigned offset)
{
	return (unsigned)bits_get(config->address, REGISTER_HIGH, 0) + offset - OFFSET_DATA;
}

uint32_t pci_config_read(const struct pci_config *config, unsigned offset, unsigned width_bytes)
{
	const struct pci_function *function = selected(config, offset, width_bytes);

	if (is_address_access(offset, width_bytes)) {
		return config->address;
	}
	if (function == NULL) {
		return ones(width_bytes);
	}
	return function->read(function->context, register_offset(config, offset), width_bytes);
}

void pci_config_write(
	struct pci_config *config, unsigned offset, unsigned width_bytes, uint32_t value)
{
	const struct pci_function *function = selected(config, offset, width_bytes);

	if (is_address_access(offset, width_bytes)) {
		config->address = value & (uint32_t)ADDRESS_WRITABLE;
	} else if (function != NULL) {
		function->write(function->context, register_offset(config, offset), width_bytes,
			value & ones(width_bytes));
	}
}
