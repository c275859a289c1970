/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/load_multiboot.c vm/multiboot1_header.c vm/multiboot1_info.c vm/elf32.c
 * vm/load_plan.c vm/memory_layout.c vm/guest_memory.c lib/format.c tests/host/image_builder.c
 * tests/host/load_fixture.c */
#include "tests/host/load_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KERNEL_END = 0x100800 };

/* Multiboot Specification version 0.6.96, "Boot information format". */
enum {
	INFO_MEM_LOWER = 4,
	INFO_MEM_UPPER = 8,
	INFO_CMDLINE = 16,
	INFO_MODS_COUNT = 20,
	INFO_MODS_ADDR = 24,
	INFO_MMAP_LENGTH = 44,
	INFO_MMAP_ADDR = 48,
	INFO_LOADER_NAME = 64,
	INFO_SIZE = 116,
};

static uint32_t info(const struct load_fixture *f, uint64_t offset)
{
	return builder_guest_get32(&f->guest, f->result.information + offset);
}

static const char *info_string(const struct load_fixture *f, uint64_t offset)
{
	return (const char *)f->guest.ram + info(f, offset);
}

static uint32_t module_word(const struct load_fixture *f, uint32_t index, uint32_t word)
{
	return builder_guest_get32(
		&f->guest, info(f, INFO_MODS_ADDR) + 16 * (uint64_t)index + 4 * (uint64_t)word);
}

static void elf_is_loaded_and_its_bss_zeroed(void **state)
{
	struct load_fixture *f = *state;

	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(f->result.entry, 0x100010);
	assert_int_equal(f->result.image_start, 0x100000);
	assert_int_equal(f->result.image_end, KERNEL_END);
	assert_memory_equal(f->guest.ram + 0x100000, f->builder.bytes + BUILDER_CODE, 0x500);
	for (size_t i = 0x500; i < 0x800; i++) {
		assert_int_equal(f->guest.ram[0x100000 + i], 0);
	}
	assert_int_equal(f->guest.ram[0xfffff], 0xa5);
	assert_int_equal(f->guest.ram[KERNEL_END], 0xa5);
}

static void information_tells_what_qemu_tells(void **state)
{
	struct load_fixture *f = *state;

	f->arguments = "one two=\"three\"";
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(info(f, 0), 0x24d);
	assert_int_equal(info(f, INFO_MEM_LOWER), 639);
	assert_int_equal(info(f, INFO_MEM_UPPER), 15 * 1024);
	assert_string_equal(info_string(f, INFO_CMDLINE), "kernel one two=\"three\"");
	assert_string_equal(info_string(f, INFO_LOADER_NAME), "trivet");
	assert_int_equal(info(f, INFO_MODS_COUNT), 0);
	for (uint64_t offset = 68; offset < INFO_SIZE; offset += 4) {
		assert_int_equal(info(f, offset), 0);
	}
}

static void command_line_without_arguments_is_the_name(void **state)
{
	struct load_fixture *f = *state;

	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_string_equal(info_string(f, INFO_CMDLINE), "kernel");
	f->arguments = "";
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_string_equal(info_string(f, INFO_CMDLINE), "kernel");
}

struct map_entry {
	uint32_t size;
	uint64_t base;
	uint64_t length;
	uint32_t type;
} __attribute__((packed));

static size_t read_map(const struct load_fixture *f, struct map_entry *map)
{
	uint32_t length = info(f, INFO_MMAP_LENGTH);

	assert_int_equal(length % 24, 0);
	assert_true(length <= 5 * 24);
	memcpy(map, f->guest.ram + info(f, INFO_MMAP_ADDR), length);
	return length / 24;
}

static void memory_map_looks_like_a_pc(void **state)
{
	static const struct map_entry want[] = {
		{20, 0, 0x9fc00, 1},
		{20, 0x9fc00, 0x400, 2},
		{20, 0xf0000, 0x10000, 2},
		{20, 0x100000, 0xf00000, 1},
	};
	struct load_fixture *f = *state;
	struct map_entry map[4];

	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(read_map(f, map), 4);
	assert_memory_equal(map, want, sizeof(want));
}

