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

static void memory_map_honours_the_entry_size(void **state)
{
	static const struct blob_range ranges[] = {{0x1000, 0x2000, 1}, {0x5000, 0x1000, 3}};
	struct blob blob;
	struct boot_info info;

	(void)state;
	blob_start(&blob);
	blob_tag_memory(&blob, ranges, 2, 40);
	blob_finish(&blob);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_OK);
	assert_int_equal(info.memory_count, 2);
	assert_int_equal(info.memory[1].base, 0x5000);
	assert_int_equal(info.memory[1].type, 3);
}

static void memory_map_with_a_broken_entry_size_is_refused(void **state)
{
	static const struct blob_range ranges[] = {{0x1000, 0x2000, 1}, {0x5000, 0x1000, 3}};
	struct blob blob;
	size_t at;

	(void)state;
	blob_start(&blob);
	at = blob_tag_memory(&blob, ranges, 2, 24);
	blob_finish(&blob);
	blob_set32(&blob, at + 8, 0);
	expect(&blob, STATUS_INVALID, "entry size is too small");
	blob_set32(&blob, at + 8, 23);
	expect(&blob, STATUS_INVALID, "entry size is too small");
	blob_set32(&blob, at + 8, 32);
	expect(&blob, STATUS_INVALID, "last entry is cut off");
	blob_set32(&blob, at + 8, UINT32_MAX);
	expect(&blob, STATUS_INVALID, "last entry is cut off");
}

static enum status parse_ranges(
	const struct blob_range *ranges, size_t count, struct boot_info *info)
{
	static struct blob blob;

	blob_start(&blob);
	blob_tag_memory(&blob, ranges, count, 24);
	blob_finish(&blob);
	return multiboot2_parse(blob.bytes, blob.size_bytes, info);
}

static void memory_ranges_may_reach_but_not_pass_the_top(void **state)
{
	struct boot_info info;
	struct blob_range range = {UINT64_MAX - 0xfff, 0x1000, 2};
	struct blob blob;

	(void)state;
	blob_start(&blob);
	blob_tag_memory(&blob, &range, 1, 24);
	blob_finish(&blob);
	expect(&blob, STATUS_OK, NULL);
	/* What is reserved goes up to there then; usable RAM that cannot be is dropped. */
	range.length = 0x1001;
	assert_int_equal(parse_ranges(&range, 1, &info), STATUS_OK);
	assert_int_equal(info.memory_count, 1);
	assert_int_equal(info.memory[0].base, UINT64_MAX - 0xfff);
	assert_int_equal(info.memory[0].size_bytes, 0x1000);
	range = (struct blob_range){UINT64_MAX, UINT64_MAX, 9};
	assert_int_equal(parse_ranges(&range, 1, &info), STATUS_OK);
	assert_int_equal(info.memory[0].size_bytes, 1);
	range.type = 1;
	assert_int_equal(parse_ranges(&range, 1, &info), STATUS_OK);
	assert_int_equal(info.memory_count, 0);
	assert_int_equal(info.dropped_memory_ranges, 1);
	assert_true(info.is_memory_map_whole);
}

/* Without it, or with a broken one, nothing is known of what is reserved. */
static void a_memory_map_that_is_not_whole_is_reported(void **state)
{
	static const struct blob_range ranges[] = {{0x1000, 0x2000, 1}, {0x5000, 0x1000, 3}};
	struct boot_info info;
	struct blob blob;
	size_t at;

	(void)state;
	blob_start(&blob);
	blob_finish(&blob);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_OK);
	assert_false(info.is_memory_map_whole);
	assert_int_equal(parse_ranges(ranges, 2, &info), STATUS_OK);
	assert_true(info.is_memory_map_whole);
	blob_start(&blob);
	at = blob_tag_memory(&blob, ranges, 2, 24);
	blob_finish(&blob);
	blob_set32(&blob, at + 8, 32);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_INVALID);
	assert_false(info.is_memory_map_whole);
	/* The tag ends behind the boot information. */
	blob_start(&blob);
	at = blob_tag_memory(&blob, ranges, 2, 24);
	blob_finish(&blob);
	blob_set32(&blob, at + 4, 0x10000);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_TRUNCATED);
	assert_false(info.is_memory_map_whole);
}

