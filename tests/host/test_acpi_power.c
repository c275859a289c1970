/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/acpi_power.c cpu/acpi_tables.c */
#include "cpu/acpi_power.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A small physical memory, in which addresses are offsets behind PHYSICAL_BASE. */
enum {
	PHYSICAL_BASE = 0x70000,
	MEMORY_SIZE = 4096,
	RSDP_AT = 0,
	RSDT_AT = 0x100,
	XSDT_AT = 0x200,
	OTHER_AT = 0x280,
	FADT_AT = 0x300,
	DSDT_AT = 0x600,
	FADT_SIZE = 244,
	TABLE_HEADER_SIZE = 36,
	DSDT_NOISE = 20,
	PM1A = 0xb004,
	PM1B = 0xb104,
	SMI_COMMAND = 0xb2,
	RESET_PORT = 0xcf9,
};

static uint8_t memory[MEMORY_SIZE];
static struct acpi_power power;

static const uint8_t *map(uint64_t address, uint64_t size_bytes)
{
	if (address < PHYSICAL_BASE || address - PHYSICAL_BASE > MEMORY_SIZE ||
		size_bytes > MEMORY_SIZE - (address - PHYSICAL_BASE)) {
		return NULL;
	}
	return &memory[address - PHYSICAL_BASE];
}

static void put(unsigned at, uint64_t value, unsigned size_bytes)
{
	memcpy(&memory[at], &value, size_bytes);
}

static void fix_sum(unsigned at, unsigned size_bytes, unsigned checksum_at)
{
	uint8_t sum = 0;

	memory[checksum_at] = 0;
	for (unsigned i = 0; i < size_bytes; i++) {
		sum = (uint8_t)(sum + memory[at + i]);
	}
	memory[checksum_at] = (uint8_t)-sum;
}

static void seal(unsigned at, const char *signature, unsigned size_bytes)
{
	memcpy(&memory[at], signature, 4);
	put(at + 4, size_bytes, 4);
	fix_sum(at, size_bytes, at + 9);
}

static void seal_rsdp(uint8_t revision)
{
	memcpy(&memory[RSDP_AT], "RSD PTR ", 8);
	memory[RSDP_AT + 15] = revision;
	put(RSDP_AT + 20, 36, 4);
	fix_sum(RSDP_AT, 20, RSDP_AT + 8);
	fix_sum(RSDP_AT, 36, RSDP_AT + 32);
}

static void put_dsdt(const char *aml, unsigned aml_size)
{
	memset(&memory[DSDT_AT + TABLE_HEADER_SIZE], 0x5b, DSDT_NOISE);
	memcpy(&memory[DSDT_AT + TABLE_HEADER_SIZE + DSDT_NOISE], aml, aml_size);
	seal(DSDT_AT, "DSDT", TABLE_HEADER_SIZE + DSDT_NOISE + aml_size);
}

#define PUT_DSDT(aml) put_dsdt(aml, sizeof(aml) - 1)

static void put_fadt(void)
{
	put(FADT_AT + 40, PHYSICAL_BASE + DSDT_AT, 4);
	put(FADT_AT + 48, SMI_COMMAND, 4);
	put(FADT_AT + 52, 0xa0, 1);
	put(FADT_AT + 64, PM1A, 4);
	put(FADT_AT + 68, PM1B, 4);
	put(FADT_AT + 112, 1 << 10, 4);
	put(FADT_AT + 116, 1, 1);
	put(FADT_AT + 120, RESET_PORT, 8);
	put(FADT_AT + 128, 0x0e, 1);
	put(FADT_AT + 140, PHYSICAL_BASE + DSDT_AT, 8);
	seal(FADT_AT, "FACP", FADT_SIZE);
}

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	memset(memory, 0, sizeof(memory));
	put(RSDP_AT + 16, PHYSICAL_BASE + RSDT_AT, 4);
	put(RSDP_AT + 24, PHYSICAL_BASE + XSDT_AT, 8);
	seal_rsdp(2);
	seal(OTHER_AT, "HPET", TABLE_HEADER_SIZE);
	put(RSDT_AT + 36, PHYSICAL_BASE + OTHER_AT, 4);
	put(RSDT_AT + 40, PHYSICAL_BASE + FADT_AT, 4);
	seal(RSDT_AT, "RSDT", 44);
	put(XSDT_AT + 36, PHYSICAL_BASE + OTHER_AT, 8);
	put(XSDT_AT + 44, PHYSICAL_BASE + FADT_AT, 8);
	seal(XSDT_AT, "XSDT", 52);
	put_fadt();
	PUT_DSDT("\x08_S5_\x12\x08\x04\x0a\x05\x0a\x07\x00\x00");
	return 0;
}

