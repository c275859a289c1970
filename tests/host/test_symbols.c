/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/symbols.c boot/loaded_sections.c */
#include "boot/loaded_sections.h"
#include "cpu/symbols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The ELF-64 object file format's section header and symbol, written down a second time. */
struct section {
	uint32_t name;
	uint32_t type;
	uint64_t flags;
	uint64_t address;
	uint64_t offset;
	uint64_t size;
	uint32_t link;
	uint32_t info;
	uint64_t alignment;
	uint64_t entry_size;
};

struct symbol {
	uint32_t name;
	uint8_t info;
	uint8_t other;
	uint16_t section;
	uint64_t value;
	uint64_t size;
};

enum {
	TYPE_SYMTAB = 2,
	TYPE_STRTAB = 3,
	INFO_NOTYPE = 0x10,
	INFO_OBJECT = 0x11,
	INFO_FUNC = 0x12,
	INFO_FILE = 0x04,
	SECTION_ABS = 0xfff1,
	NAME_ALPHA = 1,
	NAME_BETA = 7,
	NAME_GAMMA = 12,
	SECTION_COUNT = 3,
	SYMBOL_COUNT = 7,
};

/* Exact sizes, so that the sanitizer sees a byte too many. */
static struct section *sections;
static struct symbol *symbols;
static char *strings;
static const char names[] = "\0alpha\0beta\0gamma";

static int set_up(void **state)
{
	static const struct symbol wanted[SYMBOL_COUNT] = {
		{0, 0, 0, 0, 0, 0},
		{NAME_BETA, INFO_FUNC, 0, 1, 0x2000, 0x10},
		{NAME_ALPHA, INFO_NOTYPE, 0, 1, 0x1000, 0},
		{NAME_GAMMA, INFO_OBJECT, 0, 1, 0x2008, 8},
		{NAME_GAMMA, INFO_FUNC, 0, 0, 0x2009, 0},
		{NAME_GAMMA, INFO_NOTYPE, 0, SECTION_ABS, 0x200a, 0},
		{0xffff, INFO_FUNC, 0, 1, 0x200b, 0},
	};

	(void)state;
	sections = calloc(SECTION_COUNT, sizeof(*sections));
	symbols = malloc(sizeof(wanted));
	strings = malloc(sizeof(names));
	memcpy(symbols, wanted, sizeof(wanted));
	memcpy(strings, names, sizeof(names));
	sections[1] = (struct section){.type = TYPE_SYMTAB,
		.address = (uintptr_t)symbols,
		.size = sizeof(wanted),
		.link = 2,
		.entry_size = sizeof(struct symbol)};
	sections[2] = (struct section){
		.type = TYPE_STRTAB, .address = (uintptr_t)strings, .size = sizeof(names)};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(sections);
	free(symbols);
	free(strings);
	return 0;
}

static struct symbols_source source(void)
{
	return (struct symbols_source){
		.headers = (const uint8_t *)sections,
		.count = SECTION_COUNT,
		.entry_size_bytes = sizeof(struct section),
		.address_limit = UINT64_MAX,
	};
}

static enum status init(void)
{
	struct symbols_source from = source();

	return symbols_init(&from);
}

static void the_nearest_symbol_at_or_below_is_found(void **state)
{
	(void)state;
	assert_int_equal(init(), STATUS_OK);
	assert_string_equal(symbols_lookup(0x1000).name, "alpha");
	assert_int_equal(symbols_lookup(0x1000).offset, 0);
	assert_string_equal(symbols_lookup(0x1fff).name, "alpha");
	assert_int_equal(symbols_lookup(0x1fff).offset, 0xfff);
	assert_string_equal(symbols_lookup(0x2000).name, "beta");
	assert_null(symbols_lookup(0xfff).name);
}

static void data_undefined_absolute_and_nameless_symbols_are_passed_over(void **state)
{
	(void)state;
	assert_int_equal(init(), STATUS_OK);
	assert_string_equal(symbols_lookup(0x2fff).name, "beta");
	assert_int_equal(symbols_lookup(0x2fff).offset, 0xfff);
}

static void without_headers_nothing_is_found(void **state)
{
	struct symbols_source from = source();

	(void)state;
	from.headers = NULL;
	assert_int_equal(symbols_init(&from), STATUS_NOT_FOUND);
	assert_null(symbols_lookup(0x1000).name);
	from = source();
	from.count = 0;
	assert_int_equal(symbols_init(&from), STATUS_NOT_FOUND);
	sections[1].type = 1;
	assert_int_equal(init(), STATUS_NOT_FOUND);
}

