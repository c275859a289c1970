/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/acpi_pm.c lib/tick_rate.c */
#include "devices/acpi_pm.h"
#include "lib/tick_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
	STATUS = 0,
	ENABLE = 2,
	CONTROL = 4,
	TIMER = 8,
};

static void slp_en_powers_off_whatever_the_type(void **state)
{
	static const uint32_t values[] = {0x2000, 0x2001, 0x3400, 0x3c00};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		struct acpi_pm pm = {0};

		acpi_pm_write(&pm, CONTROL, 2, values[i], 0);
		assert_true(pm.is_power_off);
		assert_int_equal(acpi_pm_read(&pm, CONTROL, 2, 0), values[i] & ~0x2000u);
	}
}

static void no_other_bit_powers_off(void **state)
{
	struct acpi_pm pm = {0};

	(void)state;
	acpi_pm_write(&pm, CONTROL, 2, 0xdfff, 0);
	acpi_pm_write(&pm, ENABLE, 2, 0xffff, 0);
	acpi_pm_write(&pm, STATUS, 2, 0xffff, 0);
	assert_false(pm.is_power_off);
}

static void slp_en_alone_in_its_byte_powers_off(void **state)
{
	struct acpi_pm pm = {0};

	(void)state;
	acpi_pm_write(&pm, CONTROL, 1, 0x20, 0);
	assert_false(pm.is_power_off);
	acpi_pm_write(&pm, CONTROL + 1, 1, 0x20, 0);
	assert_true(pm.is_power_off);
}

static void sci_en_reads_back_and_gbl_rls_does_not(void **state)
{
	struct acpi_pm pm = {0};

	(void)state;
	acpi_pm_write(&pm, CONTROL, 2, 0x0005, 0);
	assert_int_equal(acpi_pm_read(&pm, CONTROL, 2, 0), 1);
	acpi_pm_write(&pm, CONTROL + 1, 1, 0x14, 0);
	assert_int_equal(acpi_pm_read(&pm, CONTROL, 2, 0), 0x1401);
}

static void status_is_cleared_by_ones(void **state)
{
	struct acpi_pm pm = {.status = 0x0521};

	(void)state;
	acpi_pm_write(&pm, STATUS, 2, 0x0120, 0);
	assert_int_equal(acpi_pm_read(&pm, STATUS, 2, 0), 0x0401);
	acpi_pm_write(&pm, STATUS + 1, 1, 0xff, 0);
	assert_int_equal(acpi_pm_read(&pm, STATUS, 2, 0), 0x0001);
}

static void one_wide_access_reaches_status_and_enable(void **state)
{
	struct acpi_pm pm = {.status = 0xffff};

	(void)state;
	acpi_pm_write(&pm, STATUS, 4, 0x0121fffe, 0);
	assert_int_equal(acpi_pm_read(&pm, STATUS, 4, 0), 0x01210001);
	assert_int_equal(acpi_pm_read(&pm, ENABLE, 2, 0), 0x0121);
	assert_int_equal(acpi_pm_read(&pm, ENABLE + 1, 1, 0), 0x01);
}

static void bytes_beyond_the_block_read_as_ones(void **state)
{
	struct acpi_pm pm = {0};

	(void)state;
	assert_int_equal(acpi_pm_read(&pm, CONTROL, 4, 0), 0xffff0000);
	assert_int_equal(acpi_pm_read(&pm, ACPI_PM_PORT_COUNT, 1, 0), 0xff);
	acpi_pm_write(&pm, ACPI_PM_PORT_COUNT, 4, 0xffffffff, 0);
	assert_int_equal(pm.status | pm.enable | pm.control, 0);
	assert_false(pm.is_power_off);
}

static struct acpi_pm timer;
static bool sci;

static void take_sci(void *context, bool is_high)
{
	assert_ptr_equal(context, &timer);
	assert_int_not_equal(sci, is_high);
	sci = is_high;
}

static void start_timer(bool is_32bit)
{
	timer = (struct acpi_pm){
		.set_sci = take_sci, .context = &timer, .is_timer_32bit = is_32bit};
	sci = false;
}

static uint64_t tick_ns(uint64_t ticks)
{
	return tick_rate_ns(ACPI_PM_TIMER_HZ, ticks);
}