static enum status find(void)
{
	return acpi_power_find(&memory[RSDP_AT], 36, map, &power);
}

static void power_off_and_reset_are_found(void **state)
{
	(void)state;
	assert_int_equal(find(), STATUS_OK);
	assert_true(power.sleep.is_known);
	assert_int_equal(power.sleep.pm1a_control, PM1A);
	assert_int_equal(power.sleep.pm1b_control, PM1B);
	assert_int_equal(power.sleep.type_a, 5);
	assert_int_equal(power.sleep.type_b, 7);
	assert_int_equal(power.sleep.smi_command, SMI_COMMAND);
	assert_true(power.reset.is_known);
	assert_false(power.reset.is_memory);
	assert_int_equal(power.reset.address, RESET_PORT);
	assert_int_equal(power.reset.value, 0x0e);
}

static void an_old_rsdp_leads_through_the_rsdt(void **state)
{
	(void)state;
	memset(&memory[XSDT_AT], 0xff, 52);
	seal_rsdp(0);
	assert_int_equal(acpi_power_find(&memory[RSDP_AT], 20, map, &power), STATUS_OK);
	assert_true(power.sleep.is_known);
}

static void a_broken_xsdt_leads_through_the_rsdt(void **state)
{
	(void)state;
	memory[XSDT_AT + 10] ^= 1;
	assert_int_equal(find(), STATUS_OK);
	assert_true(power.sleep.is_known);
}

static void a_broken_rsdp_is_refused(void **state)
{
	(void)state;
	assert_int_equal(acpi_power_find(NULL, 0, map, &power), STATUS_INVALID);
	assert_int_equal(acpi_power_find(&memory[RSDP_AT], 19, map, &power), STATUS_INVALID);
	memory[RSDP_AT + 9] ^= 1;
	assert_int_equal(find(), STATUS_INVALID);
	memory[RSDP_AT + 9] ^= 1;
	memory[RSDP_AT] = 'X';
	assert_int_equal(find(), STATUS_INVALID);
	assert_false(power.sleep.is_known);
	assert_false(power.reset.is_known);
}

static void wrong_lengths_and_sums_are_not_followed(void **state)
{
	static const unsigned lengths[] = {0, 35, MEMORY_SIZE, 0x80000000, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		(void)set_up(state);
		put(FADT_AT + 4, lengths[i], 4);
		assert_int_not_equal(find(), STATUS_OK);
		(void)set_up(state);
		put(DSDT_AT + 4, lengths[i], 4);
		assert_int_equal(find(), STATUS_OK);
		assert_false(power.sleep.is_known);
	}
	(void)set_up(state);
	memory[FADT_AT + 100] ^= 1;
	assert_int_equal(find(), STATUS_INVALID);
	(void)set_up(state);
	put(XSDT_AT + 44, 0, 8);
	seal(XSDT_AT, "XSDT", 52);
	assert_int_equal(find(), STATUS_NOT_FOUND);
	put(XSDT_AT + 44, UINT64_MAX - 8, 8);
	seal(XSDT_AT, "XSDT", 52);
	assert_int_equal(find(), STATUS_NOT_FOUND);
}

