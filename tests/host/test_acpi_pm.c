/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/acpi_pm.c */
#include "devices/acpi_pm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
	STATUS = 0,
	ENABLE = 2,
	CONTROL = 4,
};

static void slp_en_powers_off_whatever_the_type(void **state)
{
	static const uint32_t values[] = {0x2000, 0x2001, 0x3400, 0x3c00};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		struct acpi_pm pm = {0};

		acpi_pm_write(&pm, CONTROL, 2, values[i]);
		assert_true(pm.is_power_off);
		assert_int_equal(acpi_pm_read(&pm, CONTROL, 2), values[i] & ~0x2000u);
	}
}

static void no_other_bit_powers_off(void **state)
{
	struct acpi_pm pm = {0};

	(void)state;
	acpi_pm_write(&pm, CONTROL, 2, 0xdfff);
	acpi_pm_write(&pm, ENABLE, 2, 0xffff);
	acpi_pm_write(&pm, STATUS, 2, 0xffff);
	assert_false(pm.is_power_off);
}

static void slp_en_alone_in_its_byte_powers_off(void **state)
{
	struct acpi_pm pm = {0};

	(void)state;
	acpi_pm_write(&pm, CONTROL, 1, 0x20);
	assert_false(pm.is_power_off);
	acpi_pm_write(&pm, CONTROL + 1, 1, 0x20);
	assert_true(pm.is_power_off);
}

static void sci_en_reads_back_and_gbl_rls_does_not(void **state)
{
	struct acpi_pm pm = {0};

	(void)state;
	acpi_pm_write(&pm, CONTROL, 2, 0x0005);
	assert_int_equal(acpi_pm_read(&pm, CONTROL, 2), 1);
	acpi_pm_write(&pm, CONTROL + 1, 1, 0x14);
	assert_int_equal(acpi_pm_read(&pm, CONTROL, 2), 0x1401);
}

static void status_is_cleared_by_ones(void **state)
{
	struct acpi_pm pm = {.status = 0x0521};

	(void)state;
	acpi_pm_write(&pm, STATUS, 2, 0x0120);
	assert_int_equal(acpi_pm_read(&pm, STATUS, 2), 0x0401);
	acpi_pm_write(&pm, STATUS + 1, 1, 0xff);
	assert_int_equal(acpi_pm_read(&pm, STATUS, 2), 0x0001);
}

static void one_wide_access_reaches_status_and_enable(void **state)
{
	struct acpi_pm pm = {.status = 0xffff};

	(void)state;
	acpi_pm_write(&pm, STATUS, 4, 0x0121fffe);
	assert_int_equal(acpi_pm_read(&pm, STATUS, 4), 0x01210001);
	assert_int_equal(acpi_pm_read(&pm, ENABLE, 2), 0x0121);
	assert_int_equal(acpi_pm_read(&pm, ENABLE + 1, 1), 0x01);
}

static void bytes_beyond_the_block_read_as_ones(void **state)
{
	struct acpi_pm pm = {0};

	(void)state;
	assert_int_equal(acpi_pm_read(&pm, CONTROL, 4), 0xffff0000);
	assert_int_equal(acpi_pm_read(&pm, ACPI_PM_PORT_COUNT, 1), 0xff);
	acpi_pm_write(&pm, ACPI_PM_PORT_COUNT, 4, 0xffffffff);
	assert_int_equal(pm.status | pm.enable | pm.control, 0);
	assert_false(pm.is_power_off);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slp_en_powers_off_whatever_the_type),
		cmocka_unit_test(no_other_bit_powers_off),
		cmocka_unit_test(slp_en_alone_in_its_byte_powers_off),
		cmocka_unit_test(sci_en_reads_back_and_gbl_rls_does_not),
		cmocka_unit_test(status_is_cleared_by_ones),
		cmocka_unit_test(one_wide_access_reaches_status_and_enable),
		cmocka_unit_test(bytes_beyond_the_block_read_as_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