static void the_timer_counts_3579545_ticks_a_second(void **state)
{
	(void)state;
	start_timer(true);
	assert_int_equal(acpi_pm_read(&timer, TIMER, 4, 0), 0);
	assert_int_equal(acpi_pm_read(&timer, TIMER, 4, 1000000000), 3579545);
	assert_int_equal(acpi_pm_read(&timer, TIMER, 4, 1000000000000), 3579545000);
}

static void the_short_timer_has_24_bits(void **state)
{
	(void)state;
	start_timer(false);
	assert_int_equal(acpi_pm_read(&timer, TIMER, 4, tick_ns(0xffffff)), 0x00ffffff);
	assert_int_equal(acpi_pm_read(&timer, TIMER, 4, tick_ns(0x1000000)), 0);
	assert_int_equal(acpi_pm_read(&timer, TIMER, 4, tick_ns(0x123456789)), 0x00456789);
	start_timer(true);
	assert_int_equal(acpi_pm_read(&timer, TIMER, 4, tick_ns(0x123456789)), 0x23456789);
}

static void the_timer_is_read_by_bytes_and_cannot_be_written(void **state)
{
	(void)state;
	start_timer(true);
	acpi_pm_write(&timer, TIMER, 4, 0xffffffff, tick_ns(0x12345678));
	assert_int_equal(acpi_pm_read(&timer, TIMER, 1, tick_ns(0x12345678)), 0x78);
	assert_int_equal(acpi_pm_read(&timer, TIMER + 1, 2, tick_ns(0x12345678)), 0x3456);
	assert_int_equal(acpi_pm_read(&timer, TIMER + 3, 2, tick_ns(0x12345678)), 0xff12);
	assert_int_equal(acpi_pm_read(&timer, TIMER - 2, 4, tick_ns(0x12345678)), 0x5678ffff);
}

static void each_change_of_the_top_bit_sets_tmr_sts(void **state)
{
	(void)state;
	start_timer(false);
	for (uint64_t i = 1; i < 6; i++) {
		acpi_pm_advance(&timer, tick_ns(i << 23) - 1);
		assert_int_equal(timer.status, 0);
		acpi_pm_advance(&timer, tick_ns(i << 23));
		assert_int_equal(timer.status, 1);
		acpi_pm_write(&timer, STATUS, 2, 1, tick_ns(i << 23));
		assert_int_equal(timer.status, 0);
	}
	assert_false(sci);
}

static void an_enabled_overflow_raises_the_sci_until_cleared(void **state)
{
	(void)state;
	start_timer(true);
	assert_int_equal(acpi_pm_next_event(&timer), TIME_NEVER);
	acpi_pm_write(&timer, CONTROL, 2, 1, 0);
	assert_int_equal(acpi_pm_next_event(&timer), TIME_NEVER);
	acpi_pm_write(&timer, ENABLE, 2, 1, 0);
	assert_int_equal(acpi_pm_next_event(&timer), tick_ns(1ull << 31));
	acpi_pm_advance(&timer, tick_ns(1ull << 31) - 1);
	assert_false(sci);
	acpi_pm_advance(&timer, tick_ns(1ull << 31));
	assert_true(sci);
	assert_int_equal(acpi_pm_next_event(&timer), TIME_NEVER);
	acpi_pm_write(&timer, STATUS, 2, 1, tick_ns(1ull << 31));
	assert_false(sci);
	assert_int_equal(acpi_pm_next_event(&timer), tick_ns(1ull << 32));
}

static void sci_en_gates_the_sci(void **state)
{
	(void)state;
	start_timer(false);
	acpi_pm_write(&timer, ENABLE, 2, 1, 0);
	assert_int_equal(acpi_pm_next_event(&timer), TIME_NEVER);
	acpi_pm_advance(&timer, tick_ns(1 << 23));
	assert_false(sci);
	acpi_pm_write(&timer, CONTROL, 2, 1, 0);
	assert_true(sci);
	acpi_pm_write(&timer, ENABLE, 2, 0, 0);
	assert_false(sci);
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
		cmocka_unit_test(the_timer_counts_3579545_ticks_a_second),
		cmocka_unit_test(the_short_timer_has_24_bits),
		cmocka_unit_test(the_timer_is_read_by_bytes_and_cannot_be_written),
		cmocka_unit_test(each_change_of_the_top_bit_sets_tmr_sts),
		cmocka_unit_test(an_enabled_overflow_raises_the_sci_until_cleared),
		cmocka_unit_test(sci_en_gates_the_sci),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
