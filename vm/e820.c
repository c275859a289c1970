/* SPDX-License-Identifier: MIT */
#include "vm/e820.h"

static void add(struct e820_map *map, uint64_t base, uint64_t end, enum e820_type type)
{
	if (end > base) {
		map->entries[map->count++] = (struct e820_entry){base, end - base, type};
	}
}

static uint64_t smaller(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

static void add_rom_areas(struct e820_map *map, const struct e820_entry *areas, size_t count)
{
	uint64_t at = EXTENDED_DATA_END;

	for (size_t i = 0; i < count; i++) {
		add(map, at, areas[i].base, E820_RESERVED);
		at = areas[i].base + areas[i].size_bytes;
		add(map, areas[i].base, at, (enum e820_type)areas[i].type);
	}
	add(map, at, HIGH_MEMORY_START, E820_RESERVED);
}

void e820_make(struct e820_map *map, uint64_t memory_size_bytes, const struct e820_entry *rom_areas,
	size_t rom_area_count)
{
	const uint64_t low_end = memory_layout_low_end(memory_size_bytes);
	const uint64_t high_size_bytes = memory_size_bytes - low_end;

	map->count = 0;
	add(map, 0, smaller(low_end, LOW_MEMORY_END), E820_RAM);
	add(map, LOW_MEMORY_END, EXTENDED_DATA_END, E820_RESERVED);
	add_rom_areas(map, rom_areas, rom_area_count);
	add(map, HIGH_MEMORY_START, low_end, E820_RAM);
	add(map, INTERRUPT_AREA_START, DEVICE_HOLE_END, E820_RESERVED);
	add(map, DEVICE_HOLE_END, DEVICE_HOLE_END + high_size_bytes, E820_RAM);
}
