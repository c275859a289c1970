/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/acpi_clocks.c cpu/acpi_tables.c */
#include "cpu/acpi_clocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A small physical memory that begins at BASE. */
enum {
	BASE = 0x70000,
	RSDP_AT = 0,
	RSDT_AT = 0x100,
	FADT_AT = 0x200,
	HPET_AT = 0x400,
	MEMORY_SIZE = 0x500,
	RSDP_SIZE = 20,
	HEADER_SIZE = 36,
	FADT_SIZE = 244,
	HPET_SIZE = 56,
};

static uint8_t memory[MEMORY_SIZE];

static const uint8_t *map(uint64_t address, uint64_t size_bytes)
{
	if (address < BASE || address - BASE > MEMORY_SIZE ||
		size_bytes > MEMORY_SIZE - (address - BASE)) {
		return NULL;
	}
	return &memory[address - BASE];
}

static void put(unsigned at, uint64_t value, unsigned size_bytes)
{
	memcpy(&memory[at], &value, size_bytes);
}

static void fix_sum(unsigned at, unsigned size_bytes, unsigned sum_at)
{
	uint8_t sum = 0;

	memory[sum_at] = 0;
	for (unsigned i = 0; i < size_bytes; i++) {
		sum = (uint8_t)(sum + memory[at + i]);
	}
	memory[sum_at] = (uint8_t)-sum;
}

static void seal(unsigned at, const char *signature, unsigned size_bytes)
{
	memcpy(&memory[at], signature, 4);
	put(at + 4, size_bytes, 4);
	fix_sum(at, size_bytes, at + 9);
}

static int set_up(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	memcpy(&memory[RSDP_AT], "RSD PTR ", 8);
	put(RSDP_AT + 16, BASE + RSDT_AT, 4);
	fix_sum(RSDP_AT, RSDP_SIZE, RSDP_AT + 8);
	put(RSDT_AT + HEADER_SIZE, BASE + FADT_AT, 4);
	put(RSDT_AT + HEADER_SIZE + 4, BASE + HPET_AT, 4);
	seal(RSDT_AT, "RSDT", HEADER_SIZE + 8);
	put(FADT_AT + 76, 0xb008, 4);
	put(FADT_AT + 91, 4, 1);
	put(HPET_AT + 44, 0xfed00000, 8);
	return 0;
}

static struct acpi_clocks find(void)
{
	seal(FADT_AT, "FACP", FADT_SIZE);
	seal(HPET_AT, "HPET", HPET_SIZE);
	return acpi_clocks_find(memory, RSDP_SIZE, map);
}

static void both_clocks_are_found(void **state)
{
	struct acpi_clocks clocks;

	(void)state;
	clocks = find();
	assert_int_equal(clocks.pm_timer_port, 0xb008);
	assert_int_equal(clocks.hpet_address, 0xfed00000);
}

static void the_extended_field_tells_where_the_old_one_is_0(void **state)
{
	(void)state;
	put(FADT_AT + 76, 0, 4);
	put(FADT_AT + 91, 0, 1);
	put(FADT_AT + 208, 1, 1);
	put(FADT_AT + 212, 0x1808, 8);
	assert_int_equal(find().pm_timer_port, 0x1808);
	put(FADT_AT + 208, 0, 1); /* In memory. */
	assert_int_equal(find().pm_timer_port, 0);
}

static void an_hpet_that_the_host_does_not_map_as_a_device_is_left(void **state)
{
	static const uint64_t addresses[] = {
		0x1fed00000, 0xfed00010, 0xfffffffffffffc00, 0x100000000};

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		put(HPET_AT + 44, addresses[i], 8);
		assert_int_equal(find().hpet_address, 0);
	}
	put(HPET_AT + 44, 0xfed00000, 8);
	put(HPET_AT + 40, 1, 1); /* In port space. */
	assert_int_equal(find().hpet_address, 0);
}

static void without_tables_there_is_none(void **state)
{
	struct acpi_clocks clocks;

	(void)state;
	clocks = acpi_clocks_find(NULL, 0, map);
	assert_int_equal(clocks.pm_timer_port, 0);
	assert_int_equal(clocks.hpet_address, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_clocks_are_found, set_up),
		cmocka_unit_test_setup(the_extended_field_tells_where_the_old_one_is_0, set_up),
		cmocka_unit_test_setup(
			an_hpet_that_the_host_does_not_map_as_a_device_is_left, set_up),
		cmocka_unit_test_setup(without_tables_there_is_none, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
