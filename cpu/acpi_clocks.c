/* SPDX-License-Identifier: MIT */
#include "cpu/acpi_clocks.h"

#include "cpu/acpi_tables.h"
#include "lib/bits.h"

enum {
	FADT_PM_TIMER = 76,
	FADT_PM_TIMER_LENGTH = 91,
	FADT_X_PM_TIMER = 208,
	PM_TIMER_BYTES = 4,
	PORT_MAX = 0xffff,
};

/* "Generic Address Structure (GAS)". */
enum {
	GAS_SPACE_ID = 0,
	GAS_ADDRESS = 4,
	GAS_SPACE_MEMORY = 0,
	GAS_SPACE_PORTS = 1,
};

enum {
	HPET_BASE_ADDRESS = 40,
	HPET_BLOCK_BYTES = 1024,
};

#define DEVICE_ADDRESS_END GIB(4)

static uint16_t find_pm_timer(const struct acpi_table *fadt)
{
	uint64_t port = acpi_table_field(fadt, FADT_PM_TIMER, sizeof(uint32_t));

	if (acpi_table_field(fadt, FADT_PM_TIMER_LENGTH, 1) != PM_TIMER_BYTES) {
		port = 0;
	}
	if (port == 0 &&
		acpi_table_field(fadt, FADT_X_PM_TIMER + GAS_SPACE_ID, 1) == GAS_SPACE_PORTS) {
		port = acpi_table_field(fadt, FADT_X_PM_TIMER + GAS_ADDRESS, sizeof(uint64_t));
	}
	return port <= PORT_MAX ? (uint16_t)port : 0;
}

static uint64_t find_hpet(const struct acpi_table *hpet)
{
	const uint64_t address =
		acpi_table_field(hpet, HPET_BASE_ADDRESS + GAS_ADDRESS, sizeof(uint64_t));

	if (acpi_table_field(hpet, HPET_BASE_ADDRESS + GAS_SPACE_ID, 1) != GAS_SPACE_MEMORY ||
		!is_aligned(address, HPET_BLOCK_BYTES) ||
		!range_fits(address, HPET_BLOCK_BYTES, DEVICE_ADDRESS_END)) {
		return 0;
	}
	return address;
}

struct acpi_clocks acpi_clocks_find(
	const uint8_t *rsdp, size_t rsdp_size_bytes, acpi_memory_map *map)
{
	struct acpi_clocks clocks = {0};
	struct acpi_table table;

	if (acpi_table_find(rsdp, rsdp_size_bytes, "FACP", map, &table) == STATUS_OK) {
		clocks.pm_timer_port = find_pm_timer(&table);
	}
	if (acpi_table_find(rsdp, rsdp_size_bytes, "HPET", map, &table) == STATUS_OK) {
		clocks.hpet_address = find_hpet(&table);
	}
	return clocks;
}
