/* SPDX-License-Identifier: MIT */
#ifndef VM_E820_H
#define VM_E820_H

#include "vm/memory_layout.h"

/* ACPI Specification 6.4, "System Address Map Interfaces", Table "Address Range Types". */
enum e820_type {
	E820_RAM = 1,
	E820_RESERVED = 2,
	E820_ACPI_DATA = 3, /* Free for other use once the system has read the tables. */
	E820_ACPI_NVS = 4,  /* Never free. */
};

enum { E820_ENTRIES_MAX = 16 };

/* As the firmware call INT 15h, function E820h, gives it. */
struct e820_entry {
	uint64_t base;
	uint64_t size_bytes;
	uint32_t type;
} __attribute__((packed));

_Static_assert(sizeof(struct e820_entry) == 20, "as in the specification");

struct e820_map {
	struct e820_entry entries[E820_ENTRIES_MAX];
	size_t count;
};

enum { E820_ROM_AREAS_MAX = 4 };

/*
 * Makes the memory map of a guest with memory_size_bytes of RAM, at most MEMORY_LAYOUT_SIZE_MAX,
 * sorted, nothing twice. rom_areas, at most E820_ROM_AREAS_MAX, are what is not plainly reserved
 * between EXTENDED_DATA_END and HIGH_MEMORY_START (the ACPI tables): sorted, disjoint, within these
 * bounds; NULL with a count of 0 for none. Context: any; pure.
 */
void e820_make(struct e820_map *map, uint64_t memory_size_bytes, const struct e820_entry *rom_areas,
	size_t rom_area_count);

#endif
