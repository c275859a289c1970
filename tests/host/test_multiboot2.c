/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/multiboot2.c tests/host/blob_builder.c */
#include "boot/multiboot2.h"

#include "tests/host/blob_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Parses from memory of just that size, aligned as GRUB's, so that ASan sees each read behind it.
 */
static enum status parse(
	const struct blob *blob, size_t size_bytes, struct boot_info *info, uint8_t **copy)
{
	*copy = malloc(size_bytes);
	assert_true(*copy != NULL || size_bytes == 0);
	if (size_bytes != 0) {
		memcpy(*copy, blob->bytes, size_bytes);
	}
	return multiboot2_parse(*copy, size_bytes, info);
}

static void expect(const struct blob *blob, enum status status, const char *error)
{
	struct boot_info info;
	uint8_t *copy;

	assert_int_equal(parse(blob, blob->size_bytes, &info, &copy), status);
	if (error == NULL) {
		assert_null(info.error);
	} else {
		assert_non_null(info.error);
		assert_non_null(strstr(info.error, error));
	}
	free(copy);
}

static void every_known_tag_is_taken(void **state)
{
	struct blob blob;
	struct boot_info info;
	uint8_t *copy;

	(void)state;
	blob_make_full(&blob);
	assert_int_equal(parse(&blob, blob.size_bytes, &info, &copy), STATUS_OK);
	assert_null(info.error);
	assert_string_equal(info.command_line, "mode=run console=com1");
	assert_string_equal(info.loader_name, "GRUB 2.06");
	assert_int_equal(info.module_count, 2);
	assert_int_equal((uintptr_t)info.modules[0].start, 0x200000);
	assert_int_equal(info.modules[0].size_bytes, 0x34567);
	assert_string_equal(info.modules[0].command_line, "guest=one -- arg");
	assert_int_equal(info.modules[1].size_bytes, 0);
	assert_string_equal(info.modules[1].command_line, "");
	assert_int_equal(info.memory_count, 3);
	assert_int_equal(info.memory[1].base, 0x9fc00);
	assert_int_equal(info.memory[1].size_bytes, 0x400);
	assert_int_equal(info.memory[1].type, 2);
	assert_int_equal(info.memory[2].size_bytes, 0x7f00000);
	assert_int_equal(info.elf.count, 3);
	assert_int_equal(info.elf.entry_size_bytes, 64);
	assert_int_equal(info.elf.string_index, 2);
	assert_true(info.elf.headers > copy && info.elf.headers < copy + blob.size_bytes);
	assert_int_equal(info.rsdp_size_bytes, BLOB_RSDP_V2);
	assert_memory_equal(info.rsdp, "RSD PTR ", 8);
	assert_int_equal(info.start, (uintptr_t)copy);
	assert_int_equal(info.size_bytes, blob.size_bytes);
	free(copy);
}

static void empty_information_is_valid(void **state)
{
	struct blob blob;
	struct boot_info info;

	(void)state;
	blob_start(&blob);
	blob_finish(&blob);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_OK);
	assert_string_equal(info.command_line, "");
	assert_string_equal(info.loader_name, "");
	assert_null(info.rsdp);
	assert_null(info.elf.headers);
	assert_int_equal(info.framebuffer.type, BOOT_FRAMEBUFFER_NONE);
}

/* Cut at each length, once as the limit cuts it and once with total_size saying so too. */
static void every_truncation_is_an_error(void **state)
{
	struct blob blob;
	struct boot_info info;
	uint8_t *copy;

	(void)state;
	blob_make_full(&blob);
	for (size_t size = 0; size < blob.size_bytes; size++) {
		assert_int_equal(parse(&blob, size, &info, &copy), STATUS_TRUNCATED);
		assert_non_null(info.error);
		free(copy);
	}
	for (size_t size = 8; size < blob.size_bytes; size++) {
		blob_set32(&blob, 0, (uint32_t)size);
		assert_int_equal(parse(&blob, size, &info, &copy), STATUS_TRUNCATED);
		assert_non_null(info.error);
		free(copy);
	}
}

