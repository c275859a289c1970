/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/load_linux.c vm/linux_setup_header.c vm/linux_boot_area.c vm/load_plan.c vm/e820.c
 * vm/memory_layout.c vm/guest_memory.c lib/format.c tests/host/image_builder.c
 * tests/host/linux_image_builder.c */
#include "lib/bits.h"
#include "tests/host/linux_image_builder.h"
#include "vm/linux_boot_area.h"
#include "vm/load_linux.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	MEMORY_SIZE = 16 << 20,
	UNTOUCHED = 0xa5,
};

/* The guest, the image and what it is told, of one test. */
struct fixture {
	struct builder_guest guest;
	struct builder builder;
	struct linux_boot boot;
	struct load_result result;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->guest = builder_guest_new(MEMORY_SIZE);
	linux_image_builder(&f->builder);
	f->boot.memory_size_bytes = MEMORY_SIZE;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	builder_guest_free(&f->guest);
	free(f);
	return 0;
}

static enum status load_cut(struct fixture *f, size_t size_bytes)
{
	enum status status;

	f->boot.kernel = builder_image(&f->builder, size_bytes);
	status = load_linux(&f->guest.memory, &f->boot, &f->result);
	builder_free(&f->boot.kernel);
	assert_true((status == STATUS_OK) == (f->result.error[0] == 0));
	return status;
}

static enum status load(struct fixture *f)
{
	return load_cut(f, f->builder.size_bytes);
}

/* Wants this status and an error that names the image and says this. */
static void expect(struct fixture *f, enum status status, const char *error)
{
	assert_int_equal(load(f), status);
	if (strncmp(f->result.error, "kernel: ", 8) != 0 ||
		strstr(f->result.error, error) == NULL) {
		fail_msg("the error is: %s", f->result.error);
	}
}

static uint32_t zero_page(const struct fixture *f, uint64_t offset)
{
	return builder_guest_get32(&f->guest, f->result.information + offset);
}

static uint64_t guest_word(const struct fixture *f, uint64_t address)
{
	return builder_guest_get32(&f->guest, address) |
	       (uint64_t)builder_guest_get32(&f->guest, address + 4) << 32;
}

static void the_code_lies_at_its_preferred_address(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->result.entry, LINUX_BUILT_START + 0x200);
	assert_int_equal(f->result.image_start, LINUX_BUILT_START);
	assert_int_equal(f->result.image_end, LINUX_BUILT_START + LINUX_BUILT_INIT_SIZE);
	assert_memory_equal(f->guest.ram + LINUX_BUILT_START, f->builder.bytes + LINUX_BUILT_CODE,
		LINUX_BUILT_CODE_SIZE);
	assert_int_equal(f->guest.ram[LINUX_BUILT_START + LINUX_BUILT_CODE_SIZE], UNTOUCHED);
	assert_int_equal(f->guest.ram[LINUX_BUILT_START - 1], UNTOUCHED);
}

static void a_relocatable_kernel_is_moved_up_to_its_alignment(void **state)
{
	struct fixture *f = *state;

	builder_put32(&f->builder, LINUX_PREF_ADDRESS, 0x201000);
	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->result.image_start, 0x400000);
	f->builder.bytes[LINUX_RELOCATABLE_KERNEL] = 0;
	builder_put32(&f->builder, LINUX_KERNEL_ALIGNMENT, 0);
	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->result.image_start, 0x201000);
}

static void the_least_address_and_the_least_room_will_do(void **state)
{
	struct fixture *f = *state;

	builder_put32(&f->builder, LINUX_PREF_ADDRESS, MIB(1));
	builder_put32(&f->builder, LINUX_KERNEL_ALIGNMENT, MIB(1));
	builder_put32(&f->builder, LINUX_INIT_SIZE, LINUX_BUILT_CODE_SIZE);
	f->boot.memory_size_bytes = MIB(1) + LINUX_BUILT_CODE_SIZE;
	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->result.image_start, MIB(1));
	assert_int_equal(f->result.image_end, MIB(1) + LINUX_BUILT_CODE_SIZE);
}

