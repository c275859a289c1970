/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/acpi_guest_tables.c vm/acpi_fadt.c vm/acpi_madt.c vm/acpi_processors.c
 * vm/acpi_writer.c cpu/acpi_tables.c cpu/acpi_power.c */
#include "cpu/acpi_power.h"
#include "cpu/acpi_tables.h"
#include "lib/bits.h"
#include "vm/acpi_guest_tables.h"
#include "vm/acpi_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	HEADER_SIZE = 36,
	DSDT_SIZE = HEADER_SIZE + 12,
	MADT_FIRST_ENTRY = 44,
	PROCESSOR_DEVICE_SIZE = 38,
	LARGE_GUEST = 300,
};

/* Name (_S5, Package (4) {0, 0, 0, 0}) */
static const uint8_t s5[] = {0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 0, 0, 0};

static uint8_t dsdt[DSDT_SIZE];
static uint8_t *area;
static uint64_t area_size_bytes;
static struct acpi_guest_tables tables;

/* What the guest has at these addresses, for our own parser. */
static const uint8_t *map(uint64_t address, uint64_t size_bytes)
{
	if (address < ACPI_GUEST_AREA_START ||
		!range_fits(address - ACPI_GUEST_AREA_START, size_bytes, area_size_bytes)) {
		return NULL;
	}
	return area + (address - ACPI_GUEST_AREA_START);
}

static enum status build_in(unsigned vcpu_count, uint64_t size_bytes)
{
	const struct acpi_guest_config config = {vcpu_count, dsdt, sizeof(dsdt)};

	free(area);
	area = malloc(size_bytes);
	area_size_bytes = size_bytes;
	memset(area, 0xa5, size_bytes);
	return acpi_guest_tables_build(
		area, size_bytes, gpa(ACPI_GUEST_AREA_START), &config, &tables);
}

static void build(unsigned vcpu_count)
{
	assert_int_equal(build_in(vcpu_count, ACPI_GUEST_AREA_SIZE_BYTES), STATUS_OK);
}

static const uint8_t *rsdp(void)
{
	return map(tables.rsdp.value, 36);
}

static struct acpi_table find(const char *signature)
{
	struct acpi_table table;

	assert_int_equal(acpi_table_find(rsdp(), 36, signature, map, &table), STATUS_OK);
	return table;
}

static uint64_t field(const struct acpi_table *table, uint32_t offset, uint32_t size_bytes)
{
	assert_true(range_fits(offset, size_bytes, table->size_bytes));
	return acpi_table_field(table, offset, size_bytes);
}

static unsigned sum(const uint8_t *bytes, size_t size_bytes)
{
	unsigned total = 0;

	for (size_t i = 0; i < size_bytes; i++) {
		total += bytes[i];
	}
	return total & 0xff;
}

static void the_rsdp_is_where_systems_look_for_it(void **state)
{
	(void)state;
	build(1);
	assert_int_equal(tables.rsdp.value % 16, 0);
	assert_true(tables.rsdp.value >= 0xe0000 && tables.rsdp.value < 0x100000);
	assert_memory_equal(rsdp(), "RSD PTR ", 8);
	assert_int_equal(sum(rsdp(), 20), 0);
	assert_int_equal(sum(rsdp(), 36), 0);
	assert_memory_equal(rsdp() + 9, "TRIVET", 6);
	assert_int_equal(rsdp()[15], 2);
	assert_int_equal(rsdp()[20], 36);
}

static void both_roots_list_the_same_tables(void **state)
{
	uint8_t old[36];
	struct acpi_table by_xsdt;
	struct acpi_table by_rsdt;
	static const char *const signatures[] = {"FACP", "APIC", "SSDT"};

	(void)state;
	build(2);
	memcpy(old, rsdp(), sizeof(old));
	/* The revision is not 2, the checksum still right: a system of the time before the XSDT. */
	old[15] = 0;
	old[8] = (uint8_t)(old[8] + 2);
	for (size_t i = 0; i < ARRAY_COUNT(signatures); i++) {
		by_xsdt = find(signatures[i]);
		assert_int_equal(acpi_table_find(old, 36, signatures[i], map, &by_rsdt), STATUS_OK);
		assert_ptr_equal(by_xsdt.bytes, by_rsdt.bytes);
	}
}