/* Each 32-bit word made huge, zero, one and odd: an error or a result, never a read outside. */
static void every_hostile_word_is_survived(void **state)
{
	static const uint32_t values[] = {0, 1, 7, 9, 23, 0x7fffffff, 0xfffffff8, 0xffffffff};
	struct blob blob;
	struct boot_info info;
	uint8_t *copy;

	(void)state;
	blob_make_full(&blob);
	for (size_t at = 0; at < blob.size_bytes; at += 4) {
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			struct blob broken = blob;
			enum status status;

			blob_set32(&broken, at, values[i]);
			status = parse(&broken, broken.size_bytes, &info, &copy);
			assert_true((status == STATUS_OK) == (info.error == NULL));
			assert_true(strlen(info.command_line) < blob.size_bytes);
			free(copy);
		}
	}
}

static void what_came_before_a_broken_tag_is_kept(void **state)
{
	struct blob blob;
	struct boot_info info;
	size_t at;

	(void)state;
	blob_start(&blob);
	blob_tag(&blob, 1, "first", 6);
	at = blob_tag_module(&blob, 0x1000, 0x2000, "good");
	blob_tag_module(&blob, 0x2000, 0x1fff, "bad");
	blob_tag(&blob, 2, "later", 6);
	blob_finish(&blob);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_INVALID);
	assert_string_equal(info.error, "module tag: the end lies before the start");
	assert_string_equal(info.command_line, "first");
	assert_int_equal(info.module_count, 1);
	assert_ptr_equal(info.modules[0].command_line, (const char *)blob.bytes + at + 16);
	assert_string_equal(info.loader_name, "");
}

static void strings_must_end_inside_their_tag(void **state)
{
	struct blob blob;
	size_t at;

	(void)state;
	for (uint32_t type = 1; type <= 2; type++) {
		blob_start(&blob);
		blob_tag(&blob, type, "12345678", 8);
		blob_finish(&blob);
		expect(&blob, STATUS_INVALID, "does not end");
		blob_start(&blob);
		blob_tag(&blob, type, "", 0);
		blob_finish(&blob);
		expect(&blob, STATUS_INVALID, "too short");
	}
	blob_start(&blob);
	at = blob_tag_module(&blob, 0, 0, "1234567");
	blob.bytes[at + 23] = 'x';
	blob_finish(&blob);
	expect(&blob, STATUS_INVALID, "module tag: the command line does not end");
}

static void tags_too_short_for_their_fields_are_refused(void **state)
{
	static const struct {
		uint32_t type;
		size_t payload_max;
	} rules[] = {{1, 0}, {2, 0}, {3, 8}, {6, 7}, {8, 23}, {9, 11}, {14, 19}, {15, 35}};
	static const uint8_t zeros[64];
	struct blob blob;

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		blob_start(&blob);
		blob_tag(&blob, rules[i].type, zeros, rules[i].payload_max);
		blob_finish(&blob);
		expect(&blob, STATUS_INVALID, "too short");
	}
}

static void tag_smaller_than_its_header_is_refused(void **state)
{
	struct blob blob;
	size_t at;

	(void)state;
	for (uint32_t size = 0; size < 8; size++) {
		blob_start(&blob);
		at = blob_tag(&blob, 1, "x", 2);
		blob_finish(&blob);
		blob_set32(&blob, at + 4, size);
		expect(&blob, STATUS_INVALID, "smaller than its own header");
	}
}

static void total_size_must_be_sound(void **state)
{
	struct blob blob;
	struct boot_info info;

	(void)state;
	blob_start(&blob);
	blob_finish(&blob);
	blob_set32(&blob, 0, 7);
	expect(&blob, STATUS_INVALID, "smaller than its own header");
	blob_set32(&blob, 0, 8);
	expect(&blob, STATUS_TRUNCATED, "no end tag");
	blob_set32(&blob, 0, 17);
	expect(&blob, STATUS_TRUNCATED, "larger than its limit");
	assert_int_equal(multiboot2_parse(NULL, 0, &info), STATUS_TRUNCATED);
}

static void too_many_modules_and_ranges_are_counted(void **state)
{
	static struct blob_range ranges[BOOT_MEMORY_RANGES_MAX + 3];
	struct blob blob;
	struct boot_info info;

	(void)state;
	for (size_t i = 0; i < BOOT_MEMORY_RANGES_MAX + 3; i++) {
		ranges[i] = (struct blob_range){i << 20, 0x1000, 1};
	}
	blob_start(&blob);
	blob_tag_memory(&blob, ranges, BOOT_MEMORY_RANGES_MAX + 3, 24);
	for (uint32_t i = 0; i < BOOT_MODULES_MAX + 2; i++) {
		blob_tag_module(&blob, i, i, "m");
	}
	blob_finish(&blob);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_OK);
	assert_int_equal(info.module_count, BOOT_MODULES_MAX);
	assert_int_equal(info.dropped_modules, 2);
	assert_int_equal(info.memory_count, BOOT_MEMORY_RANGES_MAX);
	assert_int_equal(info.dropped_memory_ranges, 3);
}