static void setup_sects_of_0_means_4(void **state)
{
	struct fixture *f = *state;

	f->builder.bytes[LINUX_SETUP_SECTS] = 0;
	f->builder.size_bytes = 5 * 512 + LINUX_BUILT_CODE_SIZE;
	assert_int_equal(load(f), STATUS_OK);
	assert_memory_equal(f->guest.ram + LINUX_BUILT_START, f->builder.bytes + 5 * 512,
		LINUX_BUILT_CODE_SIZE);
	f->builder.size_bytes--;
	expect(f, STATUS_TRUNCATED, "from 0xa00 on");
}

static void a_signature_behind_the_code_is_left_out(void **state)
{
	struct fixture *f = *state;

	f->builder.size_bytes += 0x100;
	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->guest.ram[LINUX_BUILT_START + LINUX_BUILT_CODE_SIZE], UNTOUCHED);
}

static void the_zero_page_has_the_header_with_the_loader_s_fields(void **state)
{
	struct fixture *f = *state;
	uint8_t fields[0x26c];

	memcpy(fields, f->builder.bytes, sizeof(fields));
	assert_int_equal(load(f), STATUS_OK);
	memset(fields + LINUX_VID_MODE, 0xff, 2);
	fields[LINUX_TYPE_OF_LOADER] = 0xff;
	fields[LINUX_LOADFLAGS] = 0x01;
	memcpy(fields + LINUX_CODE32_START, &(uint32_t){LINUX_BUILT_START}, 4);
	memset(fields + LINUX_RAMDISK_IMAGE, 0, 8);
	memset(fields + LINUX_HEAP_END_PTR, 0, 2);
	memcpy(fields + LINUX_CMD_LINE_PTR, &(uint32_t){LINUX_COMMAND_LINE}, 4);
	memset(fields + LINUX_SETUP_DATA, 0, 8);
	assert_memory_equal(f->guest.ram + f->result.information + 0x1f1, fields + 0x1f1,
		sizeof(fields) - 0x1f1);
}

static void the_zero_page_is_zero_where_nothing_is_told(void **state)
{
	struct fixture *f = *state;
	const uint8_t *page;

	assert_int_equal(load(f), STATUS_OK);
	page = f->guest.ram + f->result.information;
	for (size_t i = 0; i < 0x1e8; i++) {
		assert_int_equal(page[i], 0);
	}
	for (size_t i = 0x1e9; i < 0x1f1; i++) {
		assert_int_equal(page[i], 0);
	}
	for (size_t i = 0x26c; i < 0x2d0; i++) {
		assert_int_equal(page[i], 0);
	}
	for (size_t i = 0x2d0 + page[0x1e8] * 20u; i < 0x1000; i++) {
		assert_int_equal(page[i], 0);
	}
}

static void headers_of_protocol_2_12_and_of_later_ones_are_taken_whole(void **state)
{
	struct fixture *f = *state;

	builder_put16(&f->builder, LINUX_VERSION, 0x20c);
	f->builder.bytes[LINUX_JUMP_DISTANCE] = 0x66;
	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(zero_page(f, 0x268), 0);
	builder_put16(&f->builder, LINUX_VERSION, 0x300);
	f->builder.bytes[LINUX_JUMP_DISTANCE] = 0x8e;
	assert_int_equal(load(f), STATUS_OK);
	assert_memory_equal(f->guest.ram + f->result.information + 0x268, f->builder.bytes + 0x268,
		0x290 - 0x268);
	assert_int_equal(zero_page(f, 0x290), 0);
}

static void the_memory_map_is_told(void **state)
{
	static const struct e820_entry areas[] = {{0xe0000, 0x2000, E820_ACPI_DATA}};
	struct fixture *f = *state;
	struct e820_map map;

	f->boot.rom_areas = areas;
	f->boot.rom_area_count = 1;
	f->boot.rsdp = gpa(0xe0000);
	f->boot.memory_size_bytes = GIB(8);
	assert_int_equal(load(f), STATUS_OK);
	e820_make(&map, GIB(8), areas, 1);
	assert_int_equal(map.count, 8);
	assert_int_equal(f->guest.ram[f->result.information + 0x1e8], map.count);
	assert_memory_equal(
		f->guest.ram + f->result.information + 0x2d0, map.entries, map.count * 20);
	assert_int_equal(guest_word(f, f->result.information + 0x70), 0xe0000);
}