static void a_short_fadt_has_only_the_fields_that_it_reaches(void **state)
{
	(void)state;
	seal(FADT_AT, "FACP", 116);
	assert_int_equal(find(), STATUS_OK);
	assert_true(power.sleep.is_known);
	assert_false(power.reset.is_known);
	seal(FADT_AT, "FACP", 64);
	assert_int_equal(find(), STATUS_NOT_FOUND);
	assert_false(power.sleep.is_known);
}

static void extended_fields_stand_in_for_old_ones(void **state)
{
	(void)state;
	put(FADT_AT + 64, 0, 4);
	put(FADT_AT + 172, 1, 1);
	put(FADT_AT + 176, 0x1804, 8);
	put(FADT_AT + 140, 0, 8);
	seal(FADT_AT, "FACP", FADT_SIZE);
	assert_int_equal(find(), STATUS_OK);
	assert_true(power.sleep.is_known);
	assert_int_equal(power.sleep.pm1a_control, 0x1804);
	put(FADT_AT + 176, 0x11804, 8);
	seal(FADT_AT, "FACP", FADT_SIZE);
	assert_int_equal(find(), STATUS_OK);
	assert_false(power.sleep.is_known);
}

static void every_integer_form_of_a_sleep_type_is_read(void **state)
{
	(void)state;
	PUT_DSDT("\x08\\_S5_\x12\x06\x02\x00\x01");
	assert_int_equal(find(), STATUS_OK);
	assert_int_equal(power.sleep.type_a, 0);
	assert_int_equal(power.sleep.type_b, 1);
	PUT_DSDT("\x08_S5_\x12\x4c\x00\x02\x0b\x03\x00\x0c\x04\x00\x00\x00");
	assert_int_equal(find(), STATUS_OK);
	assert_int_equal(power.sleep.type_a, 3);
	assert_int_equal(power.sleep.type_b, 4);
	PUT_DSDT("\x08_S5_\x12\x04\x01\x0a\x06");
	assert_int_equal(find(), STATUS_OK);
	assert_int_equal(power.sleep.type_a, 6);
	assert_int_equal(power.sleep.type_b, 0);
}

static void a_name_that_only_looks_like_s5_is_passed_over(void **state)
{
	(void)state;
	PUT_DSDT("_S5_\x12\x06\x02\x0a\x01\x0a\x01\x08_S5_\x12\x06\x02\x0a\x02\x0a\x02");
	assert_int_equal(find(), STATUS_OK);
	assert_int_equal(power.sleep.type_a, 2);
}

static void a_broken_s5_package_is_not_used(void **state)
{
	static const struct {
		const char *aml;
		unsigned size;
	} broken[] = {
		{"\x08_S5_", 5},
		{"\x08_S5_\x12", 6},
		{"\x08_S5_\x12\x06", 7},
		{"\x08_S5_\x12\xc6\x00", 8},
		{"\x08_S5_\x12\x06\x02", 8},
		{"\x08_S5_\x12\x06\x02\x0a", 9},
		{"\x08_S5_\x12\x06\x02\x0a\x01", 10},
		{"\x08_S5_\x12\x06\x02\x0b\x01\x00\x0b\x01", 12},
		{"\x08_S5_\x12\x06\x00\x0a\x01\x0a\x01", 12},
		{"\x08_S5_\x12\x06\x02\x0a\x08\x0a\x01", 12},
		{"\x08_S5_\x12\x06\x02\x0b\x01\x01\x0a\x01", 13},
		{"\x08_S5_\x12\x06\x02_TYP\x0a\x01", 14},
		{"\x08_S5_\x11\x06\x02\x0a\x01\x0a\x01", 12},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
		put_dsdt(broken[i].aml, broken[i].size);
		assert_int_equal(find(), STATUS_OK);
		assert_false(power.sleep.is_known);
	}
}

static void a_dsdt_of_bare_header_has_no_s5(void **state)
{
	(void)state;
	seal(DSDT_AT, "DSDT", TABLE_HEADER_SIZE);
	assert_int_equal(find(), STATUS_OK);
	assert_false(power.sleep.is_known);
}

