/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/memory_layout.c vm/e820.c vm/bios_data.c vm/guest_memory.c
 * tests/host/image_builder.c */
#include "tests/host/image_builder.h"
#include "vm/bios_data.h"
#include "vm/e820.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The map's entries that a guest of any size from 1 MiB on has. */
static const struct e820_entry first_mebibyte[] = {
	{0, 0x9fc00, E820_RAM},
	{0x9fc00, 0x400, E820_RESERVED},
	{0xa0000, 0x60000, E820_RESERVED},
};

static void expect_entry(
	const struct e820_entry *entry, uint64_t base, uint64_t size_bytes, uint32_t type)
{
	assert_int_equal(entry->base, base);
	assert_int_equal(entry->size_bytes, size_bytes);
	assert_int_equal(entry->type, type);
}

/* What the map says above 1 MiB: RAM up to low_end, the interrupt area, RAM above 4 GiB. */
static void expect_map(uint64_t memory_size_bytes, uint64_t low_end, uint64_t high_size_bytes)
{
	const size_t high_count = high_size_bytes != 0 ? 1 : 0;
	struct e820_map map;

	e820_make(&map, memory_size_bytes, NULL, 0);
	assert_int_equal(map.count, 5 + high_count);
	assert_memory_equal(map.entries, first_mebibyte, sizeof(first_mebibyte));
	expect_entry(&map.entries[3], MIB(1), low_end - MIB(1), E820_RAM);
	expect_entry(&map.entries[4], 0xfec00000, 0x1400000, E820_RESERVED);
	if (high_count != 0) {
		expect_entry(&map.entries[5], GIB(4), high_size_bytes, E820_RAM);
	}
}

static void ram_goes_around_the_device_hole(void **state)
{
	static const struct {
		uint64_t size_bytes;
		uint64_t low_end;
		uint64_t high_size_bytes;
	} cases[] = {
		{MIB(64), MIB(64), 0},
		{MIB(1536), MIB(1536), 0},
		{GIB(3) - PAGE_SIZE_4K, GIB(3) - PAGE_SIZE_4K, 0},
		{GIB(3), GIB(3), 0},
		{GIB(3) + PAGE_SIZE_4K, GIB(3), PAGE_SIZE_4K},
		{GIB(4), GIB(3), GIB(1)},
		{GIB(64), GIB(3), GIB(61)},
		{MEMORY_LAYOUT_SIZE_MAX, GIB(3), MEMORY_LAYOUT_SIZE_MAX - GIB(3)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct memory_layout layout = memory_layout_make(cases[i].size_bytes);

		assert_int_equal(layout.block_count, cases[i].high_size_bytes != 0 ? 2 : 1);
		assert_int_equal(layout.blocks[0].start.value, 0);
		assert_int_equal(layout.blocks[0].size_bytes, cases[i].low_end);
		assert_int_equal(layout.blocks[0].host_offset, 0);
		assert_int_equal(memory_layout_low_end(cases[i].size_bytes), cases[i].low_end);
		expect_map(cases[i].size_bytes, cases[i].low_end, cases[i].high_size_bytes);
		if (cases[i].high_size_bytes != 0) {
			assert_int_equal(layout.blocks[1].start.value, GIB(4));
			assert_int_equal(layout.blocks[1].size_bytes, cases[i].high_size_bytes);
			assert_int_equal(layout.blocks[1].host_offset, cases[i].low_end);
		}
	}
}

static void no_ram_is_no_block(void **state)
{
	(void)state;
	assert_int_equal(memory_layout_make(0).block_count, 0);
}

static void small_memory_is_told_honestly(void **state)
{
	struct e820_map map;

	(void)state;
	e820_make(&map, KIB(64), NULL, 0);
	expect_entry(&map.entries[0], 0, KIB(64), E820_RAM);
	assert_int_equal(map.count, 4);
	e820_make(&map, 0, NULL, 0);
	expect_entry(&map.entries[0], 0x9fc00, 0x400, E820_RESERVED);
	assert_int_equal(map.count, 3);
}

static void acpi_areas_cut_the_roms(void **state)
{
	static const struct e820_entry areas[] = {
		{0xe0000, 0x3000, E820_ACPI_DATA},
		{0xe3000, 0x1000, E820_ACPI_NVS},
	};
	struct e820_map map;

	(void)state;
	e820_make(&map, GIB(4), areas, ARRAY_COUNT(areas));
	assert_int_equal(map.count, 9);
	expect_entry(&map.entries[2], 0xa0000, 0x40000, E820_RESERVED);
	expect_entry(&map.entries[3], 0xe0000, 0x3000, E820_ACPI_DATA);
	expect_entry(&map.entries[4], 0xe3000, 0x1000, E820_ACPI_NVS);
	expect_entry(&map.entries[5], 0xe4000, 0x1c000, E820_RESERVED);
	expect_entry(&map.entries[6], MIB(1), GIB(3) - MIB(1), E820_RAM);
}

static void acpi_areas_may_fill_the_roms(void **state)
{
	static const struct e820_entry areas[] = {{0xa0000, 0x60000, E820_ACPI_DATA}};
	struct e820_map map;

	(void)state;
	e820_make(&map, MIB(64), areas, ARRAY_COUNT(areas));
	assert_int_equal(map.count, 5);
	expect_entry(&map.entries[2], 0xa0000, 0x60000, E820_ACPI_DATA);
}

static void the_largest_map_fits(void **state)
{
	struct e820_entry areas[E820_ROM_AREAS_MAX];
	struct e820_map map;

	(void)state;
	for (size_t i = 0; i < E820_ROM_AREAS_MAX; i++) {
		areas[i] = (struct e820_entry){0xe0000 + i * 0x2000, 0x1000, E820_ACPI_DATA};
	}
	e820_make(&map, GIB(64), areas, E820_ROM_AREAS_MAX);
	assert_true(map.count <= E820_ENTRIES_MAX);
	for (size_t i = 1; i < map.count; i++) {
		assert_true(map.entries[i].base >=
			    map.entries[i - 1].base + map.entries[i - 1].size_bytes);
	}
}

static void bios_data_agrees_with_the_map(void **state)
{
	struct builder_guest guest = builder_guest_new(MIB(1));

	(void)state;
	assert_int_equal(bios_data_write(&guest.memory), STATUS_OK);
	assert_int_equal(builder_guest_get32(&guest, 0x400) & 0xffff, 0x3f8);
	assert_int_equal((builder_guest_get32(&guest, 0x40e) & 0xffff) << 4, 0x9fc00);
	assert_int_equal(builder_guest_get32(&guest, 0x413) & 0xffff, 639);
	assert_int_equal(builder_guest_get32(&guest, 0x9fc00) & 0xff, 1);
	guest.memory.regions[0].size_bytes = 0x9f000;
	assert_int_equal(bios_data_write(&guest.memory), STATUS_RANGE);
	guest.memory.region_count = 0;
	assert_int_equal(bios_data_write(&guest.memory), STATUS_RANGE);
	builder_guest_free(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ram_goes_around_the_device_hole),
		cmocka_unit_test(no_ram_is_no_block),
		cmocka_unit_test(small_memory_is_told_honestly),
		cmocka_unit_test(acpi_areas_cut_the_roms),
		cmocka_unit_test(acpi_areas_may_fill_the_roms),
		cmocka_unit_test(the_largest_map_fits),
		cmocka_unit_test(bios_data_agrees_with_the_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
