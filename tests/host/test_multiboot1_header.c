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

enum { LOAD_ADDRESSES = 0x10000 };

/* Makes the image an a.out-style one, with its header at this offset in the file. */
static void use_addresses(struct load_fixture *f, size_t at, const uint32_t addresses[5])
{
	builder_start(&f->builder, 0x2000);
	builder_multiboot(&f->builder, at, LOAD_ADDRESSES);
	builder_addresses(&f->builder, at, addresses);
}

static void header_must_lie_in_the_first_8192_bytes(void **state)
{
	struct load_fixture *f = *state;

	builder_put32(&f->builder, BUILDER_MULTIBOOT, 0);
	load_fixture_expect(f, STATUS_INVALID, "no multiboot1 header");
	f->builder.size_bytes = 0x3000;
	builder_multiboot(&f->builder, 8192 - 12, 0);
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	builder_put32(&f->builder, 8192 - 12, 0);
	builder_multiboot(&f->builder, 8192 - 8, 0);
	load_fixture_expect(f, STATUS_INVALID, "no multiboot1 header");
	builder_put32(&f->builder, 8192 - 8, 0);
	builder_multiboot(&f->builder, 0x602, 0);
	load_fixture_expect(f, STATUS_INVALID, "no multiboot1 header");
}

static void header_with_a_bad_checksum_is_none(void **state)
{
	struct load_fixture *f = *state;
	struct image image;

	builder_put32(&f->builder, BUILDER_MULTIBOOT + 8, 1);
	load_fixture_expect(f, STATUS_INVALID, "no multiboot1 header");
	builder_multiboot(&f->builder, 0x800, 0);
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	f->builder.bytes[0] = 0;
	image = builder_image(&f->builder, f->builder.size_bytes);
	assert_true(load_multiboot_is_candidate(&image));
	builder_free(&image);
}

static void kernel_for_multiboot2_alone_is_told_so(void **state)
{
	struct load_fixture *f = *state;

	builder_put32(&f->builder, BUILDER_MULTIBOOT, 0xe85250d6u);
	load_fixture_expect(f, STATUS_INVALID, "only a multiboot2 one");
}

static void demands_that_are_not_known_are_refused(void **state)
{
	struct load_fixture *f = *state;

	for (uint32_t bit = 0; bit < 32; bit++) {
		builder_multiboot(&f->builder, BUILDER_MULTIBOOT, 1u << bit);
		if (bit >= 3 && bit < 16) {
			load_fixture_expect(f, STATUS_INVALID, "demands what is not known");
		} else if (bit != 16) {
			assert_int_equal(load_fixture_load(f), STATUS_OK);
		}
	}
}

static void elf64_with_load_addresses_is_loaded_by_them(void **state)
{
	static const uint32_t addresses[] = {0x200400, 0x200000, 0x200600, 0x201000, 0x200500};
	struct load_fixture *f = *state;

	f->builder.bytes[4] = 2;
	builder_multiboot(&f->builder, BUILDER_MULTIBOOT, LOAD_ADDRESSES);
	builder_addresses(&f->builder, BUILDER_MULTIBOOT, addresses);
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(f->result.entry, 0x200500);
	assert_int_equal(f->result.image_end, 0x201000);
	assert_memory_equal(f->guest.ram + 0x200000, f->builder.bytes, 0x600);
	assert_int_equal(f->guest.ram[0x200600], 0);
	assert_int_equal(f->guest.ram[0x200fff], 0);
	assert_int_equal(f->guest.ram[0x201000], 0xa5);
}

static void file_that_is_no_elf_needs_load_addresses(void **state)
{
	struct load_fixture *f = *state;

	f->builder.bytes[0] = 0;
	load_fixture_expect(
		f, STATUS_INVALID, "no ELF file, and its multiboot header has no load addresses");
}

static void load_addresses_may_skip_the_start_of_the_file(void **state)
{
	static const uint32_t addresses[] = {0x100010, 0x100000, 0x100020, 0, 0x100000};
	struct load_fixture *f = *state;

	use_addresses(f, 0x100, addresses);
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_memory_equal(f->guest.ram + 0x100000, f->builder.bytes + 0xf0, 0x20);
	assert_int_equal(f->guest.ram[0x100020], 0xa5);
	assert_int_equal(f->result.image_end, 0x100020);
}

static void load_end_of_0_means_the_whole_file(void **state)
{
	static const uint32_t addresses[] = {0x100000, 0x100000, 0, 0, 0x100000};
	static const uint32_t with_bss[] = {0x100000, 0x100000, 0, 0x103000, 0x100000};
	struct load_fixture *f = *state;

	use_addresses(f, 0x100, addresses);
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(f->result.image_end, 0x100000 + 0x1f00);
	use_addresses(f, 0x100, with_bss);
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	assert_int_equal(f->result.image_end, 0x103000);
	assert_int_equal(f->guest.ram[0x102fff], 0);
}

