/* SPDX-License-Identifier: MIT */
/* SOURCES: lib/tick_rate.c */
#include "lib/tick_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint32_t rates[] = {1, 32768, 1193182, 3579545, 1000000000};

static void a_second_has_hz_ticks_for_ever(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rates); i++) {
		for (uint64_t second = 0; second < 18000000000ull; second = second * 3 + 1) {
			assert_int_equal(tick_rate_ticks(rates[i], second * TIME_NS_PER_SECOND),
				second * rates[i]);
			assert_int_equal(tick_rate_ns(rates[i], second * rates[i]),
				second * TIME_NS_PER_SECOND);
		}
	}
}

static void the_time_of_a_tick_is_its_first_nanosecond(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rates); i++) {
		for (uint64_t tick = 1; tick < 18000000000ull; tick = tick * 5 + 3) {
			const uint64_t ns = tick_rate_ns(rates[i], tick);

			assert_int_equal(tick_rate_ticks(rates[i], ns), tick);
			assert_int_equal(tick_rate_ticks(rates[i], ns - 1), tick - 1);
		}
	}
}

static void a_time_that_does_not_fit_is_never(void **state)
{
	(void)state;
	assert_int_equal(tick_rate_ns(1, 18446744073ull), TIME_NEVER);
	assert_int_equal(tick_rate_ns(1, 18446744072ull), 18446744072000000000ull);
	assert_int_equal(tick_rate_ns(1193182, UINT64_MAX), TIME_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_has_hz_ticks_for_ever),
		cmocka_unit_test(the_time_of_a_tick_is_its_first_nanosecond),
		cmocka_unit_test(a_time_that_does_not_fit_is_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