static void small_memory_is_told_honestly(void **state)
{
	struct load_fixture *f = *state;
	struct map_entry map[4];

	builder_put32(&f->builder, BUILDER_PROGRAM_HEADERS + 12, 0x4000);
	builder_put32(&f->builder, BUILDER_ENTRY, 0x4000);
	assert_int_equal(load_fixture_load_in(f, KIB(128)), STATUS_OK);
	assert_int_equal(info(f, INFO_MEM_LOWER), 128);
	assert_int_equal(info(f, INFO_MEM_UPPER), 0);
	assert_int_equal(read_map(f, map), 3);
	assert_int_equal(map[0].length, KIB(128));
	assert_int_equal(map[1].type, 2);
	assert_int_equal(map[2].type, 2);
	assert_true(f->result.information + INFO_SIZE < KIB(128));
	assert_int_equal(load_fixture_load_in(f, MIB(1)), STATUS_OK);
	assert_int_equal(info(f, INFO_MEM_UPPER), 0);
	assert_int_equal(read_map(f, map), 3);
	assert_int_equal(load_fixture_load_in(f, MIB(1) + 1023), STATUS_OK);
	assert_int_equal(info(f, INFO_MEM_UPPER), 0);
	assert_int_equal(read_map(f, map), 4);
	assert_int_equal(map[3].length, 1023);
}

static void modules_lie_on_pages_behind_the_image(void **state)
{
	static uint8_t bytes[0x1001];
	struct load_fixture *f = *state;

	memset(bytes, 0x77, sizeof(bytes));
	load_fixture_add_module(f, bytes, sizeof(bytes));
	load_fixture_add_module(f, bytes, 0);
	load_fixture_add_module(f, bytes, 3);
	f->modules[1].command_line = NULL;
	f->modules[2].command_line = "third";
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(info(f, INFO_MODS_COUNT), 3);
	assert_int_equal(module_word(f, 0, 0), 0x101000);
	assert_int_equal(module_word(f, 0, 1), 0x102001);
	assert_int_equal(module_word(f, 1, 0), 0x103000);
	assert_int_equal(module_word(f, 1, 1), 0x103000);
	assert_int_equal(module_word(f, 2, 0), 0x104000);
	assert_int_equal(module_word(f, 2, 1), 0x104003);
	assert_int_equal(module_word(f, 2, 3), 0);
	assert_string_equal((const char *)f->guest.ram + module_word(f, 0, 2), "initrd text");
	assert_string_equal((const char *)f->guest.ram + module_word(f, 1, 2), "");
	assert_string_equal((const char *)f->guest.ram + module_word(f, 2, 2), "third");
	assert_memory_equal(f->guest.ram + 0x101000, bytes, sizeof(bytes));
	assert_int_equal(f->guest.ram[0x102001], 0xa5);
}

static void modules_of_a_low_image_jump_over_the_hole(void **state)
{
	static uint8_t bytes[0x8000];
	struct load_fixture *f = *state;

	builder_put32(&f->builder, BUILDER_PROGRAM_HEADERS + 12, 0x90000);
	builder_put32(&f->builder, BUILDER_ENTRY, 0x90000);
	load_fixture_add_module(f, bytes, sizeof(bytes));
	load_fixture_add_module(f, bytes, sizeof(bytes));
	load_fixture_add_module(f, bytes, 0x1000);
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(module_word(f, 0, 0), 0x91000);
	assert_int_equal(module_word(f, 1, 0), 0x100000);
	assert_int_equal(module_word(f, 2, 0), 0x108000);
}

static void information_lies_below_640_kib_if_it_fits(void **state)
{
	struct load_fixture *f = *state;

	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_true(f->result.information >= 0x1000);
	assert_true(f->result.information < 0x9fc00 - INFO_SIZE);
	builder_put32(&f->builder, BUILDER_PROGRAM_HEADERS + 12, 0x2000);
	builder_put32(&f->builder, BUILDER_PROGRAM_HEADERS + 20, 0x9e000);
	builder_put32(&f->builder, BUILDER_ENTRY, 0x2000);
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(f->result.information, 0x1000);
}

static void information_lies_behind_the_modules_if_low_memory_is_full(void **state)
{
	static uint8_t bytes[0x1800];
	struct load_fixture *f = *state;

	builder_put32(&f->builder, BUILDER_PROGRAM_HEADERS + 12, 0x1000);
	builder_put32(&f->builder, BUILDER_PROGRAM_HEADERS + 20, 0x100000);
	builder_put32(&f->builder, BUILDER_ENTRY, 0x1000);
	load_fixture_add_module(f, bytes, sizeof(bytes));
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(module_word(f, 0, 0), 0x101000);
	assert_int_equal(f->result.information, 0x103000);
}

static void long_command_lines_are_kept_whole(void **state)
{
	struct load_fixture *f = *state;
	size_t length = 0xa0000;
	char *arguments = malloc(length + 1);

	memset(arguments, 'a', length);
	arguments[length] = 0;
	f->arguments = arguments;
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(f->result.information, 0x101000);
	assert_int_equal(strlen(info_string(f, INFO_CMDLINE)), length + 7);
	assert_int_equal(load_fixture_load_in(f, 0x1a0000), STATUS_NO_MEMORY);
	assert_non_null(strstr(f->result.error, "kernel: no room for its multiboot information"));
	free(arguments);
}

