/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/controls.c */
#include "vmx/controls.h"

#include "vmx/control_bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct adjusted {
	enum status status;
	uint32_t value;
	uint32_t missing;
};

static struct adjusted adjust(
	uint32_t required, uint32_t wanted, uint32_t allowed0, uint32_t allowed1)
{
	struct adjusted result = {.value = 0xdeadbeef, .missing = 0xdeadbeef};

	result.status =
		controls_adjust((struct controls_request){.required = required, .wanted = wanted},
			(struct control_capability){.allowed0 = allowed0, .allowed1 = allowed1},
			&result.value, &result.missing);
	return result;
}

static void required_bit_that_is_allowed_is_set(void **state)
{
	struct adjusted result = adjust(0x80, 0, 0, 0x80);

	(void)state;
	assert_int_equal(result.status, STATUS_OK);
	assert_int_equal(result.value, 0x80);
	assert_int_equal(result.missing, 0);
}

static void required_bit_that_is_not_allowed_is_named(void **state)
{
	struct adjusted result = adjust(0x81, 0, 0, 0x80);

	(void)state;
	assert_int_equal(result.status, STATUS_UNSUPPORTED);
	assert_int_equal(result.missing, 0x01);
}

static void every_missing_bit_is_named(void **state)
{
	struct adjusted result = adjust(0xffffffff, 0, 0x16, 0x0000ffff);

	(void)state;
	assert_int_equal(result.status, STATUS_UNSUPPORTED);
	assert_int_equal(result.missing, 0xffff0000);
}

static void wanted_bit_that_is_allowed_is_set(void **state)
{
	(void)state;
	assert_int_equal(adjust(0, 0x40, 0, 0xff).value, 0x40);
}

static void wanted_bit_that_is_not_allowed_is_left_out(void **state)
{
	struct adjusted result = adjust(0x80, 0x40, 0, 0x80);

	(void)state;
	assert_int_equal(result.status, STATUS_OK);
	assert_int_equal(result.value, 0x80);
	assert_int_equal(result.missing, 0);
}

static void bit_that_must_be_1_is_set_unasked(void **state)
{
	(void)state;
	assert_int_equal(adjust(0, 0, 0x16, 0xff).value, 0x16);
}

static void bit_that_nobody_asked_for_is_0(void **state)
{
	(void)state;
	assert_int_equal(adjust(0, 0, 0, 0xffffffff).value, 0);
}

static void bit_both_required_and_wanted_counts_as_required(void **state)
{
	struct adjusted result = adjust(0x40, 0x40, 0, 0);

	(void)state;
	assert_int_equal(result.status, STATUS_UNSUPPORTED);
	assert_int_equal(result.missing, 0x40);
}

static void absent_control_word_refuses_what_is_required(void **state)
{
	(void)state;
	assert_int_equal(adjust(1, 0, 0, 0).status, STATUS_UNSUPPORTED);
	assert_int_equal(adjust(0, 0xffffffff, 0, 0).status, STATUS_OK);
	assert_int_equal(adjust(0, 0xffffffff, 0, 0).value, 0);
}

static void bit_31_is_a_bit_like_any_other(void **state)
{
	struct adjusted result =
		adjust((uint32_t)PRIMARY_ACTIVATE_SECONDARY, 0, 0x0401e172, 0xfff9fffe);

	(void)state;
	assert_int_equal(result.status, STATUS_OK);
	assert_int_equal(result.value, 0x8401e172);
}

/* All combinations of one bit: its rule is that of the SDM, bit by bit. */
static void each_bit_follows_the_rule(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		uint32_t required = i & 1;
		uint32_t wanted = i >> 1 & 1;
		uint32_t allowed0 = i >> 2 & 1;
		uint32_t allowed1 = i >> 3 & 1;
		struct adjusted result;

		if (allowed0 > allowed1) {
			continue; /* The SDM rules it out. */
		}
		result = adjust(required, wanted, allowed0, allowed1);
		assert_int_equal(result.missing, required && !allowed1);
		assert_int_equal(
			result.status, required && !allowed1 ? STATUS_UNSUPPORTED : STATUS_OK);
		assert_int_equal(result.value, allowed0 || ((required || wanted) && allowed1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(required_bit_that_is_allowed_is_set),
		cmocka_unit_test(required_bit_that_is_not_allowed_is_named),
		cmocka_unit_test(every_missing_bit_is_named),
		cmocka_unit_test(wanted_bit_that_is_allowed_is_set),
		cmocka_unit_test(wanted_bit_that_is_not_allowed_is_left_out),
		cmocka_unit_test(bit_that_must_be_1_is_set_unasked),
		cmocka_unit_test(bit_that_nobody_asked_for_is_0),
		cmocka_unit_test(bit_both_required_and_wanted_counts_as_required),
		cmocka_unit_test(absent_control_word_refuses_what_is_required),
		cmocka_unit_test(bit_31_is_a_bit_like_any_other),
		cmocka_unit_test(each_bit_follows_the_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
