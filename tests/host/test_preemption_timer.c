/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/preemption_timer.c vmx/capability.c */
#include "vmx/preemption_timer.h"

#include "cpu_models.h"
#include "vmx/control_bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { RATE = 5, RATE_MAX = 31 };

/* The TSC at which a timer that is loaded at `now` is at 0: it counts the changes of a bit. */
static uint64_t expiry(uint64_t now, uint32_t value, unsigned rate)
{
	return value == 0 ? now : ((now >> rate) + value) << rate;
}

static void at_rate_0_a_count_is_a_tick(void **state)
{
	(void)state;
	assert_int_equal(preemption_timer_value(1000, 1, 0), 1);
	assert_int_equal(preemption_timer_value(1000, 4000, 0), 4000);
}

static void what_is_over_expires_at_once(void **state)
{
	(void)state;
	for (unsigned rate = 0; rate <= RATE_MAX; rate++) {
		assert_int_equal(preemption_timer_value(UINT64_C(1) << 40 | 1, 0, rate), 0);
	}
}

static void it_expires_never_early_and_less_than_a_count_late(void **state)
{
	(void)state;
	for (uint64_t now = 1000; now < 1000 + 2 * 32; now++) {
		for (uint64_t until = now + 1; until < now + 3 * 32; until++) {
			const uint64_t end =
				expiry(now, preemption_timer_value(now, until - now, RATE), RATE);

			assert_true(end >= until);
			assert_true(end < until + 32);
		}
	}
}

static void what_is_too_far_is_as_far_as_it_can_be(void **state)
{
	(void)state;
	assert_int_equal(preemption_timer_value(0, UINT32_MAX, 0), UINT32_MAX);
	assert_int_equal(preemption_timer_value(0, UINT64_C(1) << 32, 0), UINT32_MAX);
	assert_int_equal(preemption_timer_value(0, UINT64_MAX / 2, 1), UINT32_MAX);
}

static void both_controls_are_needed(void **state)
{
	struct vmx_capability capability = {0};

	(void)state;
	assert_false(preemption_timer_is_offered(&capability));
	capability.pin.allowed1 = (uint32_t)PIN_VMX_PREEMPTION_TIMER;
	assert_false(preemption_timer_is_offered(&capability));
	capability.exit.allowed1 = (uint32_t)EXIT_SAVE_PREEMPTION_TIMER;
	assert_true(preemption_timer_is_offered(&capability));
	capability.pin.allowed1 = 0;
	assert_false(preemption_timer_is_offered(&capability));
}

static void each_model_that_can_run_has_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < cpu_models_count; i++) {
		struct vmx_capability capability;

		if (cpu_models[i].can_run) {
			cpu_model_install(&cpu_models[i]);
			vmx_capability_read(&capability);
			assert_true(preemption_timer_is_offered(&capability));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_rate_0_a_count_is_a_tick),
		cmocka_unit_test(what_is_over_expires_at_once),
		cmocka_unit_test(it_expires_never_early_and_less_than_a_count_late),
		cmocka_unit_test(what_is_too_far_is_as_far_as_it_can_be),
		cmocka_unit_test(both_controls_are_needed),
		cmocka_unit_test(each_model_that_can_run_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
