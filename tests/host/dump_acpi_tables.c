/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/acpi_guest_tables.c vm/acpi_fadt.c vm/acpi_madt.c vm/acpi_processors.c
 * vm/acpi_writer.c */
/*
 * Writes a guest's ACPI tables to standard output, for iasl and for other machines: all bytes from
 * the address ADDRESS on. Usage: dump_acpi_tables DSDT VCPU_COUNT ADDRESS
 */
#include "vm/acpi_guest_tables.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	DSDT_SIZE_MAX = 4096,
	ARGUMENT_COUNT = 4,
};

static size_t read_file(const char *name, uint8_t *bytes, size_t size_bytes)
{
	FILE *file = fopen(name, "rb");
	size_t count;

	if (file == NULL) {
		return 0;
	}
	count = fread(bytes, 1, size_bytes, file);
	(void)fclose(file);
	return count;
}

int main(int argc, char **argv)
{
	static uint8_t dsdt[DSDT_SIZE_MAX];
	static uint8_t area[ACPI_GUEST_AREA_SIZE_BYTES];
	struct acpi_guest_config config = {.dsdt = dsdt};
	struct acpi_guest_tables tables;
	uint64_t used;

	if (argc != ARGUMENT_COUNT) {
		return EXIT_FAILURE;
	}
	config.dsdt_size_bytes = read_file(argv[1], dsdt, sizeof(dsdt));
	config.vcpu_count = (unsigned)strtoul(argv[2], NULL, 0);
	if (config.dsdt_size_bytes == 0 ||
		acpi_guest_tables_build(area, sizeof(area), gpa(strtoull(argv[3], NULL, 0)),
			&config, &tables) != STATUS_OK) {
		return EXIT_FAILURE;
	}
	used = tables.areas[0].size_bytes + tables.areas[1].size_bytes;
	return fwrite(area, 1, used, stdout) == used ? EXIT_SUCCESS : EXIT_FAILURE;
}
