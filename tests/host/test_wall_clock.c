/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/wall_clock.c cpu/tsc.c lib/calendar.c lib/scaled_time.c */
#include "cpu/wall_clock.h"

#include "cpu/tsc.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { CMOS_DATA = 0x71, STATUS_B_24 = 2, STATUS_B_24_BINARY = 6, HZ = 10000000 };

#define SECOND_NS 1000000000ull
/* 2026-11-24 16:05:09 UTC. */
#define DUE_SECONDS 1795536309ull

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	tsc_set_hz(HZ);
	return 0;
}

static void queue_time(const uint8_t registers[6])
{
	for (int i = 0; i < 6; i++) {
		fake_port_queue(CMOS_DATA, registers[i]);
	}
}

/* Status B, no update, and the same twice. */
static void queue_clock(uint8_t status_b, const uint8_t registers[6])
{
	fake_port_queue(CMOS_DATA, status_b);
	fake_port_queue(CMOS_DATA, 0);
	queue_time(registers);
	queue_time(registers);
}

static void bcd_and_24_hours(void **state)
{
	const uint8_t registers[] = {0x09, 0x05, 0x16, 0x24, 0x11, 0x26};

	(void)state;
	queue_clock(STATUS_B_24, registers);
	assert_int_equal(wall_clock_start(), STATUS_OK);
	assert_int_equal(wall_clock_ns(fake_cpu.tsc) / SECOND_NS, DUE_SECONDS);
}

static void binary_and_12_hours(void **state)
{
	const uint8_t registers[] = {9, 5, 0x84, 24, 11, 26};
	const uint8_t midnight[] = {0, 0, 12, 24, 11, 26};

	(void)state;
	queue_clock(STATUS_B_24_BINARY & ~STATUS_B_24, registers);
	assert_int_equal(wall_clock_start(), STATUS_OK);
	assert_int_equal(wall_clock_ns(fake_cpu.tsc) / SECOND_NS, DUE_SECONDS);
	queue_clock(STATUS_B_24_BINARY & ~STATUS_B_24, midnight);
	assert_int_equal(wall_clock_start(), STATUS_OK);
	assert_int_equal(
		wall_clock_ns(fake_cpu.tsc) / SECOND_NS, DUE_SECONDS - (16 * 3600 + 5 * 60 + 9));
}

static void a_year_of_the_last_century_is_one_from_70_on(void **state)
{
	const uint8_t registers[] = {0, 0, 0, 1, 1, 0x70};

	(void)state;
	queue_clock(STATUS_B_24, registers);
	assert_int_equal(wall_clock_start(), STATUS_OK);
	assert_int_equal(wall_clock_ns(fake_cpu.tsc) / SECOND_NS, 0);
}

static void it_goes_on_with_the_tsc(void **state)
{
	const uint8_t registers[] = {0x09, 0x05, 0x16, 0x24, 0x11, 0x26};
	uint64_t start;

	(void)state;
	queue_clock(STATUS_B_24, registers);
	assert_int_equal(wall_clock_start(), STATUS_OK);
	start = wall_clock_ns(fake_cpu.tsc);
	assert_in_range(wall_clock_ns(fake_cpu.tsc + 60ull * HZ) - start, 60 * SECOND_NS - 100,
		60 * SECOND_NS);
}

static void a_read_that_an_update_disturbed_is_done_again(void **state)
{
	const uint8_t before[] = {0x59, 0x04, 0x16, 0x24, 0x11, 0x26};
	const uint8_t registers[] = {0x09, 0x05, 0x16, 0x24, 0x11, 0x26};

	(void)state;
	fake_port_queue(CMOS_DATA, STATUS_B_24);
	fake_port_queue(CMOS_DATA, 0x80);
	fake_port_queue(CMOS_DATA, 0);
	queue_time(before);
	queue_time(registers);
	fake_port_queue(CMOS_DATA, 0);
	queue_time(registers);
	queue_time(registers);
	assert_int_equal(wall_clock_start(), STATUS_OK);
	assert_int_equal(wall_clock_ns(fake_cpu.tsc) / SECOND_NS, DUE_SECONDS);
}

static void no_clock_is_reported_and_time_starts_at_1970(void **state)
{
	const uint8_t nonsense[] = {0x61, 0, 0, 1, 1, 0x26};

	(void)state;
	/* Ports without a device read all ones: an update that never ends. */
	assert_int_equal(wall_clock_start(), STATUS_NOT_FOUND);
	assert_int_equal(wall_clock_ns(fake_cpu.tsc) / SECOND_NS, 0);
	queue_clock(STATUS_B_24, nonsense);
	assert_int_equal(wall_clock_start(), STATUS_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bcd_and_24_hours, set_up),
		cmocka_unit_test_setup(binary_and_12_hours, set_up),
		cmocka_unit_test_setup(a_year_of_the_last_century_is_one_from_70_on, set_up),
		cmocka_unit_test_setup(it_goes_on_with_the_tsc, set_up),
		cmocka_unit_test_setup(a_read_that_an_update_disturbed_is_done_again, set_up),
		cmocka_unit_test_setup(no_clock_is_reported_and_time_starts_at_1970, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
