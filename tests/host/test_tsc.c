/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/tsc.c */
#include "cpu/tsc.h"

#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { CONTROL = 0x61, OUTPUT_2 = 0x20, PIT_HZ = 1193182, PIT_COUNT = 11932 };

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	return 0;
}

/* One measurement: the port's old value, some polls, and the output rises. */
static void queue_measurement(void)
{
	fake_port_queue(CONTROL, 0x0c);
	fake_port_queue(CONTROL, 0);
	fake_port_queue(CONTROL, 0);
	fake_port_queue(CONTROL, OUTPUT_2);
}

static void cpuid_tells_where_it_can(void **state)
{
	(void)state;
	fake_cpuid_set(0, 0, (struct cpuid_result){.eax = 0x16});
	fake_cpuid_set(0x15, 0, (struct cpuid_result){.eax = 2, .ebx = 168, .ecx = 25000000});
	assert_int_equal(tsc_calibrate(), STATUS_OK);
	assert_int_equal(tsc_hz(), 2100000000);
	assert_int_equal(fake_port_write_count(), 0);
}

static void a_cpuid_that_tells_half_is_not_believed(void **state)
{
	(void)state;
	fake_cpuid_set(0, 0, (struct cpuid_result){.eax = 0x16});
	fake_cpuid_set(0x15, 0, (struct cpuid_result){.eax = 2, .ebx = 168});
	fake_cpu.tsc_step = 2 * PIT_COUNT;
	for (int i = 0; i < 3; i++) {
		queue_measurement();
	}
	assert_int_equal(tsc_calibrate(), STATUS_OK);
	assert_int_equal(tsc_hz(), 2 * PIT_HZ);
}

static void the_8254_is_left_as_it_was(void **state)
{
	(void)state;
	fake_cpu.tsc_step = PIT_COUNT;
	for (int i = 0; i < 3; i++) {
		queue_measurement();
	}
	assert_int_equal(tsc_calibrate(), STATUS_OK);
	assert_int_equal(tsc_hz(), PIT_HZ);
	assert_int_equal(fake_port_write_at(fake_port_write_count() - 1).port, CONTROL);
	assert_int_equal(fake_port_write_at(fake_port_write_count() - 1).value, 0x0c);
	/* The gate opens with the speaker off. */
	assert_int_equal(fake_port_write_at(0).value, 0x0d);
}

static void without_an_8254_no_frequency_is_found(void **state)
{
	(void)state;
	/* All ones: the output is never low. */
	assert_int_equal(tsc_calibrate(), STATUS_NOT_FOUND);
	assert_int_equal(tsc_hz(), 0);
}

static void an_8254_that_stands_still_is_given_up(void **state)
{
	(void)state;
	fake_port_set(CONTROL, 0);
	assert_int_equal(tsc_calibrate(), STATUS_NOT_FOUND);
	assert_int_equal(tsc_hz(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cpuid_tells_where_it_can, set_up),
		cmocka_unit_test_setup(a_cpuid_that_tells_half_is_not_believed, set_up),
		cmocka_unit_test_setup(the_8254_is_left_as_it_was, set_up),
		cmocka_unit_test_setup(without_an_8254_no_frequency_is_found, set_up),
		cmocka_unit_test_setup(an_8254_that_stands_still_is_given_up, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
