/* SPDX-License-Identifier: MIT */
#include "vm/port_bus.h"

#include "cpu/panic.h"

static const struct port_range *port_bus_find(const struct port_bus *bus, uint16_t port)
{
	const struct port_range *end = &bus->ranges[bus->range_count];

	for (const struct port_range *range = bus->ranges; range != end; range++) {
		/* A port below the first wraps around to one far above the last. */
		if ((uint16_t)(port - range->first_port) < range->port_count) {
			return range;
		}
	}
	return NULL;
}

/* All ones in an access of 1, 2 or 4 bytes. */
static uint32_t all_ones(unsigned size_bytes)
{
	return size_bytes == sizeof(uint8_t)    ? UINT8_MAX
	       : size_bytes == sizeof(uint16_t) ? UINT16_MAX
						: UINT32_MAX;
}

void port_bus_add(struct port_bus *bus, struct port_range range)
{
	if (bus->range_count == PORT_BUS_RANGES_MAX) {
		panic("port bus full first_port=%#x", range.first_port);
	}
	bus->ranges[bus->range_count++] = range;
}

uint32_t port_bus_read(const struct port_bus *bus, uint16_t port, unsigned size_bytes)
{
	const struct port_range *range = port_bus_find(bus, port);

	if (range == NULL) {
		return all_ones(size_bytes);
	}
	return range->read(range->context, (unsigned)(port - range->first_port), size_bytes);
}

void port_bus_write(const struct port_bus *bus, uint16_t port, unsigned size_bytes, uint32_t value)
{
	const struct port_range *range = port_bus_find(bus, port);

	if (range != NULL) {
		range->write(range->context, (unsigned)(port - range->first_port), size_bytes,
			value & all_ones(size_bytes));
	}
}
