/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/reset_control.c */
#include "devices/reset_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct reset_control control;
static unsigned resets;
static enum reset_kind kind;
static bool a20;

static void take_reset(void *context, enum reset_kind which)
{
	assert_ptr_equal(context, &control);
	resets++;
	kind = which;
}

static void take_a20(void *context, bool is_enabled)
{
	assert_ptr_equal(context, &control);
	assert_int_not_equal(a20, is_enabled);
	a20 = is_enabled;
}

static int start(void **state)
{
	(void)state;
	control = (struct reset_control){
		.reset = take_reset, .set_a20 = take_a20, .context = &control};
	resets = 0;
	a20 = true;
	reset_control_reset(&control);
	return 0;
}

static void bit_2_resets_in_the_way_of_the_others(void **state)
{
	static const struct {
		uint8_t value;
		enum reset_kind kind;
	} rows[] = {
		{0x04, RESET_CPU},
		{0x06, RESET_SYSTEM},
		{0x0c, RESET_CPU},
		{0x0e, RESET_POWER_CYCLE},
		{RESET_CONTROL_VALUE, RESET_SYSTEM},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		reset_control_reset(&control);
		reset_control_write(&control, rows[i].value);
		assert_int_equal(resets, i + 1);
		assert_int_equal(kind, rows[i].kind);
	}
}

static void only_its_rise_resets(void **state)
{
	(void)state;
	reset_control_write(&control, 0x02);
	reset_control_write(&control, 0xfb);
	assert_int_equal(resets, 0);
	reset_control_write(&control, 0x06);
	reset_control_write(&control, 0x06);
	reset_control_write(&control, 0x0e);
	assert_int_equal(resets, 1);
	reset_control_write(&control, 0x00);
	reset_control_write(&control, 0x04);
	assert_int_equal(resets, 2);
}

static void the_register_reads_back_its_three_bits(void **state)
{
	(void)state;
	assert_int_equal(reset_control_read(&control), 0);
	reset_control_write(&control, 0xf3);
	assert_int_equal(reset_control_read(&control), 0x02);
	reset_control_write(&control, 0xff);
	assert_int_equal(reset_control_read(&control), 0x0e);
	reset_control_reset(&control);
	assert_int_equal(reset_control_read(&control), 0);
}

static void port_92_resets_the_cpu_by_a_rise_of_bit_0(void **state)
{
	(void)state;
	assert_int_equal(reset_control_read_port92(&control), 0x02);
	reset_control_write_port92(&control, 0x03);
	assert_int_equal(resets, 1);
	assert_int_equal(kind, RESET_CPU);
	reset_control_write_port92(&control, 0x03);
	assert_int_equal(resets, 1);
	reset_control_write_port92(&control, 0x02);
	reset_control_write_port92(&control, 0xfe);
	assert_int_equal(resets, 1);
	assert_int_equal(reset_control_read_port92(&control), 0x02);
}

static void port_92_gates_a20(void **state)
{
	(void)state;
	reset_control_write_port92(&control, 0x00);
	assert_false(a20);
	assert_int_equal(reset_control_read_port92(&control), 0);
	reset_control_write_port92(&control, 0x00);
	reset_control_write_port92(&control, 0x02);
	assert_true(a20);
	assert_int_equal(resets, 0);
}

#define reset_test(function) cmocka_unit_test_setup(function, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		reset_test(bit_2_resets_in_the_way_of_the_others),
		reset_test(only_its_rise_resets),
		reset_test(the_register_reads_back_its_three_bits),
		reset_test(port_92_resets_the_cpu_by_a_rise_of_bit_0),
		reset_test(port_92_gates_a20),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
