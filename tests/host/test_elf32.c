/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/elf32.c vm/load_plan.c vm/guest_memory.c lib/format.c tests/host/image_builder.c */
#include "vm/elf32.h"

#include "tests/host/image_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct load_result result;

static enum status plan_of(const struct builder *builder, size_t size_bytes, struct load_plan *plan)
{
	struct guest_memory none = {.region_count = 0};
	struct image image = builder_image(builder, size_bytes);
	struct load_context context = {&none, MIB(16), &image, &result};
	enum status status;

	memset(&result, 0, sizeof(result));
	memset(plan, 0, sizeof(*plan));
	status = elf32_plan(plan, &context);
	builder_free(&image);
	assert_true((status == STATUS_OK) == (result.error[0] == 0));
	return status;
}

static void expect(const struct builder *builder, enum status status, const char *error)
{
	struct load_plan plan;

	assert_int_equal(plan_of(builder, builder->size_bytes, &plan), status);
	if (strncmp(result.error, "kernel: ", 8) != 0 || strstr(result.error, error) == NULL) {
		fail_msg("the error is: %s", result.error);
	}
}

/* A kernel of one segment that is changed by the caller. */
static void expect_segment(struct builder_segment segment, enum status status, const char *error)
{
	struct builder builder;

	builder_start(&builder, BUILDER_CODE + 0x500);
	builder_elf(&builder, segment.physical_address);
	builder_add_segment(&builder, segment);
	expect(&builder, status, error);
}

static void segments_go_to_their_physical_addresses(void **state)
{
	struct builder builder;
	struct load_plan plan;

	(void)state;
	builder_start(&builder, 0x2000);
	builder_elf(&builder, 0x300004);
	builder_add_segment(
		&builder, (struct builder_segment){1, 0x1000, 0xc0300000, 0x300000, 0x10, 0x20});
	builder_add_segment(
		&builder, (struct builder_segment){4, 0, 0x200000, 0x200000, 0x10, 0x10});
	builder_add_segment(
		&builder, (struct builder_segment){1, 0x1800, 0xc0200000, 0x200000, 0x80, 0x80});
	assert_int_equal(plan_of(&builder, 0x2000, &plan), STATUS_OK);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.start, 0x200000);
	assert_int_equal(plan.end, 0x300020);
	assert_int_equal(plan.entry, 0x300004);
	assert_int_equal(plan.segments[0].file_offset, 0x1000);
	assert_int_equal(plan.segments[0].memory_size_bytes, 0x20);
}

static void virtual_entry_is_moved_to_the_physical_address(void **state)
{
	struct builder builder;
	struct load_plan plan;

	(void)state;
	builder_kernel(&builder);
	builder_put32(&builder, BUILDER_PROGRAM_HEADERS + 8, 0xc0100000);
	builder_put32(&builder, BUILDER_ENTRY, 0xc0100123);
	assert_int_equal(plan_of(&builder, builder.size_bytes, &plan), STATUS_OK);
	assert_int_equal(plan.entry, 0x100123);
}

static void physical_entry_wins_over_a_virtual_one(void **state)
{
	struct builder builder;
	struct load_plan plan;

	(void)state;
	builder_start(&builder, 0x2000);
	builder_elf(&builder, 0x200010);
	builder_add_segment(
		&builder, (struct builder_segment){1, 0x1000, 0x200000, 0x300000, 0x80, 0x80});
	builder_add_segment(
		&builder, (struct builder_segment){1, 0x1000, 0x400000, 0x200000, 0x80, 0x80});
	assert_int_equal(plan_of(&builder, 0x2000, &plan), STATUS_OK);
	assert_int_equal(plan.entry, 0x200010);
}

static void entry_outside_all_segments_is_refused(void **state)
{
	static const uint32_t entries[] = {0, 0xfffff, 0x100800, 0xffffffff};
	struct builder builder;
	struct load_plan plan;

	(void)state;
	builder_kernel(&builder);
	for (size_t i = 0; i < ARRAY_COUNT(entries); i++) {
		builder_put32(&builder, BUILDER_ENTRY, entries[i]);
		expect(&builder, STATUS_INVALID, "lies in no segment");
	}
	builder_put32(&builder, BUILDER_ENTRY, 0x1007ff);
	assert_int_equal(plan_of(&builder, builder.size_bytes, &plan), STATUS_OK);
}