static void load_addresses_that_cannot_be_are_refused(void **state)
{
	static const struct {
		uint32_t addresses[5];
		enum status status;
		const char *error;
	} rows[] = {
		{{0x100000, 0x100004, 0, 0, 0x100004}, STATUS_INVALID, "do not match the file"},
		{{0x100104, 0x100000, 0, 0, 0x100000}, STATUS_INVALID, "do not match the file"},
		{{0, 0xffffffff, 0, 0, 0xffffffff}, STATUS_INVALID, "do not match the file"},
		{{0xffffffff, 0, 0, 0, 0}, STATUS_INVALID, "do not match the file"},
		{{0x100000, 0x100000, 0xfffff, 0, 0x100000}, STATUS_INVALID, "load_end_addr"},
		{{0x100000, 0x100000, 0x100020, 0x10001f, 0x100000}, STATUS_INVALID,
			"bss_end_addr"},
		{{0x100000, 0x100000, 0, 0x101000, 0x100000}, STATUS_INVALID, "bss_end_addr"},
		{{0x100000, 0x100000, 0x101f01, 0, 0x100000}, STATUS_TRUNCATED, "outside the file"},
		{{0x100000, 0x100000, 0x100100, 0xffffffff, 0x100000}, STATUS_RANGE,
			"exceeds memory"},
		{{0xfffffff0, 0xfffffff0, 0, 0, 0xfffffff0}, STATUS_RANGE, "wraps around"},
		{{0x100, 0x100, 0x200, 0, 0x100}, STATUS_RANGE, "touches page 0"},
		{{0x100000, 0x100000, 0x100020, 0, 0x100020}, STATUS_INVALID, "entry_addr"},
		{{0x100000, 0x100000, 0x100020, 0, 0xfffff}, STATUS_INVALID, "entry_addr"},
		{{0x100000, 0x100000, 0x100000, 0x100000, 0x100000}, STATUS_INVALID, "entry_addr"},
	};
	struct load_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		use_addresses(f, 0x100, rows[i].addresses);
		load_fixture_expect(f, rows[i].status, rows[i].error);
	}
}

static void address_fields_must_lie_in_the_file_and_in_8192_bytes(void **state)
{
	static const uint32_t addresses[] = {0x100000, 0x100000, 0, 0, 0x100000};
	struct load_fixture *f = *state;

	use_addresses(f, 0x100, addresses);
	f->builder.size_bytes = 0x100 + 31;
	load_fixture_expect(f, STATUS_TRUNCATED, "multiboot header is cut off");
	use_addresses(f, 8192 - 31 - 1, addresses);
	f->builder.size_bytes = 0x3000;
	assert_int_equal(load_fixture_load(f), STATUS_OK);
	use_addresses(f, 8192 - 28, addresses);
	f->builder.size_bytes = 0x3000;
	load_fixture_expect(f, STATUS_INVALID, "does not end in the first 8192 bytes");
}

static void every_truncation_with_load_addresses_is_judged(void **state)
{
	static const uint32_t whole[] = {0x100000, 0x100000, 0, 0, 0x100000};
	static const uint32_t fixed[] = {0x100000, 0x100000, 0x100f00, 0, 0x100000};
	struct load_fixture *f = *state;

	use_addresses(f, 0x100, whole);
	for (size_t size = 0; size < 0x1000; size++) {
		assert_true((load_fixture_load_cut(f, LOAD_FIXTURE_MEMORY, size) == STATUS_OK) ==
			    (size >= 0x120));
	}
	use_addresses(f, 0x100, fixed);
	for (size_t size = 0; size <= 0x1000; size++) {
		assert_true((load_fixture_load_cut(f, LOAD_FIXTURE_MEMORY, size) == STATUS_OK) ==
			    (size == 0x1000));
	}
}

static void candidates_are_elf_files_and_multiboot_images(void **state)
{
	static const char elf[] = "\x7f"
				  "ELF";
	struct load_fixture *f = *state;
	struct image image = {"x", (const uint8_t *)elf, 4};

	assert_true(load_multiboot_is_candidate(&image));
	image.size_bytes = 3;
	assert_false(load_multiboot_is_candidate(&image));
	image.size_bytes = 0;
	assert_false(load_multiboot_is_candidate(&image));
	builder_start(&f->builder, 0x2000);
	image = builder_image(&f->builder, 0x2000);
	assert_false(load_multiboot_is_candidate(&image));
	builder_free(&image);
}

#define RULE(test)                                                                                 \
	cmocka_unit_test_setup_teardown(test, load_fixture_set_up, load_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(header_must_lie_in_the_first_8192_bytes),
		RULE(header_with_a_bad_checksum_is_none),
		RULE(kernel_for_multiboot2_alone_is_told_so),
		RULE(demands_that_are_not_known_are_refused),
		RULE(elf64_with_load_addresses_is_loaded_by_them),
		RULE(file_that_is_no_elf_needs_load_addresses),
		RULE(load_addresses_may_skip_the_start_of_the_file),
		RULE(load_end_of_0_means_the_whole_file),
		RULE(load_addresses_that_cannot_be_are_refused),
		RULE(address_fields_must_lie_in_the_file_and_in_8192_bytes),
		RULE(every_truncation_with_load_addresses_is_judged),
		RULE(candidates_are_elf_files_and_multiboot_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