static void every_table_says_whose_it_is(void **state)
{
	static const struct {
		const char *signature;
		unsigned revision;
	} cases[] = {{"FACP", 6}, {"APIC", 5}, {"SSDT", 2}};

	(void)state;
	build(1);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct acpi_table table = find(cases[i].signature);

		assert_int_equal(field(&table, 8, 1), cases[i].revision);
		assert_memory_equal(table.bytes + 10, "TRIVETTRIVETVM", 14);
		assert_int_equal((table.bytes - area) % 16, 0);
	}
}

static void the_fadt_tells_the_fixed_hardware(void **state)
{
	static const struct {
		uint32_t offset;
		uint32_t size_bytes;
		uint64_t value;
	} fields[] = {
		{46, 2, 9},     /* SCI_INT */
		{48, 4, 0},     /* SMI_CMD */
		{56, 4, 0x600}, /* PM1a_EVT_BLK */
		{60, 4, 0},     /* PM1b_EVT_BLK */
		{64, 4, 0x604}, /* PM1a_CNT_BLK */
		{68, 4, 0},     /* PM1b_CNT_BLK */
		{72, 4, 0},     /* PM2_CNT_BLK */
		{76, 4, 0x608}, /* PM_TMR_BLK */
		{80, 8, 0},     /* GPE0_BLK, GPE1_BLK */
		{88, 1, 4},     /* PM1_EVT_LEN */
		{89, 1, 2},     /* PM1_CNT_LEN */
		{90, 1, 0},     /* PM2_CNT_LEN */
		{91, 1, 4},     /* PM_TMR_LEN */
		{92, 4, 0},     /* GPE0_BLK_LEN, GPE1_BLK_LEN, GPE1_BASE, CST_CNT */
		{96, 2, 101},   /* P_LVL2_LAT */
		{98, 2, 1001},  /* P_LVL3_LAT */
		{109, 2, 0x05}, /* IAPC_BOOT_ARCH: no 8042, a CMOS clock */
		{112, 4, 0x1575},
		{116, 4, 0x01000801}, /* RESET_REG: a byte port */
		{120, 8, 0xcf9},
		{128, 1, 6}, /* RESET_VALUE */
		{131, 1, 4}, /* Minor version */
		{132, 8, 0}, /* X_FIRMWARE_CTRL */
		{148, 4, 0x02002001},
		{152, 8, 0x600},
		{172, 4, 0x02001001},
		{176, 8, 0x604},
		{208, 4, 0x03002001},
		{212, 8, 0x608},
		{268, 8, 0},
	};
	struct acpi_table fadt;

	(void)state;
	build(1);
	fadt = find("FACP");
	assert_int_equal(fadt.size_bytes, 276);
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		if (field(&fadt, fields[i].offset, fields[i].size_bytes) != fields[i].value) {
			fail_msg("the field at %u is wrong", fields[i].offset);
		}
	}
}

static void the_fadt_leads_to_facs_and_dsdt(void **state)
{
	struct acpi_table fadt;
	struct acpi_table found;
	uint64_t facs;

	(void)state;
	build(1);
	fadt = find("FACP");
	facs = field(&fadt, 36, 4);
	assert_int_equal(facs % 64, 0);
	assert_memory_equal(map(facs, 64), "FACS\x40\0\0\0", 8);
	assert_int_equal(map(facs, 64)[32], 2);
	assert_int_equal(sum(map(facs, 64) + 8, 24), 0);
	assert_int_equal(field(&fadt, 40, 4), field(&fadt, 140, 8));
	assert_int_equal(acpi_table_open(field(&fadt, 140, 8), "DSDT", map, &found), STATUS_OK);
	assert_int_equal(found.size_bytes, sizeof(dsdt));
	assert_memory_equal(found.bytes, dsdt, sizeof(dsdt));
}