static struct boot_framebuffer parse_screen(const struct blob_screen *screen)
{
	struct blob blob;
	struct boot_info info;

	blob_start(&blob);
	blob_tag_screen(&blob, screen);
	blob_finish(&blob);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_OK);
	return info.framebuffer;
}

static void framebuffer_of_pixels_and_of_text_are_known(void **state)
{
	struct boot_framebuffer screen = parse_screen(&blob_rgb_screen);

	(void)state;
	assert_int_equal(screen.type, BOOT_FRAMEBUFFER_RGB);
	assert_int_equal(screen.address, 0xc0000000);
	assert_int_equal(screen.pitch_bytes, 4096);
	assert_int_equal(screen.width, 1024);
	assert_int_equal(screen.height, 768);
	assert_int_equal(screen.bits_per_pixel, 32);
	assert_int_equal(screen.red_shift, 16);
	assert_int_equal(screen.green_shift, 8);
	assert_int_equal(screen.blue_shift, 0);
	screen = parse_screen(&blob_text_screen);
	assert_int_equal(screen.type, BOOT_FRAMEBUFFER_TEXT);
	assert_int_equal(screen.address, 0xb8000);
	assert_int_equal(screen.width, 80);
	assert_int_equal(screen.height, 25);
}

static void framebuffer_that_cannot_be_is_none(void **state)
{
	struct blob_screen broken[10];

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		broken[i] = blob_rgb_screen;
	}
	broken[0].type = 0;
	broken[1].type = 3;
	broken[2].width = 1025;
	broken[3].width = 0x40000001;
	broken[4].height = 0;
	broken[5].address = UINT64_MAX - 4096;
	broken[6].bits = 8;
	broken[7].colours[0] = 25;
	broken[8].colours[5] = 33;
	broken[9].address = 0;
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(parse_screen(&broken[i]).type, BOOT_FRAMEBUFFER_NONE);
	}
}

static void framebuffer_of_fifteen_bits_takes_two_bytes_a_pixel(void **state)
{
	struct blob_screen screen = {0xc0000000, 1600, 800, 600, 15, 1, {10, 5, 5, 5, 0, 5}};

	(void)state;
	assert_int_equal(parse_screen(&screen).type, BOOT_FRAMEBUFFER_RGB);
	screen.pitch = 1599;
	assert_int_equal(parse_screen(&screen).type, BOOT_FRAMEBUFFER_NONE);
}

static void framebuffer_without_its_colours_is_refused(void **state)
{
	struct blob blob;
	size_t at;

	(void)state;
	blob_start(&blob);
	at = blob_tag_screen(&blob, &blob_rgb_screen);
	blob_finish(&blob);
	blob_set32(&blob, at + 4, 37);
	expect(&blob, STATUS_INVALID, "no room for the colours");
}

static void elf_sections_must_fit_their_tag(void **state)
{
	static const struct {
		uint32_t count;
		uint32_t entry_size;
		uint32_t strings;
		enum status status;
	} rows[] = {
		{3, 64, 0, STATUS_OK},
		{0, 0, 0, STATUS_OK},
		{4, 64, 0, STATUS_INVALID},
		{3, 65, 0, STATUS_INVALID},
		{3, 0, 0, STATUS_INVALID},
		{3, 64, 3, STATUS_INVALID},
		{0x04000001, 64, 0, STATUS_INVALID},
		{UINT32_MAX, UINT32_MAX, 0, STATUS_INVALID},
	};
	struct blob blob;
	struct boot_info info;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		blob_start(&blob);
		blob_tag_elf(&blob, rows[i].count, rows[i].entry_size, rows[i].strings);
		blob_finish(&blob);
		assert_int_equal(
			multiboot2_parse(blob.bytes, blob.size_bytes, &info), rows[i].status);
		assert_true((info.elf.headers != NULL) == (i == 0));
	}
}