static void the_command_line_is_told(void **state)
{
	struct fixture *f = *state;

	f->boot.command_line = "console=ttyS0 quiet";
	assert_int_equal(load(f), STATUS_OK);
	assert_string_equal((const char *)f->guest.ram + zero_page(f, LINUX_CMD_LINE_PTR),
		"console=ttyS0 quiet");
	f->boot.command_line = NULL;
	assert_int_equal(load(f), STATUS_OK);
	assert_string_equal((const char *)f->guest.ram + zero_page(f, LINUX_CMD_LINE_PTR), "");
}

static void a_command_line_that_is_too_long_is_refused(void **state)
{
	static char text[LINUX_COMMAND_LINE_ROOM + 1];
	struct fixture *f = *state;

	memset(text, 'a', sizeof(text) - 1);
	text[LINUX_BUILT_CMDLINE_SIZE + 1] = 0;
	f->boot.command_line = text;
	expect(f, STATUS_RANGE, "its command line has 32 characters, it takes 31 at most");
	text[LINUX_BUILT_CMDLINE_SIZE] = 0;
	assert_int_equal(load(f), STATUS_OK);
	/* A kernel that takes any length: low memory is the limit. */
	builder_put32(&f->builder, LINUX_CMDLINE_SIZE, UINT32_MAX);
	memset(text, 'a', sizeof(text) - 1);
	expect(f, STATUS_RANGE, "its command line has");
	text[LINUX_COMMAND_LINE_ROOM - 1] = 0;
	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->guest.ram[LOW_MEMORY_END], UNTOUCHED);
}

static void the_initrd_lies_as_high_as_it_may(void **state)
{
	static uint8_t bytes[0x1801];
	struct fixture *f = *state;

	memset(bytes, 0x77, sizeof(bytes));
	f->boot.initrd = (struct image){"initrd.img", bytes, sizeof(bytes)};
	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->result.initrd_start, MEMORY_SIZE - 0x2000);
	assert_int_equal(f->result.initrd_end, MEMORY_SIZE - 0x2000 + sizeof(bytes));
	assert_int_equal(zero_page(f, LINUX_RAMDISK_IMAGE), MEMORY_SIZE - 0x2000);
	assert_int_equal(zero_page(f, LINUX_RAMDISK_SIZE), sizeof(bytes));
	assert_memory_equal(f->guest.ram + MEMORY_SIZE - 0x2000, bytes, sizeof(bytes));
	builder_put32(&f->builder, LINUX_INITRD_ADDR_MAX, 0x7fffff);
	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->result.initrd_start, 0x7fe000);
}

static void an_initrd_without_room_is_refused(void **state)
{
	static uint8_t bytes[0x2000];
	struct fixture *f = *state;

	f->boot.initrd = (struct image){"initrd.img", bytes, sizeof(bytes)};
	builder_put32(&f->builder, LINUX_INITRD_ADDR_MAX, LINUX_BUILT_START + 0x5fff);
	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->result.initrd_start, f->result.image_end);
	builder_put32(&f->builder, LINUX_INITRD_ADDR_MAX, LINUX_BUILT_START + 0x5ffe);
	expect(f, STATUS_NO_MEMORY,
		"no room for its initrd initrd.img, size=0x2000: it wants it lower");
	builder_put32(&f->builder, LINUX_INITRD_ADDR_MAX, UINT32_MAX);
	f->boot.memory_size_bytes = LINUX_BUILT_START + 0x5fff;
	expect(f, STATUS_NO_MEMORY, "size=0x2000: mem= gives more");
	f->boot.initrd.size_bytes = UINT64_MAX;
	expect(f, STATUS_NO_MEMORY, "mem= gives more");
}

/* Walks the guest's page tables, and returns the entry that maps the address. */
static uint64_t walk(const struct fixture *f, uint64_t address)
{
	uint64_t table = f->result.page_tables;

	for (unsigned shift = 39; shift > 21; shift -= 9) {
		uint64_t entry = guest_word(f, table + 8 * bits_get(address, shift + 8, shift));

		assert_int_equal(entry & 0xfff, 3);
		table = entry & ~0xfffull;
	}
	return guest_word(f, table + 8 * bits_get(address, 29, 21));
}