static void foreign_files_are_refused_with_the_reason(void **state)
{
	static const struct {
		size_t offset;
		uint8_t value;
		const char *error;
	} rows[] = {
		{0, 0x7e, "no ELF"},
		{3, 'f', "no ELF"},
		{4, 2, "objcopy -O elf32-i386"},
		{4, 0, "no little-endian 32-bit ELF"},
		{5, 2, "no little-endian 32-bit ELF"},
		{6, 0, "no little-endian 32-bit ELF"},
		{18, 62, "machine=62"},
		{18, 40, "machine=40"},
		{16, 1, "type=1"},
		{16, 4, "type=4"},
		{BUILDER_PHNUM, 0, "no program headers"},
		{BUILDER_PHENTSIZE, 31, "e_phentsize=31"},
		{BUILDER_PHENTSIZE, 0, "e_phentsize=0"},
		{BUILDER_PROGRAM_HEADERS, 6, "no segment to load"},
	};
	struct builder builder;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		builder_kernel(&builder);
		builder.bytes[rows[i].offset] = rows[i].value;
		expect(&builder, STATUS_INVALID, rows[i].error);
	}
}

static void program_headers_outside_the_file_are_refused(void **state)
{
	struct builder builder;

	(void)state;
	builder_kernel(&builder);
	builder_put32(&builder, BUILDER_PHOFF, (uint32_t)builder.size_bytes - 31);
	expect(&builder, STATUS_TRUNCATED, "program headers lie outside the file");
	builder_put32(&builder, BUILDER_PHOFF, 0xfffffff0);
	expect(&builder, STATUS_TRUNCATED, "program headers lie outside the file");
	builder_put32(&builder, BUILDER_PHOFF, BUILDER_PROGRAM_HEADERS);
	builder_put16(&builder, BUILDER_PHNUM, 0xffff);
	expect(&builder, STATUS_TRUNCATED, "program headers lie outside the file");
}

static void larger_program_headers_are_stepped_over(void **state)
{
	struct builder builder;
	struct load_plan plan;

	(void)state;
	builder_kernel(&builder);
	builder_put16(&builder, BUILDER_PHENTSIZE, 40);
	builder_put16(&builder, BUILDER_PHNUM, 2);
	builder_put32(&builder, BUILDER_PROGRAM_HEADERS + 40, 1);
	builder_put32(&builder, BUILDER_PROGRAM_HEADERS + 44, BUILDER_CODE);
	builder_put32(&builder, BUILDER_PROGRAM_HEADERS + 52, 0x200000);
	builder_put32(&builder, BUILDER_PROGRAM_HEADERS + 56, 1);
	builder_put32(&builder, BUILDER_PROGRAM_HEADERS + 60, 1);
	assert_int_equal(plan_of(&builder, builder.size_bytes, &plan), STATUS_OK);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.end, 0x200001);
}

static void segments_outside_the_file_are_refused(void **state)
{
	(void)state;
	expect_segment((struct builder_segment){1, BUILDER_CODE, 0x100000, 0x100000, 0x501, 0x800},
		STATUS_TRUNCATED, "the segment at 0x100000 lies outside the file");
	expect_segment((struct builder_segment){1, 0xffffff00, 0x100000, 0x100000, 0x200, 0x200},
		STATUS_TRUNCATED, "lies outside the file");
	expect_segment((struct builder_segment){1, 0, 0x100000, 0x100000, 0xffffffff, 0xffffffff},
		STATUS_TRUNCATED, "lies outside the file");
}

static void segment_of_bss_alone_may_have_any_offset(void **state)
{
	struct builder builder;
	struct load_plan plan;

	(void)state;
	builder_kernel(&builder);
	builder_add_segment(
		&builder, (struct builder_segment){1, 0xfffff000, 0x200000, 0x200000, 0, 0x1000});
	assert_int_equal(plan_of(&builder, builder.size_bytes, &plan), STATUS_OK);
	assert_int_equal(plan.end, 0x201000);
}

static void segment_larger_in_the_file_than_in_memory_is_refused(void **state)
{
	(void)state;
	expect_segment((struct builder_segment){1, BUILDER_CODE, 0x100000, 0x100000, 0x11, 0x10},
		STATUS_INVALID, "larger in the file than in memory");
	expect_segment((struct builder_segment){1, BUILDER_CODE, 0x100000, 0x100000, 1, 0},
		STATUS_INVALID, "larger in the file than in memory");
}

static void segments_must_lie_in_memory_and_off_page_0(void **state)
{
	(void)state;
	expect_segment((struct builder_segment){1, BUILDER_CODE, 0, 0xfffff000, 0x10, 0x1001},
		STATUS_RANGE, "wraps around 4 GiB");
	expect_segment((struct builder_segment){1, BUILDER_CODE, 0, 0xfffff000, 0x10, 0x1000},
		STATUS_RANGE, "exceeds memory=0x1000000");
	expect_segment((struct builder_segment){1, BUILDER_CODE, 0, 0xffffff, 1, 2}, STATUS_RANGE,
		"exceeds memory=0x1000000");
	expect_segment((struct builder_segment){1, BUILDER_CODE, 0, 0xfff, 0x10, 0x10},
		STATUS_RANGE, "touches page 0");
	expect_segment(
		(struct builder_segment){1, 0, 0, 0, 0x10, 0x10}, STATUS_RANGE, "touches page 0");
}

