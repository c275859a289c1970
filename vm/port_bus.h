/* SPDX-License-Identifier: MIT */
#ifndef VM_PORT_BUS_H
#define VM_PORT_BUS_H

#include "lib/types.h"

enum { PORT_BUS_RANGES_MAX = 16 };

/*
 * A device's I/O ports. An access of 1, 2 or 4 bytes that starts in the range comes to it as it is;
 * `offset` counts from first_port. `read` returns nothing above
 * size_bytes.
 */
struct port_range {
	uint16_t first_port;
	uint16_t port_count;
	uint32_t (*read)(void *context, unsigned offset, unsigned size_bytes);
	void (*write)(void *context, unsigned offset, unsigned size_bytes, uint32_t value);
	void *context;
};

/* A guest's I/O port space. */
struct port_bus {
	struct port_range ranges[PORT_BUS_RANGES_MAX];
	size_t range_count;
};

/* Adds a device; ranges do not overlap, and there are at most PORT_BUS_RANGES_MAX (else: panic). */
void port_bus_add(struct port_bus *bus, struct port_range range);

/*
 * Reads or writes size_bytes (1, 2 or 4) at a port. What no device claims reads all ones and
 * ignores writes.
 */
uint32_t port_bus_read(const struct port_bus *bus, uint16_t port, unsigned size_bytes);
void port_bus_write(const struct port_bus *bus, uint16_t port, unsigned size_bytes, uint32_t value);

#endif