/* The 16-bit write number `index` to a port; fails the test if there are fewer. */
static uint32_t word_written(uint16_t port, unsigned index)
{
	for (size_t i = 0; i < fake_port_write_count(); i++) {
		struct fake_port_write write = fake_port_write_at(i);

		if (write.port == port && write.width_bytes == 2 && index-- == 0) {
			return write.value;
		}
	}
	fail_msg("no write to port %#x", port);
	return 0;
}

static void power_off_keeps_the_other_bits_of_pm1_control(void **state)
{
	(void)state;
	assert_int_equal(find(), STATUS_OK);
	fake_port_set(PM1A, 0x0203);
	fake_port_set(PM1B, 0x1c01);
	acpi_power_off(&power.sleep);
	assert_int_equal(word_written(PM1A, 0), 0x0203 | 5 << 10 | 1 << 13);
	assert_int_equal(word_written(PM1B, 0), 0x0001 | 7 << 10 | 1 << 13);
}

static void legacy_mode_is_left_first(void **state)
{
	(void)state;
	assert_int_equal(find(), STATUS_OK);
	fake_port_set(PM1A, 0);
	acpi_power_off(&power.sleep);
	assert_int_equal(fake_port_write_at(0).port, SMI_COMMAND);
	assert_int_equal(fake_port_write_at(0).value, 0xa0);
	assert_int_equal(word_written(PM1A, 0), 5 << 10 | 1 << 13);
}

static void what_is_unknown_touches_nothing(void **state)
{
	(void)state;
	memset(&power, 0, sizeof(power));
	acpi_power_off(&power.sleep);
	acpi_power_reset(&power.reset);
	assert_int_equal(fake_port_write_count(), 0);
}

static void reset_writes_its_register(void **state)
{
	uint8_t reset_register = 0;

	(void)state;
	assert_int_equal(find(), STATUS_OK);
	acpi_power_reset(&power.reset);
	assert_int_equal(fake_port_write_count(), 1);
	assert_int_equal(fake_port_write_at(0).port, RESET_PORT);
	assert_int_equal(fake_port_write_at(0).value, 0x0e);
	put(FADT_AT + 116, 0, 1);
	put(FADT_AT + 120, (uintptr_t)&reset_register, 8);
	seal(FADT_AT, "FACP", FADT_SIZE);
	assert_int_equal(find(), STATUS_OK);
	assert_true(power.reset.is_memory);
	acpi_power_reset(&power.reset);
	assert_int_equal(reset_register, 0x0e);
}

static void a_reset_register_elsewhere_is_unknown(void **state)
{
	(void)state;
	put(FADT_AT + 116, 2, 1);
	seal(FADT_AT, "FACP", FADT_SIZE);
	assert_int_equal(find(), STATUS_OK);
	assert_false(power.reset.is_known);
	put(FADT_AT + 116, 1, 1);
	put(FADT_AT + 120, 0x10000, 8);
	seal(FADT_AT, "FACP", FADT_SIZE);
	assert_int_equal(find(), STATUS_OK);
	assert_false(power.reset.is_known);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(power_off_and_reset_are_found),
		TEST(an_old_rsdp_leads_through_the_rsdt),
		TEST(a_broken_xsdt_leads_through_the_rsdt),
		TEST(a_broken_rsdp_is_refused),
		TEST(wrong_lengths_and_sums_are_not_followed),
		TEST(a_short_fadt_has_only_the_fields_that_it_reaches),
		TEST(extended_fields_stand_in_for_old_ones),
		TEST(every_integer_form_of_a_sleep_type_is_read),
		TEST(a_name_that_only_looks_like_s5_is_passed_over),
		TEST(a_broken_s5_package_is_not_used),
		TEST(a_dsdt_of_bare_header_has_no_s5),
		TEST(power_off_keeps_the_other_bits_of_pm1_control),
		TEST(legacy_mode_is_left_first),
		TEST(what_is_unknown_touches_nothing),
		TEST(reset_writes_its_register),
		TEST(a_reset_register_elsewhere_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
