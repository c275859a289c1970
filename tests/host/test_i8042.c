/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/i8042.c */
#include "devices/i8042.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
	FULL = 0x01,
	SYSTEM = 0x04,
	COMMAND = 0x08,
	UNLOCKED = 0x10,
	MOUSE_FULL = 0x20,
	TIMEOUT = 0x40,
	IDLE = SYSTEM | UNLOCKED,
};

static struct i8042 controller;
static bool irq;
static bool a20;
static unsigned resets;

static void take_irq(void *context, bool is_high)
{
	assert_ptr_equal(context, &controller);
	assert_int_not_equal(irq, is_high);
	irq = is_high;
}

static void take_reset(void *context)
{
	assert_ptr_equal(context, &controller);
	resets++;
}

static void take_a20(void *context, bool is_enabled)
{
	assert_ptr_equal(context, &controller);
	assert_int_not_equal(a20, is_enabled);
	a20 = is_enabled;
}

static int start(void **state)
{
	(void)state;
	controller = (struct i8042){.set_irq = take_irq,
		.reset = take_reset,
		.set_a20 = take_a20,
		.context = &controller};
	irq = false;
	a20 = true;
	resets = 0;
	i8042_reset(&controller);
	return 0;
}

static uint8_t status(void)
{
	return i8042_read_status(&controller);
}

static uint8_t data(void)
{
	return i8042_read_data(&controller);
}

static void command(unsigned value)
{
	i8042_write_command(&controller, (uint8_t)value);
}

static void write_data(unsigned value)
{
	i8042_write_data(&controller, (uint8_t)value);
}

static void assert_answer(unsigned value, unsigned want)
{
	command(value);
	assert_int_equal(status(), FULL | COMMAND | IDLE);
	assert_int_equal(data(), want);
	assert_int_equal(status(), COMMAND | IDLE);
}

static void after_reset_there_is_nothing_to_read(void **state)
{
	(void)state;
	assert_int_equal(status(), IDLE);
	assert_int_equal(data(), 0);
	assert_answer(0x20, 0x65);
}

static void tests_pass_but_that_of_the_mouse_port(void **state)
{
	(void)state;
	assert_answer(0xaa, 0x55);
	assert_answer(0xab, 0x00);
	assert_answer(0xa9, 0x02);
}

static void the_command_byte_is_written_and_read(void **state)
{
	(void)state;
	command(0x60);
	assert_int_equal(status(), COMMAND | IDLE);
	write_data(0x74);
	assert_int_equal(status(), IDLE);
	assert_answer(0x20, 0x74);
	command(0x60);
	write_data(0x44);
	assert_answer(0x20, 0x64);
}

static void the_system_flag_is_the_command_bytes(void **state)
{
	(void)state;
	command(0x60);
	write_data(0x70);
	assert_int_equal(status(), UNLOCKED);
	command(0xaa);
	assert_int_equal(data(), 0x55);
	assert_int_equal(status(), COMMAND | IDLE);
}

static void keyboard_and_mouse_are_disabled_and_enabled(void **state)
{
	(void)state;
	command(0xad);
	assert_answer(0x20, 0x75);
	command(0xae);
	assert_answer(0x20, 0x65);
	command(0xa8);
	assert_answer(0x20, 0x65);
	command(0xa7);
	assert_answer(0x20, 0x65);
}

static void ram_has_32_bytes(void **state)
{
	(void)state;
	for (unsigned i = 1; i < I8042_RAM_BYTES; i++) {
		command(0x60 + i);
		write_data(0xc0 + i);
	}
	for (unsigned i = 1; i < I8042_RAM_BYTES; i++) {
		assert_answer(0x20 + i, 0xc0 + i);
	}
	assert_answer(0x20, 0x65);
}

static void a_byte_to_the_absent_keyboard_times_out(void **state)
{
	(void)state;
	write_data(0xf2);
	assert_int_equal(status(), FULL | TIMEOUT | IDLE);
	assert_true(irq);
	assert_int_equal(data(), 0xfe);
	assert_int_equal(status(), IDLE);
	assert_false(irq);
}

