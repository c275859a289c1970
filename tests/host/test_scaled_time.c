/* SPDX-License-Identifier: MIT */
/* SOURCES: lib/scaled_time.c */
#include "lib/scaled_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t frequencies[] = {1000000, 1193182, 10000000, 24000000, 999999999, 1000000000,
	1000000001, 2000000000, 2100000000, 3333333333, 5000000000, 99999999999, 100000000000};

static void a_second_is_a_second_at_every_frequency(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(frequencies) / sizeof(frequencies[0]); i++) {
		const struct scaled_time scale = scaled_time_of_hz(frequencies[i]);
		const uint64_t hour_ns = scaled_time_ns(scale, frequencies[i] * 3600);

		assert_true(scale.multiplier >= 0x7fffffff);
		/* 10^-9 of an hour. */
		assert_in_range(hour_ns, 3600000000000ull - 3700, 3600000000000ull);
	}
}

static void time_never_goes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(frequencies) / sizeof(frequencies[0]); i++) {
		const struct scaled_time scale = scaled_time_of_hz(frequencies[i]);
		uint64_t last = 0;

		for (uint64_t ticks = 0; ticks < 100000; ticks += 7) {
			const uint64_t now = scaled_time_ns(scale, ticks);

			assert_true(now >= last);
			last = now;
		}
	}
}

static void the_product_has_96_bits(void **state)
{
	const struct scaled_time half = {0x80000000, 0};

	(void)state;
	assert_int_equal(scaled_time_ns(half, 0x4000000000000002), 0x2000000000000001);
	assert_int_equal(scaled_time_ns((struct scaled_time){0x80000000, -1}, 0x4000000000000004),
		0x1000000000000001);
	assert_int_equal(scaled_time_ns((struct scaled_time){0x80000000, 1}, 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_is_a_second_at_every_frequency),
		cmocka_unit_test(time_never_goes_back),
		cmocka_unit_test(the_product_has_96_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