static void rsdp_v2_wins_in_either_order(void **state)
{
	static const uint32_t orders[2][2] = {{14, 15}, {15, 14}};
	uint8_t rsdp[BLOB_RSDP_V2];
	struct blob blob;
	struct boot_info info;

	(void)state;
	blob_make_rsdp(rsdp, BLOB_RSDP_V2);
	for (size_t i = 0; i < 2; i++) {
		blob_start(&blob);
		blob_tag(&blob, orders[i][0], rsdp,
			orders[i][0] == 14 ? BLOB_RSDP_V1 : BLOB_RSDP_V2);
		blob_tag(&blob, orders[i][1], rsdp,
			orders[i][1] == 14 ? BLOB_RSDP_V1 : BLOB_RSDP_V2);
		blob_finish(&blob);
		assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_OK);
		assert_int_equal(info.rsdp_size_bytes, BLOB_RSDP_V2);
	}
}

/* Breaks one byte of a good RSDP v2 and leaves a good v1 beside it. */
static size_t size_found_with_broken_v2(size_t broken_at, uint32_t length)
{
	uint8_t good[BLOB_RSDP_V2];
	uint8_t bad[BLOB_RSDP_V2];
	struct blob blob;
	struct boot_info info;

	blob_make_rsdp(good, BLOB_RSDP_V2);
	blob_make_rsdp(bad, length);
	bad[broken_at] = (uint8_t)(bad[broken_at] + (broken_at == 0 ? 0 : 1));
	blob_start(&blob);
	blob_tag(&blob, 15, bad, BLOB_RSDP_V2);
	blob_tag(&blob, 14, good, BLOB_RSDP_V1);
	blob_finish(&blob);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_OK);
	return info.rsdp_size_bytes;
}

static void rsdp_with_a_bad_checksum_is_ignored(void **state)
{
	uint8_t rsdp[BLOB_RSDP_V2];
	struct blob blob;
	struct boot_info info;

	(void)state;
	assert_int_equal(size_found_with_broken_v2(0, BLOB_RSDP_V2), BLOB_RSDP_V2);
	assert_int_equal(size_found_with_broken_v2(8, BLOB_RSDP_V2), BLOB_RSDP_V1);
	assert_int_equal(size_found_with_broken_v2(32, BLOB_RSDP_V2), BLOB_RSDP_V1);
	assert_int_equal(size_found_with_broken_v2(0, BLOB_RSDP_V2 + 1), BLOB_RSDP_V1);
	assert_int_equal(size_found_with_broken_v2(0, BLOB_RSDP_V1), BLOB_RSDP_V1);
	assert_int_equal(size_found_with_broken_v2(0, UINT32_MAX), BLOB_RSDP_V1);
	blob_make_rsdp(rsdp, BLOB_RSDP_V2);
	rsdp[0] = 'r';
	rsdp[1] = (uint8_t)(rsdp[1] + 'R' - 'r');
	blob_start(&blob);
	blob_tag(&blob, 14, rsdp, BLOB_RSDP_V1);
	blob_finish(&blob);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_OK);
	assert_null(info.rsdp);
}

static void nothing_behind_the_end_tag_is_read(void **state)
{
	struct blob blob;
	struct boot_info info;

	(void)state;
	blob_start(&blob);
	blob_tag(&blob, 0, "", 0);
	blob_tag(&blob, 1, "late", 5);
	blob_finish(&blob);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_OK);
	assert_string_equal(info.command_line, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_known_tag_is_taken),
		cmocka_unit_test(empty_information_is_valid),
		cmocka_unit_test(every_truncation_is_an_error),
		cmocka_unit_test(every_hostile_word_is_survived),
		cmocka_unit_test(what_came_before_a_broken_tag_is_kept),
		cmocka_unit_test(strings_must_end_inside_their_tag),
		cmocka_unit_test(tags_too_short_for_their_fields_are_refused),
		cmocka_unit_test(tag_smaller_than_its_header_is_refused),
		cmocka_unit_test(total_size_must_be_sound),
		cmocka_unit_test(too_many_modules_and_ranges_are_counted),
		cmocka_unit_test(framebuffer_of_pixels_and_of_text_are_known),
		cmocka_unit_test(framebuffer_that_cannot_be_is_none),
		cmocka_unit_test(framebuffer_of_fifteen_bits_takes_two_bytes_a_pixel),
		cmocka_unit_test(framebuffer_without_its_colours_is_refused),
		cmocka_unit_test(elf_sections_must_fit_their_tag),
		cmocka_unit_test(rsdp_v2_wins_in_either_order),
		cmocka_unit_test(rsdp_with_a_bad_checksum_is_ignored),
		cmocka_unit_test(nothing_behind_the_end_tag_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