static void a_byte_to_the_absent_mouse_times_out(void **state)
{
	(void)state;
	command(0xd4);
	write_data(0xf2);
	assert_int_equal(status(), FULL | TIMEOUT | IDLE);
	assert_int_equal(data(), 0xfe);
}

/* Linux takes an answer without the mouse's flag to the loop as "no mouse port". */
static void the_mouse_loop_answers_at_once_without_its_flag(void **state)
{
	(void)state;
	command(0xd3);
	write_data(0x5a);
	assert_int_equal(status() & (FULL | MOUSE_FULL), FULL);
	assert_answer(0xa9, 0x02);
}

static void the_keyboards_output_can_be_written(void **state)
{
	(void)state;
	command(0xd2);
	write_data(0x1c);
	assert_int_equal(status(), FULL | IDLE);
	assert_int_equal(data(), 0x1c);
	assert_int_equal(data(), 0x1c);
}

static void the_interrupt_follows_the_output_if_enabled(void **state)
{
	(void)state;
	command(0xab);
	assert_true(irq);
	command(0x60);
	write_data(0x74);
	assert_false(irq);
	command(0x60);
	write_data(0x75);
	assert_true(irq);
	data();
	assert_false(irq);
}

static void a_command_forgets_an_unfinished_one(void **state)
{
	(void)state;
	command(0x60);
	command(0xae);
	write_data(0x00);
	assert_int_equal(data(), 0xfe);
	assert_answer(0x20, 0x65);
}

static void the_output_port_gates_a20_and_resets(void **state)
{
	(void)state;
	assert_answer(0xd0, 0xc3);
	command(0xd1);
	write_data(0xdd);
	assert_false(a20);
	assert_answer(0xd0, 0xc1);
	command(0xd1);
	write_data(0xdf);
	assert_true(a20);
	assert_int_equal(resets, 0);
	command(0xd1);
	write_data(0xfe);
	assert_int_equal(resets, 1);
	i8042_reset(&controller);
	assert_answer(0xd0, 0xc3);
}

static void the_output_port_shows_the_interrupt(void **state)
{
	(void)state;
	write_data(0xf2);
	command(0xd0);
	assert_int_equal(data(), 0xd3);
}

static void even_pulses_reset(void **state)
{
	(void)state;
	for (unsigned value = 0xf1; value <= 0xff; value += 2) {
		command(value);
	}
	assert_int_equal(resets, 0);
	command(0xfe);
	assert_int_equal(resets, 1);
	command(0xf0);
	assert_int_equal(resets, 2);
}

static void inputs_are_those_of_an_idle_unlocked_keyboard(void **state)
{
	(void)state;
	assert_answer(0xc0, 0xa0);
	assert_answer(0xe0, 0x03);
}

static void unknown_commands_do_nothing(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 0xf0; value++) {
		if ((value >= 0x20 && value < 0x40) || (value >= 0x60 && value < 0x80) ||
			value >= 0xa7) {
			continue;
		}
		command(value);
		assert_int_equal(status(), COMMAND | IDLE);
	}
}

#define i8042_test(function) cmocka_unit_test_setup(function, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		i8042_test(after_reset_there_is_nothing_to_read),
		i8042_test(tests_pass_but_that_of_the_mouse_port),
		i8042_test(the_command_byte_is_written_and_read),
		i8042_test(the_system_flag_is_the_command_bytes),
		i8042_test(keyboard_and_mouse_are_disabled_and_enabled),
		i8042_test(ram_has_32_bytes),
		i8042_test(a_byte_to_the_absent_keyboard_times_out),
		i8042_test(a_byte_to_the_absent_mouse_times_out),
		i8042_test(the_mouse_loop_answers_at_once_without_its_flag),
		i8042_test(the_keyboards_output_can_be_written),
		i8042_test(the_interrupt_follows_the_output_if_enabled),
		i8042_test(a_command_forgets_an_unfinished_one),
		i8042_test(the_output_port_gates_a20_and_resets),
		i8042_test(the_output_port_shows_the_interrupt),
		i8042_test(even_pulses_reset),
		i8042_test(inputs_are_those_of_an_idle_unlocked_keyboard),
		i8042_test(unknown_commands_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