static bool is_reserved(const struct boot_info *info, uint64_t base)
{
	for (size_t i = 0; i < info->memory_count; i++) {
		if (info->memory[i].base == base && info->memory[i].type != 1) {
			return true;
		}
	}
	return false;
}

/* 600 ranges: of usable RAM some go, of what is reserved none, in whatever order they come. */
static void beyond_the_limit_usable_ram_is_dropped_and_nothing_that_is_reserved(void **state)
{
	enum { COUNT = 600, RESERVED = 300 };
	static struct blob_range ranges[COUNT];
	static struct boot_info info;

	(void)state;
	for (unsigned order = 0; order < 3; order++) {
		unsigned reserved_count = 0;

		for (uint64_t i = 0; i < COUNT; i++) {
			const bool is_available = order == 0   ? i < COUNT - RESERVED
						  : order == 1 ? i >= RESERVED
							       : i % 2 == 0;

			ranges[i] = (struct blob_range){
				(COUNT - i) << 20, 0x1000, is_available ? 1 : 2};
		}
		assert_int_equal(parse_ranges(ranges, COUNT, &info), STATUS_OK);
		assert_int_equal(info.memory_count, BOOT_MEMORY_RANGES_MAX);
		assert_int_equal(info.dropped_memory_ranges, COUNT - BOOT_MEMORY_RANGES_MAX);
		for (uint64_t i = 0; i < COUNT; i++) {
			if (ranges[i].type != 1) {
				assert_true(is_reserved(&info, ranges[i].base));
				reserved_count++;
			}
		}
		assert_int_equal(reserved_count, RESERVED);
		assert_true(info.is_memory_map_whole);
	}
}

/* With nothing but reserved ranges there is nothing to hand out. */
static void more_reserved_ranges_than_there_is_room_for_leave_no_usable_ram(void **state)
{
	static struct blob_range ranges[BOOT_MEMORY_RANGES_MAX + 2];
	static struct boot_info info;

	(void)state;
	for (uint64_t i = 0; i < BOOT_MEMORY_RANGES_MAX + 2; i++) {
		ranges[i] = (struct blob_range){i << 20, 0x1000, i == 0 ? 1 : 2};
	}
	assert_int_equal(parse_ranges(ranges, BOOT_MEMORY_RANGES_MAX + 2, &info), STATUS_OK);
	for (size_t i = 0; i < info.memory_count; i++) {
		assert_int_not_equal(info.memory[i].type, 1);
	}
}

static void empty_memory_ranges_are_skipped(void **state)
{
	static const struct blob_range ranges[] = {{0x1000, 0, 1}, {0x5000, 0x1000, 1}};
	struct blob blob;
	struct boot_info info;

	(void)state;
	blob_start(&blob);
	blob_tag_memory(&blob, ranges, 2, 24);
	blob_finish(&blob);
	assert_int_equal(multiboot2_parse(blob.bytes, blob.size_bytes, &info), STATUS_OK);
	assert_int_equal(info.memory_count, 1);
	assert_int_equal(info.memory[0].base, 0x5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_map_honours_the_entry_size),
		cmocka_unit_test(memory_map_with_a_broken_entry_size_is_refused),
		cmocka_unit_test(memory_ranges_may_reach_but_not_pass_the_top),
		cmocka_unit_test(a_memory_map_that_is_not_whole_is_reported),
		cmocka_unit_test(
			beyond_the_limit_usable_ram_is_dropped_and_nothing_that_is_reserved),
		cmocka_unit_test(more_reserved_ranges_than_there_is_room_for_leave_no_usable_ram),
		cmocka_unit_test(empty_memory_ranges_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