static void segments_at_the_edges_of_memory_are_taken(void **state)
{
	static const uint32_t places[] = {0x1000, 0x4000, 0x400000, 0xfffff0};
	struct builder builder;
	struct load_plan plan;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
		builder_start(&builder, BUILDER_CODE + 0x500);
		builder_elf(&builder, places[i]);
		builder_add_segment(&builder, (struct builder_segment){1, BUILDER_CODE, places[i],
						      places[i], 0x10, 0x10});
		assert_int_equal(plan_of(&builder, builder.size_bytes, &plan), STATUS_OK);
		assert_int_equal(plan.entry, places[i]);
	}
}

static void overlapping_segments_are_refused(void **state)
{
	static const struct {
		uint32_t address;
		uint32_t size;
		enum status status;
	} rows[] = {
		{0x100000, 1, STATUS_OVERLAP},
		{0x1007ff, 1, STATUS_OVERLAP},
		{0xff000, 0x1001, STATUS_OVERLAP},
		{0xff000, 0x4000, STATUS_OVERLAP},
		{0x100800, 1, STATUS_OK},
		{0xff000, 0x1000, STATUS_OK},
	};
	struct builder builder;
	struct load_plan plan;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		builder_kernel(&builder);
		builder_add_segment(&builder,
			(struct builder_segment){1, 0, 0, rows[i].address, 0, rows[i].size});
		assert_int_equal(plan_of(&builder, builder.size_bytes, &plan), rows[i].status);
	}
}

static void empty_segments_are_skipped(void **state)
{
	struct builder builder;
	struct load_plan plan;

	(void)state;
	builder_kernel(&builder);
	builder_add_segment(&builder, (struct builder_segment){1, 0, 0, 0, 0, 0});
	builder_add_segment(&builder, (struct builder_segment){1, 0xffffffff, 0, 0xffffffff, 0, 0});
	assert_int_equal(plan_of(&builder, builder.size_bytes, &plan), STATUS_OK);
	assert_int_equal(plan.count, 1);
	builder_put32(&builder, BUILDER_PROGRAM_HEADERS, 0);
	expect(&builder, STATUS_INVALID, "no segment to load");
}

static void too_many_segments_are_refused(void **state)
{
	struct builder builder;
	struct load_plan plan;

	(void)state;
	builder_start(&builder, 0x3000);
	builder_elf(&builder, 0x100000);
	for (uint32_t i = 0; i < LOAD_SEGMENTS_MAX; i++) {
		uint32_t at = 0x100000 + i * 0x1000;

		builder_add_segment(&builder, (struct builder_segment){1, 0, at, at, 4, 4});
	}
	assert_int_equal(plan_of(&builder, builder.size_bytes, &plan), STATUS_OK);
	builder_add_segment(&builder, (struct builder_segment){1, 0, 0x80000, 0x80000, 4, 4});
	expect(&builder, STATUS_INVALID, "more than 32 segments");
}

static void every_truncation_is_an_error(void **state)
{
	struct builder builder;
	struct load_plan plan;

	(void)state;
	builder_kernel(&builder);
	for (size_t size = 0; size < builder.size_bytes; size++) {
		enum status status = plan_of(&builder, size, &plan);

		assert_int_equal(status, size < 4 ? STATUS_INVALID : STATUS_TRUNCATED);
	}
}

static void long_names_leave_room_for_the_fault(void **state)
{
	char name[400];
	struct image image = {name, (const uint8_t *)"", 0};
	struct load_context context = {NULL, MIB(16), &image, &result};
	struct load_plan plan = {.count = 0};

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(elf32_plan(&plan, &context), STATUS_INVALID);
	assert_non_null(strstr(result.error, "nnn: it is no ELF file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_go_to_their_physical_addresses),
		cmocka_unit_test(virtual_entry_is_moved_to_the_physical_address),
		cmocka_unit_test(physical_entry_wins_over_a_virtual_one),
		cmocka_unit_test(entry_outside_all_segments_is_refused),
		cmocka_unit_test(foreign_files_are_refused_with_the_reason),
		cmocka_unit_test(program_headers_outside_the_file_are_refused),
		cmocka_unit_test(larger_program_headers_are_stepped_over),
		cmocka_unit_test(segments_outside_the_file_are_refused),
		cmocka_unit_test(segment_of_bss_alone_may_have_any_offset),
		cmocka_unit_test(segment_larger_in_the_file_than_in_memory_is_refused),
		cmocka_unit_test(segments_must_lie_in_memory_and_off_page_0),
		cmocka_unit_test(segments_at_the_edges_of_memory_are_taken),
		cmocka_unit_test(overlapping_segments_are_refused),
		cmocka_unit_test(empty_segments_are_skipped),
		cmocka_unit_test(too_many_segments_are_refused),
		cmocka_unit_test(every_truncation_is_an_error),
		cmocka_unit_test(long_names_leave_room_for_the_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