static void modules_without_room_are_refused(void **state)
{
	static uint8_t bytes[0x2000];
	struct load_fixture *f = *state;

	load_fixture_add_module(f, bytes, 0x1000);
	load_fixture_add_module(f, bytes, 0x1001);
	f->modules[1].image.name = "big.img";
	assert_int_equal(load_fixture_load_in(f, 0x104000), STATUS_OK);
	assert_int_equal(load_fixture_load_in(f, 0x103000), STATUS_NO_MEMORY);
	assert_non_null(
		strstr(f->result.error, "kernel: no room behind it for its module big.img"));
	f->modules[1].image.size_bytes = UINT64_MAX;
	assert_int_equal(load_fixture_load(f), STATUS_NO_MEMORY);
}

static void too_many_modules_are_refused(void **state)
{
	struct load_fixture *f = *state;

	for (size_t i = 0; i < IMAGE_MODULES_MAX; i++) {
		load_fixture_add_module(f, (const uint8_t *)"m", 1);
	}
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(info(f, INFO_MODS_COUNT), IMAGE_MODULES_MAX);
	load_fixture_add_module(f, (const uint8_t *)"m", 1);
	load_fixture_expect(f, STATUS_NO_MEMORY, " modules");
}

static void elf64_is_refused_with_the_way_out(void **state)
{
	struct load_fixture *f = *state;

	f->builder.bytes[4] = 2;
	load_fixture_expect(f, STATUS_INVALID, "64-bit ELF: convert it with objcopy -O elf32-i386");
}

static void every_truncation_of_an_elf_is_an_error(void **state)
{
	struct load_fixture *f = *state;

	for (size_t size = 0; size < f->builder.size_bytes; size++) {
		assert_int_not_equal(
			load_fixture_load_cut(f, LOAD_FIXTURE_MEMORY, size), STATUS_OK);
	}
}

static void memory_that_the_guest_does_not_have_is_not_written(void **state)
{
	struct load_fixture *f = *state;

	f->guest.memory.region_count = 0;
	load_fixture_expect(f, STATUS_RANGE, "no RAM for all of the segment at 0x100000");
	f->guest.memory.region_count = 1;
	f->guest.memory.regions[0].guest = gpa(0x100000);
	load_fixture_expect(f, STATUS_NO_MEMORY, "no RAM for its multiboot information");
	f->guest.memory.regions[0].size_bytes = 0x1000;
	load_fixture_add_module(f, (const uint8_t *)"m", 1);
	load_fixture_expect(f, STATUS_NO_MEMORY, "no RAM for its module");
}

static void memory_below_the_image_is_refused_in_each_size(void **state)
{
	static const uint64_t sizes[] = {0, 1, 0x1000, 0x9fc00, 0xfffff, 0x100000, 0x1007ff};
	struct load_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		assert_int_equal(load_fixture_load_in(f, sizes[i]), STATUS_RANGE);
	}
	assert_int_equal(load_fixture_load_in(f, KERNEL_END), STATUS_OK);
}

static void memory_beyond_the_device_hole_is_told_and_not_used(void **state)
{
	struct load_fixture *f = *state;
	struct map_entry map[5];

	assert_int_equal(load_fixture_load_in(f, GIB(8)), STATUS_OK);
	assert_int_equal(info(f, INFO_MEM_UPPER), (3u << 20) - 1024);
	assert_int_equal(read_map(f, map), 5);
	assert_int_equal(map[3].base, MIB(1));
	assert_int_equal(map[3].length, GIB(3) - MIB(1));
	assert_int_equal(map[4].base, GIB(4));
	assert_int_equal(map[4].length, GIB(5));
}

#define RULE(test)                                                                                 \
	cmocka_unit_test_setup_teardown(test, load_fixture_set_up, load_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(elf_is_loaded_and_its_bss_zeroed),
		RULE(information_tells_what_qemu_tells),
		RULE(command_line_without_arguments_is_the_name),
		RULE(memory_map_looks_like_a_pc),
		RULE(small_memory_is_told_honestly),
		RULE(modules_lie_on_pages_behind_the_image),
		RULE(modules_of_a_low_image_jump_over_the_hole),
		RULE(information_lies_below_640_kib_if_it_fits),
		RULE(information_lies_behind_the_modules_if_low_memory_is_full),
		RULE(long_command_lines_are_kept_whole),
		RULE(modules_without_room_are_refused),
		RULE(too_many_modules_are_refused),
		RULE(elf64_is_refused_with_the_way_out),
		RULE(every_truncation_of_an_elf_is_an_error),
		RULE(memory_that_the_guest_does_not_have_is_not_written),
		RULE(memory_below_the_image_is_refused_in_each_size),
		RULE(memory_beyond_the_device_hole_is_told_and_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