static void our_own_parser_finds_power_off_and_reset(void **state)
{
	struct acpi_power power;

	(void)state;
	build(1);
	assert_int_equal(acpi_power_find(rsdp(), 36, map, &power), STATUS_OK);
	assert_true(power.sleep.is_known);
	assert_int_equal(power.sleep.pm1a_control, 0x604);
	assert_int_equal(power.sleep.type_a, 0);
	assert_true(power.reset.is_known);
	assert_int_equal(power.reset.address, 0xcf9);
	assert_int_equal(power.reset.value, 6);
}

/* Checks the MADT's processors; returns the offset behind them. */
static uint32_t check_processors(const struct acpi_table *madt, unsigned vcpu_count)
{
	uint32_t at = MADT_FIRST_ENTRY;

	for (unsigned id = 0; id < vcpu_count; id++) {
		if (id < 255) {
			assert_int_equal(field(madt, at, 2), 0x0800);
			assert_int_equal(field(madt, at + 2, 1), id);
			assert_int_equal(field(madt, at + 3, 1), id);
			assert_int_equal(field(madt, at + 4, 4), 1);
			at += 8;
		} else {
			assert_int_equal(field(madt, at, 4), 0x1009);
			assert_int_equal(field(madt, at + 4, 4), id);
			assert_int_equal(field(madt, at + 8, 4), 1);
			assert_int_equal(field(madt, at + 12, 4), id);
			at += 16;
		}
	}
	return at;
}

static void check_madt(unsigned vcpu_count)
{
	static const uint8_t interrupts[] = {
		1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0, /* I/O APIC */
		2, 10, 0, 0, 2, 0, 0, 0, 0x5, 0,           /* IRQ 0 is GSI 2, edge, high */
		2, 10, 0, 9, 9, 0, 0, 0, 0xd, 0,           /* IRQ 9: level, high */
		4, 6, 0xff, 0, 0, 1,                       /* LINT1 is NMI everywhere */
	};
	static const uint8_t x2apic_nmi[] = {10, 12, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0};
	struct acpi_table madt;
	uint32_t at;

	build(vcpu_count);
	madt = find("APIC");
	assert_int_equal(field(&madt, 36, 4), 0xfee00000);
	assert_int_equal(field(&madt, 40, 4), 1);
	at = check_processors(&madt, vcpu_count);
	assert_true(range_fits(at, sizeof(interrupts), madt.size_bytes));
	assert_memory_equal(madt.bytes + at, interrupts, sizeof(interrupts));
	at += sizeof(interrupts);
	if (vcpu_count > 255) {
		assert_int_equal(madt.size_bytes, at + sizeof(x2apic_nmi));
		assert_memory_equal(madt.bytes + at, x2apic_nmi, sizeof(x2apic_nmi));
	} else {
		assert_int_equal(madt.size_bytes, at);
	}
}

static void the_madt_has_every_processor(void **state)
{
	static const unsigned counts[] = {1, 2, 8, 254, 255, 256, LARGE_GUEST};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		check_madt(counts[i]);
	}
}

static void every_processor_has_a_device(void **state)
{
	static const uint8_t first[PROCESSOR_DEVICE_SIZE] = {0x5b, 0x82, 36, '\\', 0x2e, '_', 'S',
		'B', '_', 'C', '0', '0', '0', 0x08, '_', 'H', 'I', 'D', 0x0d, 'A', 'C', 'P', 'I',
		'0', '0', '0', '7', 0, 0x08, '_', 'U', 'I', 'D', 0x0c, 0, 0, 0, 0};
	struct acpi_table ssdt;
	const uint8_t *last;

	(void)state;
	build(LARGE_GUEST);
	ssdt = find("SSDT");
	assert_int_equal(ssdt.size_bytes, HEADER_SIZE + LARGE_GUEST * PROCESSOR_DEVICE_SIZE);
	assert_memory_equal(ssdt.bytes + HEADER_SIZE, first, sizeof(first));
	last = ssdt.bytes + ssdt.size_bytes - PROCESSOR_DEVICE_SIZE;
	assert_memory_equal(last + 9, "C12B", 4);
	assert_int_equal(last[34] | last[35] << 8, LARGE_GUEST - 1);
}