static void a_broken_table_is_refused(void **state)
{
	struct symbols_source from = source();

	(void)state;
	from.entry_size_bytes = sizeof(struct section) - 1;
	assert_int_equal(symbols_init(&from), STATUS_INVALID);
	sections[1].entry_size = 16;
	assert_int_equal(init(), STATUS_INVALID);
	sections[1].entry_size = sizeof(struct symbol);
	sections[1].link = SECTION_COUNT;
	assert_int_equal(init(), STATUS_INVALID);
	sections[1].link = UINT32_MAX;
	assert_int_equal(init(), STATUS_INVALID);
	sections[1].link = 1;
	assert_int_equal(init(), STATUS_INVALID);
	sections[1].link = 2;
	sections[2].size = 0;
	assert_int_equal(init(), STATUS_INVALID);
	sections[2].size = sizeof(names) - 1;
	assert_int_equal(init(), STATUS_INVALID);
	assert_null(symbols_lookup(0x1000).name);
}

static void sections_beyond_the_limit_are_refused(void **state)
{
	struct symbols_source from = source();

	(void)state;
	sections[1].size = UINT64_MAX;
	assert_int_equal(init(), STATUS_RANGE);
	sections[1].size = SYMBOL_COUNT * sizeof(struct symbol);
	sections[2].size = UINT64_MAX;
	assert_int_equal(init(), STATUS_RANGE);
	sections[2].size = sizeof(names);
	from.address_limit = (uintptr_t)symbols + 1;
	assert_int_equal(symbols_init(&from), STATUS_RANGE);
}

static void a_symbol_cut_in_half_is_not_read(void **state)
{
	(void)state;
	sections[1].size = 2 * sizeof(struct symbol) + sizeof(struct symbol) / 2;
	symbols = realloc(symbols, sections[1].size);
	sections[1].address = (uintptr_t)symbols;
	assert_int_equal(init(), STATUS_OK);
	assert_null(symbols_lookup(0x1000).name);
	assert_string_equal(symbols_lookup(0x2000).name, "beta");
}

static void moved_tables_no_longer_need_the_old_place(void **state)
{
	uint8_t *place;

	(void)state;
	assert_int_equal(init(), STATUS_OK);
	assert_int_equal(
		symbols_size_bytes(), SYMBOL_COUNT * sizeof(struct symbol) + sizeof(names));
	place = malloc(symbols_size_bytes());
	symbols_move(place);
	memset(symbols, 0xff, SYMBOL_COUNT * sizeof(struct symbol));
	memset(strings, 0xff, sizeof(names));
	assert_string_equal(symbols_lookup(0x1000).name, "alpha");
	assert_string_equal(symbols_lookup(0x2010).name, "beta");
	free(place);
	sections[1].type = 1;
	assert_int_equal(init(), STATUS_NOT_FOUND);
	assert_int_equal(symbols_size_bytes(), 0);
}

static uint64_t visited_bytes;
static unsigned visit_count;

static void visit(uint64_t address, uint64_t size_bytes)
{
	(void)address;
	visit_count++;
	visited_bytes += size_bytes;
}

static void only_sections_beside_the_image_are_visited(void **state)
{
	struct boot_elf_sections elf = {
		.headers = (const uint8_t *)sections,
		.count = SECTION_COUNT,
		.entry_size_bytes = sizeof(struct section),
	};

	(void)state;
	sections[0] = (struct section){.type = 1, .flags = 2, .address = 0x200000, .size = 0x1000};
	sections[1].address = 0;
	sections[1].size = 0x111;
	sections[2].address = 0xfffff000;
	sections[2].size = 0x1001;
	visit_count = 0;
	visited_bytes = 0;
	loaded_sections_each(&elf, visit);
	assert_int_equal(visit_count, 1);
	assert_int_equal(visited_bytes, 0x111);
	elf.entry_size_bytes = sizeof(struct section) - 1;
	loaded_sections_each(&elf, visit);
	elf.headers = NULL;
	elf.entry_size_bytes = sizeof(struct section);
	loaded_sections_each(&elf, visit);
	assert_int_equal(visit_count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_nearest_symbol_at_or_below_is_found),
		TEST(data_undefined_absolute_and_nameless_symbols_are_passed_over),
		TEST(without_headers_nothing_is_found),
		TEST(a_broken_table_is_refused),
		TEST(sections_beyond_the_limit_are_refused),
		TEST(a_symbol_cut_in_half_is_not_read),
		TEST(moved_tables_no_longer_need_the_old_place),
		TEST(only_sections_beside_the_image_are_visited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
