/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/load_linux.c vm/linux_setup_header.c vm/linux_boot_area.c vm/load_plan.c vm/e820.c
 * vm/memory_layout.c vm/guest_memory.c vm/bios_data.c vm/acpi_guest_tables.c vm/acpi_fadt.c
 * vm/acpi_madt.c vm/acpi_processors.c vm/acpi_writer.c lib/format.c */
/*
 * Loads a Linux guest into memory of its own, and writes what must lie where to files in the
 * working folder: low.bin from 0 on, kernel.bin, initrd.bin. Prints NAME=NUMBER for what the first
 * instruction needs. Usage: place_linux KERNEL INITRD DSDT VCPU_COUNT COMMAND_LINE [no-rsdp]
 */
#include "vm/acpi_guest_tables.h"
#include "vm/bios_data.h"
#include "vm/load_linux.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	MEMORY_SIZE = 192 << 20,
	ARGUMENT_COUNT = 6,
};

static void require(bool holds, const char *text)
{
	if (!holds) {
		(void)fprintf(stderr, "place_linux: %s\n", text);
		exit(EXIT_FAILURE);
	}
}

static struct image read_image(const char *name)
{
	static uint8_t bytes[3][64 << 20];
	static size_t count;
	FILE *file = fopen(name, "rb");
	struct image image = {name, bytes[count], 0};

	require(file != NULL, name);
	image.size_bytes = fread(bytes[count++], 1, sizeof(bytes[0]), file);
	(void)fclose(file);
	return image;
}

static void write_file(const char *name, const uint8_t *bytes, uint64_t size_bytes)
{
	FILE *file = fopen(name, "wb");

	require(file != NULL && fwrite(bytes, 1, size_bytes, file) == size_bytes, name);
	require(fclose(file) == 0, name);
}

static void make_firmware(struct guest_memory *memory, const struct image *dsdt,
	unsigned vcpu_count, struct acpi_guest_tables *tables)
{
	const struct acpi_guest_config config = {vcpu_count, dsdt->bytes, dsdt->size_bytes};
	void *area;
	const uint64_t size_bytes = guest_memory_writable_span(
		memory, gpa(ACPI_GUEST_AREA_START), ACPI_GUEST_AREA_SIZE_BYTES, &area);

	require(acpi_guest_tables_build(
			area, size_bytes, gpa(ACPI_GUEST_AREA_START), &config, tables) == STATUS_OK,
		"no ACPI tables");
	require(bios_data_write(memory) == STATUS_OK, "no BIOS data");
}

static void write_result(const uint8_t *ram, const struct load_result *result)
{
	write_file("low.bin", ram, HIGH_MEMORY_START);
	write_file(
		"kernel.bin", ram + result->image_start, result->image_end - result->image_start);
	write_file("initrd.bin", ram + result->initrd_start,
		result->initrd_end - result->initrd_start);
	printf("ENTRY=%#llx\nZERO_PAGE=%#llx\n", (unsigned long long)result->entry,
		(unsigned long long)result->information);
	printf("PAGE_TABLES=%#llx\nGDT=%#llx\nGDT_LIMIT=%u\n",
		(unsigned long long)result->page_tables, (unsigned long long)result->gdt,
		result->gdt_limit);
	printf("KERNEL=%#llx\nINITRD=%#llx\n", (unsigned long long)result->image_start,
		(unsigned long long)result->initrd_start);
}

int main(int argc, char **argv)
{
	uint8_t *ram = calloc(1, MEMORY_SIZE);
	struct guest_memory memory = {.region_count = 0};
	struct acpi_guest_tables tables;
	struct load_result result;
	struct linux_boot boot;
	struct image dsdt;

	require(argc >= ARGUMENT_COUNT && ram != NULL, "wrong call");
	require(guest_memory_add(&memory,
			(struct guest_memory_region){gpa(0), MEMORY_SIZE, ram, false}) == STATUS_OK,
		"no memory");
	dsdt = read_image(argv[3]);
	make_firmware(&memory, &dsdt, (unsigned)strtoul(argv[4], NULL, 0), &tables);
	boot = (struct linux_boot){
		.memory_size_bytes = MEMORY_SIZE,
		.kernel = read_image(argv[1]),
		.initrd = read_image(argv[2]),
		.command_line = argv[5],
		.rsdp = argc > ARGUMENT_COUNT ? gpa(0) : tables.rsdp,
		.rom_areas = tables.areas,
		.rom_area_count = ACPI_GUEST_AREA_COUNT,
	};
	require(load_linux(&memory, &boot, &result) == STATUS_OK, result.error);
	write_result(ram, &result);
	free(ram);
	return EXIT_SUCCESS;
}
