/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/madt.c cpu/acpi_tables.c */
#include "cpu/madt.h"
#include "tests/fuzz/require.h"

#include <stdint.h>

/* The input is a table whose header has been checked. */
enum { TABLE_HEADER_SIZE = 36 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct acpi_table table = {data, (uint32_t)size};
	struct madt_processors found;

	if (size < TABLE_HEADER_SIZE) {
		return 0;
	}
	madt_read_processors(&table, &found);
	require(found.count <= CPUS_MAX);
	require(found.beyond_count == 0 || found.count == CPUS_MAX);
	for (unsigned i = 0; i < found.count; i++) {
		require(found.apic_ids[i] != UINT32_MAX);
		for (unsigned k = 0; k < i; k++) {
			require(found.apic_ids[k] != found.apic_ids[i]);
		}
	}
	return 0;
}
