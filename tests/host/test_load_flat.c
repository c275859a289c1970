/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/load_flat.c vm/load_plan.c vm/guest_memory.c lib/format.c tests/host/image_builder.c
 */
#include "tests/host/image_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum status load(uint64_t memory_size_bytes, uint64_t size_bytes, struct load_result *result)
{
	struct builder_guest guest = builder_guest_new(MIB(1));
	uint8_t *bytes = calloc(1, size_bytes + 1);
	struct image image = {"boot sector", bytes, size_bytes};
	enum status status = load_flat(&guest.memory, memory_size_bytes, &image, result);

	free(bytes);
	builder_guest_free(&guest);
	return status;
}

static void flat_image_goes_to_7c00(void **state)
{
	struct builder_guest guest = builder_guest_new(MIB(1));
	struct builder builder;
	struct image image;
	struct load_result result;

	(void)state;
	builder_start(&builder, 600);
	image = builder_image(&builder, 600);
	assert_int_equal(load_flat(&guest.memory, MIB(1), &image, &result), STATUS_OK);
	assert_int_equal(result.entry, 0x7c00);
	assert_int_equal(result.image_start, 0x7c00);
	assert_int_equal(result.image_end, 0x7c00 + 600);
	assert_string_equal(result.error, "");
	assert_memory_equal(guest.ram + 0x7c00, builder.bytes, 600);
	assert_int_equal(guest.ram[0x7bff], 0xa5);
	assert_int_equal(guest.ram[0x7c00 + 600], 0xa5);
	builder_free(&image);
	builder_guest_free(&guest);
}

static void flat_image_must_not_be_empty(void **state)
{
	struct load_result result;

	(void)state;
	assert_int_equal(load(MIB(1), 0, &result), STATUS_INVALID);
	assert_string_equal(result.error, "boot sector: it is empty");
}

static void flat_image_has_512_kib_at_most(void **state)
{
	struct load_result result;

	(void)state;
	assert_int_equal(load(MIB(1), KIB(512), &result), STATUS_OK);
	assert_int_equal(load(MIB(1), KIB(512) + 1, &result), STATUS_RANGE);
	assert_non_null(strstr(result.error, "boot sector: it is too large"));
}

static void flat_image_must_fit_the_memory(void **state)
{
	struct load_result result;

	(void)state;
	assert_int_equal(load(0x8000, 0x400, &result), STATUS_OK);
	assert_int_equal(load(0x8000, 0x401, &result), STATUS_RANGE);
	assert_non_null(strstr(
		result.error, "boot sector: it does not fit memory=0x8000: at=0x7c00 size=0x401"));
	assert_int_equal(load(0x7c00, 1, &result), STATUS_RANGE);
	assert_int_equal(load(0, 1, &result), STATUS_RANGE);
}

static void flat_image_goes_only_where_the_guest_has_ram(void **state)
{
	struct guest_memory memory = {.region_count = 0};
	struct image image = {"boot sector", (const uint8_t *)"\xf4", 1};
	struct load_result result;

	(void)state;
	assert_int_equal(load_flat(&memory, MIB(1), &image, &result), STATUS_RANGE);
	assert_int_not_equal(result.error[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flat_image_goes_to_7c00),
		cmocka_unit_test(flat_image_must_not_be_empty),
		cmocka_unit_test(flat_image_has_512_kib_at_most),
		cmocka_unit_test(flat_image_must_fit_the_memory),
		cmocka_unit_test(flat_image_goes_only_where_the_guest_has_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
