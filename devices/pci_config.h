/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_PCI_CONFIG_H
#define DEVICES_PCI_CONFIG_H

#include "lib/types.h"

enum {
	PCI_CONFIG_PORT = 0xcf8, /* CONFIG_ADDRESS; CONFIG_DATA 4 above. */
	PCI_CONFIG_PORT_COUNT = 8,
	PCI_FUNCTION_COUNT = 256, /* On a bus: 32 devices of 8 functions. */
	PCI_CONFIG_SPACE_BYTES = 256,
};

/*
 * One function's configuration space. `offset` and width_bytes (1, 2 or 4) stay within an aligned
 * double word. `read` returns nothing above width_bytes.
 */
struct pci_function {
	uint32_t (*read)(void *context, unsigned offset, unsigned width_bytes);
	void (*write)(void *context, unsigned offset, unsigned width_bytes, uint32_t value);
	void *context;
};

/*
 * PCI configuration mechanism #1 with bus 0. Functions that are not there read as ones and swallow
 * writes. Source: PCI Local Bus Specification 3.0, "Configuration Mechanism" (3.2.2.3.2).
 */
struct pci_config {
	uint32_t address; /* CONFIG_ADDRESS */
	/* Of bus 0, by device * 8 + function; NULL where there is none. Owned by the owner. */
	const struct pci_function *functions[PCI_FUNCTION_COUNT];
};

/* A host bridge's read-only header without a line of registers behind it: device 0 of bus 0. */
extern const struct pci_function pci_host_bridge;

/*
 * Reads or writes width_bytes (1, 2 or 4) at `offset` (0 to 7) from PCI_CONFIG_PORT. CONFIG_ADDRESS
 * is one 32-bit register: a narrower access to its ports is none to it, so that port 0xcf9 can be
 * another's; it reads as ones here. The owner sets address to 0 at reset.
 */
uint32_t pci_config_read(const struct pci_config *config, unsigned offset, unsigned width_bytes);
void pci_config_write(
	struct pci_config *config, unsigned offset, unsigned width_bytes, uint32_t value);

#endif