static void page_tables_map_4_gib_onto_themselves(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->result.page_tables & 0xfff, 0);
	for (uint64_t address = 0; address < GIB(4); address += PAGE_SIZE_2M) {
		assert_int_equal(walk(f, address), address | 0x83);
	}
	for (uint64_t i = 1; i < 512; i++) {
		assert_int_equal(guest_word(f, f->result.page_tables + 8 * i), 0);
	}
}

static void the_gdt_has_the_protocol_s_segments(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f), STATUS_OK);
	assert_int_equal(f->result.gdt_limit, 31);
	assert_int_equal(guest_word(f, f->result.gdt), 0);
	assert_int_equal(guest_word(f, f->result.gdt + 8), 0);
	assert_int_equal(guest_word(f, f->result.gdt + 0x10), 0x00af9b000000ffff);
	assert_int_equal(guest_word(f, f->result.gdt + 0x18), 0x00cf93000000ffff);
}

static void low_memory_is_left_to_the_firmware(void **state)
{
	struct fixture *f = *state;

	f->boot.command_line = "quiet";
	assert_int_equal(load(f), STATUS_OK);
	for (size_t i = 0; i < LINUX_BOOT_AREA_ADDRESS; i++) {
		assert_int_equal(f->guest.ram[i], UNTOUCHED);
	}
	for (size_t i = LINUX_COMMAND_LINE + 6; i < MIB(1); i++) {
		assert_int_equal(f->guest.ram[i], UNTOUCHED);
	}
}

/* A field of one, two or four bytes with a wrong value, and what is said of it. */
struct fault {
	size_t offset;
	unsigned width_bytes;
	uint32_t value;
	enum status status;
	const char *error;
};

