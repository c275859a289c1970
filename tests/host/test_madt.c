/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/madt.c cpu/acpi_tables.c */
#include "cpu/madt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	HEADER_SIZE = 44,
	TABLE_MAX = 4096,
	ENABLED = 1,
	ONLINE_CAPABLE = 2,
};

static uint8_t bytes[TABLE_MAX];
static struct acpi_table table;
static struct madt_processors found;

static int set_up(void **state)
{
	(void)state;
	memset(bytes, 0, sizeof(bytes));
	table = (struct acpi_table){bytes, HEADER_SIZE};
	memset(&found, 0xff, sizeof(found));
	return 0;
}

static void add_entry(const void *entry, uint32_t size_bytes)
{
	memcpy(&bytes[table.size_bytes], entry, size_bytes);
	table.size_bytes += size_bytes;
}

static void add_apic(uint8_t apic_id, uint8_t flags)
{
	const uint8_t entry[] = {0, 8, 77, apic_id, flags, 0, 0, 0};

	add_entry(entry, sizeof(entry));
}

static void add_x2apic(uint32_t apic_id, uint8_t flags)
{
	uint8_t entry[16] = {9, 16, [8] = flags, [12] = 77};

	memcpy(&entry[4], &apic_id, sizeof(apic_id));
	add_entry(entry, sizeof(entry));
}

static void assert_found(unsigned count, const uint32_t *apic_ids)
{
	madt_read_processors(&table, &found);
	assert_int_equal(found.count, count);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(found.apic_ids[i], apic_ids[i]);
	}
}

static void both_kinds_of_entries_count(void **state)
{
	const uint8_t io_apic[12] = {1, 12, 9, 0, 0, 0, 0xc0, 0xfe};

	(void)state;
	add_apic(0, ENABLED);
	add_entry(io_apic, sizeof(io_apic));
	add_apic(4, ENABLED);
	add_x2apic(0x12345678, ENABLED);
	assert_found(3, (const uint32_t[]){0, 4, 0x12345678});
	assert_int_equal(found.beyond_count, 0);
}

static void a_table_without_entries_names_nobody(void **state)
{
	(void)state;
	assert_found(0, NULL);
	table.size_bytes = 36;
	assert_found(0, NULL);
}

static void what_is_not_ready_is_left_out(void **state)
{
	(void)state;
	add_apic(1, 0);
	add_apic(2, ONLINE_CAPABLE);
	add_x2apic(300, ONLINE_CAPABLE);
	add_apic(3, ENABLED | ONLINE_CAPABLE);
	assert_found(1, (const uint32_t[]){3});
}

static void the_broadcast_ids_are_nobody(void **state)
{
	(void)state;
	add_apic(0xff, ENABLED);
	add_x2apic(UINT32_MAX, ENABLED);
	add_x2apic(0xff, ENABLED);
	assert_found(1, (const uint32_t[]){0xff});
}

static void a_processor_counts_once(void **state)
{
	(void)state;
	add_apic(1, ENABLED);
	add_x2apic(1, ENABLED);
	add_apic(1, ENABLED);
	add_apic(0, ENABLED);
	assert_found(2, (const uint32_t[]){1, 0});
}

static void processors_beyond_the_room_are_counted(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < CPUS_MAX + 3; i++) {
		add_x2apic(1000 + i, ENABLED);
	}
	madt_read_processors(&table, &found);
	assert_int_equal(found.count, CPUS_MAX);
	assert_int_equal(found.apic_ids[CPUS_MAX - 1], 1000 + CPUS_MAX - 1);
	assert_int_equal(found.beyond_count, 3);
}

static void a_broken_entry_ends_the_table(void **state)
{
	const uint8_t endless[] = {0, 0};
	const uint8_t lone[] = {0, 1};

	(void)state;
	add_apic(1, ENABLED);
	add_entry(endless, sizeof(endless));
	add_apic(2, ENABLED);
	assert_found(1, (const uint32_t[]){1});
	set_up(NULL);
	add_entry(lone, sizeof(lone));
	add_apic(2, ENABLED);
	assert_found(0, NULL);
}

static void an_entry_that_is_cut_off_is_not_read(void **state)
{
	(void)state;
	add_apic(1, ENABLED);
	add_x2apic(2, ENABLED);
	table.size_bytes--;
	assert_found(1, (const uint32_t[]){1});
	set_up(NULL);
	add_entry((const uint8_t[]){0, 7, 0, 5, ENABLED, 0, 0}, 7);
	add_entry((const uint8_t[]){9, 8, 0, 0, 6, 0, 0, 0}, 8);
	add_apic(3, ENABLED);
	assert_found(1, (const uint32_t[]){3});
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_kinds_of_entries_count),
		TEST(a_table_without_entries_names_nobody),
		TEST(what_is_not_ready_is_left_out),
		TEST(the_broadcast_ids_are_nobody),
		TEST(a_processor_counts_once),
		TEST(processors_beyond_the_room_are_counted),
		TEST(a_broken_entry_ends_the_table),
		TEST(an_entry_that_is_cut_off_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
