/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/acpi_power.c cpu/acpi_tables.c */
#include "cpu/acpi_power.h"
#include "cpu/acpi_tables.h"

#include <stdint.h>
#include <string.h>

/* The input is the firmware's memory from address 0x1000 on, beginning with the RSDP. */
enum {
	INPUT_ADDRESS = 0x1000,
	RSDP_SIZE_MAX = 36,
	TABLE_HEADER_SIZE = 36,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t input_size;

static const uint8_t *map(uint64_t address, uint64_t size_bytes)
{
	if (address < INPUT_ADDRESS || address - INPUT_ADDRESS > input_size ||
		size_bytes > input_size - (address - INPUT_ADDRESS)) {
		return NULL;
	}
	return input + (address - INPUT_ADDRESS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_power power;
	struct acpi_table table = {data, (uint32_t)size};
	uint8_t type_a;
	uint8_t type_b;

	input = data;
	input_size = size;
	if (acpi_power_find(data, size < RSDP_SIZE_MAX ? size : RSDP_SIZE_MAX, map, &power) ==
			STATUS_OK &&
		!power.sleep.is_known && !power.reset.is_known) {
		__builtin_trap();
	}
	/* Checksums keep most inputs from the byte code: hand it over directly, too. */
	if (size >= TABLE_HEADER_SIZE && acpi_table_find_s5(&table, &type_a, &type_b) &&
		(type_a > 7 || type_b > 7)) {
		__builtin_trap();
	}
	return 0;
}