static void every_bad_field_is_told_by_name(void **state)
{
	static const struct fault faults[] = {
		{LINUX_BOOT_FLAG_FIELD, 2, 0x55aa, STATUS_INVALID, "boot_flag=0x55aa, not 0xaa55"},
		{LINUX_HEADER, 4, 0x53726449, STATUS_INVALID, "no magic HdrS"},
		{LINUX_VERSION, 2, 0x20b, STATUS_UNSUPPORTED, "boot protocol is 2.11: 2.12"},
		{LINUX_VERSION, 2, 0x1ff, STATUS_UNSUPPORTED, "boot protocol is 1.255: 2.12"},
		{LINUX_JUMP_DISTANCE, 1, 0x65, STATUS_INVALID, "setup header ends at 0x267"},
		{LINUX_JUMP_DISTANCE, 1, 0x8f, STATUS_INVALID, "setup header ends at 0x291"},
		{LINUX_LOADFLAGS, 1, 0x80, STATUS_UNSUPPORTED, "it is a zImage"},
		{LINUX_XLOADFLAGS, 2, 0x7e, STATUS_UNSUPPORTED, "no 64-bit entry"},
		{LINUX_SYSSIZE, 4, 0x20, STATUS_INVALID, "ends before the 64-bit entry"},
		{LINUX_SYSSIZE, 4, 0, STATUS_INVALID, "is 0x0 bytes and ends before"},
		{LINUX_SYSSIZE, 4, 0x81, STATUS_TRUNCATED,
			"0x810 bytes from 0x400 on, the file 0xc00: is it cut off?"},
		{LINUX_SYSSIZE, 4, UINT32_MAX, STATUS_TRUNCATED, "is it cut off?"},
		{LINUX_SETUP_SECTS, 1, 2, STATUS_TRUNCATED, "from 0x600 on"},
		{LINUX_PAYLOAD_OFFSET, 4, 0x301, STATUS_INVALID,
			"payload (0x500 bytes at 0x301) lies outside"},
		{LINUX_PAYLOAD_LENGTH, 4, UINT32_MAX, STATUS_INVALID, "lies outside its code"},
		{LINUX_INIT_SIZE, 4, 0x7ff, STATUS_INVALID, "init_size=0x7ff is less"},
		{LINUX_PREF_ADDRESS, 4, 0xfffff, STATUS_RANGE, "pref_address=0xfffff is not"},
		{LINUX_PREF_ADDRESS + 4, 4, 1, STATUS_RANGE, "pref_address=0x100200000 is not"},
		{LINUX_KERNEL_ALIGNMENT, 4, 0, STATUS_INVALID, "kernel_alignment=0x0 is no"},
		{LINUX_KERNEL_ALIGNMENT, 4, 0x300000, STATUS_INVALID, "=0x300000 is no power"},
		{LINUX_KERNEL_ALIGNMENT, 4, 0x2000000, STATUS_RANGE, "0x4000 bytes at 0x2000000"},
		{LINUX_INIT_SIZE, 4, MEMORY_SIZE - LINUX_BUILT_START + 1, STATUS_RANGE,
			"it needs 0xe00001 bytes at 0x200000, memory ends at 0x1000000"},
		{LINUX_PREF_ADDRESS, 4, UINT32_MAX, STATUS_RANGE, "bytes at 0x100000000"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
		linux_image_builder(&f->builder);
		assert_int_equal(load(f), STATUS_OK);
		memcpy(f->builder.bytes + faults[i].offset, &faults[i].value,
			faults[i].width_bytes);
		expect(f, faults[i].status, faults[i].error);
	}
}

static void memory_above_the_device_hole_is_of_no_use_to_a_kernel(void **state)
{
	struct fixture *f = *state;

	f->boot.memory_size_bytes = GIB(8);
	builder_put32(&f->builder, LINUX_PREF_ADDRESS, 0xc0000000);
	expect(f, STATUS_RANGE, "it needs 0x4000 bytes at 0xc0000000, memory ends at 0xc0000000");
}

static void every_truncation_is_an_error(void **state)
{
	struct fixture *f = *state;

	for (size_t size = 0; size < f->builder.size_bytes; size++) {
		assert_int_equal(load_cut(f, size), STATUS_TRUNCATED);
	}
}

static void memory_that_the_guest_does_not_have_is_not_written(void **state)
{
	struct fixture *f = *state;
	struct guest_memory_region *region = &f->guest.memory.regions[0];

	f->guest.memory.region_count = 0;
	expect(f, STATUS_RANGE, "no RAM for all of it from 0x200000 to 0x204000");
	f->guest.memory.region_count = 1;
	region->guest = gpa(MIB(1));
	expect(f, STATUS_RANGE, "no RAM for its command line");
	region->guest = gpa(LINUX_COMMAND_LINE);
	expect(f, STATUS_RANGE, "no RAM for its zero page");
	region->guest = gpa(0);
	region->size_bytes = 0x204000;
	f->boot.initrd = (struct image){"initrd.img", (const uint8_t *)"i", 1};
	expect(f, STATUS_RANGE, "no RAM for its initrd initrd.img at 0xfff000");
}

static void candidates_are_known_by_the_magic(void **state)
{
	struct fixture *f = *state;
	struct image image = builder_image(&f->builder, 0x206);

	assert_true(load_linux_is_candidate(&image));
	builder_free(&image);
	image = builder_image(&f->builder, 0x205);
	assert_false(load_linux_is_candidate(&image));
	builder_free(&image);
	builder_kernel(&f->builder);
	image = builder_image(&f->builder, f->builder.size_bytes);
	assert_false(load_linux_is_candidate(&image));
	builder_free(&image);
}

#define RULE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(the_code_lies_at_its_preferred_address),
		RULE(a_relocatable_kernel_is_moved_up_to_its_alignment),
		RULE(the_least_address_and_the_least_room_will_do),
		RULE(setup_sects_of_0_means_4),
		RULE(a_signature_behind_the_code_is_left_out),
		RULE(the_zero_page_has_the_header_with_the_loader_s_fields),
		RULE(the_zero_page_is_zero_where_nothing_is_told),
		RULE(headers_of_protocol_2_12_and_of_later_ones_are_taken_whole),
		RULE(the_memory_map_is_told),
		RULE(the_command_line_is_told),
		RULE(a_command_line_that_is_too_long_is_refused),
		RULE(the_initrd_lies_as_high_as_it_may),
		RULE(an_initrd_without_room_is_refused),
		RULE(page_tables_map_4_gib_onto_themselves),
		RULE(the_gdt_has_the_protocol_s_segments),
		RULE(low_memory_is_left_to_the_firmware),
		RULE(every_bad_field_is_told_by_name),
		RULE(memory_above_the_device_hole_is_of_no_use_to_a_kernel),
		RULE(every_truncation_is_an_error),
		RULE(memory_that_the_guest_does_not_have_is_not_written),
		RULE(candidates_are_known_by_the_magic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