static void the_areas_are_pages_that_hold_all_tables(void **state)
{
	const struct e820_entry *nvs = &tables.areas[0];
	const struct e820_entry *data = &tables.areas[1];
	struct acpi_table fadt;

	(void)state;
	build(LARGE_GUEST);
	fadt = find("FACP");
	assert_int_equal(nvs->type, E820_ACPI_NVS);
	assert_int_equal(nvs->base, field(&fadt, 36, 4));
	assert_int_equal(nvs->size_bytes, 0x1000);
	assert_int_equal(data->type, E820_ACPI_DATA);
	assert_int_equal(data->base, nvs->base + nvs->size_bytes);
	assert_int_equal(data->base, tables.rsdp.value);
	assert_int_equal(data->size_bytes % 0x1000, 0);
	assert_true(
		range_fits(data->base - ACPI_GUEST_AREA_START, data->size_bytes, area_size_bytes));
	/* Nothing is written behind them. */
	for (uint64_t at = data->base + data->size_bytes - ACPI_GUEST_AREA_START;
		at < area_size_bytes; at++) {
		assert_int_equal(area[at], 0xa5);
	}
}

static void memory_that_is_too_small_is_an_error(void **state)
{
	uint64_t needed;

	(void)state;
	build(2);
	needed = tables.areas[0].size_bytes + tables.areas[1].size_bytes;
	for (uint64_t size = 0; size < needed; size += 8) {
		assert_int_equal(build_in(2, size), STATUS_NO_MEMORY);
	}
	assert_int_equal(build_in(2, needed - 1), STATUS_NO_MEMORY);
	assert_int_equal(build_in(2, needed), STATUS_OK);
	assert_int_equal(
		build_in(ACPI_GUEST_VCPUS_MAX, ACPI_GUEST_AREA_SIZE_BYTES), STATUS_NO_MEMORY);
	assert_int_equal(build_in(ACPI_GUEST_VCPUS_MAX, MIB(1)), STATUS_OK);
}

static void wrong_calls_are_refused(void **state)
{
	const struct acpi_guest_config config = {1, dsdt, sizeof(dsdt)};

	(void)state;
	build(1);
	assert_int_equal(build_in(0, ACPI_GUEST_AREA_SIZE_BYTES), STATUS_INVALID);
	assert_int_equal(build_in(ACPI_GUEST_VCPUS_MAX + 1, MIB(1)), STATUS_INVALID);
	assert_int_equal(
		acpi_guest_tables_build(area, area_size_bytes, gpa(0xe0010), &config, &tables),
		STATUS_ALIGNMENT);
	assert_int_equal(acpi_guest_tables_build(area, area_size_bytes, gpa(GIB(4) - PAGE_SIZE_4K),
				 &config, &tables),
		STATUS_RANGE);
}

static int make_dsdt(void **state)
{
	struct acpi_writer writer = {.bytes = dsdt, .size_bytes = sizeof(dsdt)};

	(void)state;
	acpi_writer_begin(&writer, "DSDT", 2);
	acpi_writer_put(&writer, s5, sizeof(s5));
	(void)acpi_writer_end(&writer);
	return writer.is_full ? -1 : 0;
}

static int free_area(void **state)
{
	(void)state;
	free(area);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rsdp_is_where_systems_look_for_it),
		cmocka_unit_test(both_roots_list_the_same_tables),
		cmocka_unit_test(every_table_says_whose_it_is),
		cmocka_unit_test(the_fadt_tells_the_fixed_hardware),
		cmocka_unit_test(the_fadt_leads_to_facs_and_dsdt),
		cmocka_unit_test(our_own_parser_finds_power_off_and_reset),
		cmocka_unit_test(the_madt_has_every_processor),
		cmocka_unit_test(every_processor_has_a_device),
		cmocka_unit_test(the_areas_are_pages_that_hold_all_tables),
		cmocka_unit_test(memory_that_is_too_small_is_an_error),
		cmocka_unit_test(wrong_calls_are_refused),
	};

	return cmocka_run_group_tests(tests, make_dsdt, free_area);
}
