/* SPDX-License-Identifier: MIT */
#include "devices/i8042.h"

#include "lib/bits.h"

/* IBM PS/2 Hardware Interface Technical Reference, "Status Register". Bit 1 is never seen set. */
#define STATUS_OUTPUT_FULL BIT(0)
#define STATUS_SYSTEM      BIT(2)
#define STATUS_COMMAND     BIT(3)
#define STATUS_NOT_LOCKED  BIT(4)
#define STATUS_TIMEOUT     BIT(6)

/* "Controller Command Byte". */
#define COMMAND_BYTE_KEYBOARD_IRQ     BIT(0)
#define COMMAND_BYTE_SYSTEM           BIT(2)
#define COMMAND_BYTE_KEYBOARD_DISABLE BIT(4)
#define COMMAND_BYTE_MOUSE_DISABLE    BIT(5)
#define COMMAND_BYTE_TRANSLATE        BIT(6)

/* "Output Port". */
#define OUTPUT_PORT_NOT_RESET    BIT(0)
#define OUTPUT_PORT_A20          BIT(1)
#define OUTPUT_PORT_KEYBOARD_IRQ BIT(4)
#define OUTPUT_PORT_WIRES        BITS_MASK(7, 6) /* Keyboard clock and data: idle is high. */
#define OUTPUT_PORT_WRITABLE     (OUTPUT_PORT_NOT_RESET | OUTPUT_PORT_A20)

/* "Commands (I/O Address Hex 64)". */
enum i8042_command {
	COMMAND_READ_RAM = 0x20,  /* To 0x3f. */
	COMMAND_WRITE_RAM = 0x60, /* To 0x7f. */
	COMMAND_TEST_MOUSE_PORT = 0xa9,
	COMMAND_SELF_TEST = 0xaa,
	COMMAND_TEST_KEYBOARD_PORT = 0xab,
	COMMAND_DISABLE_KEYBOARD = 0xad,
	COMMAND_ENABLE_KEYBOARD = 0xae,
	COMMAND_READ_INPUT_PORT = 0xc0,
	COMMAND_READ_OUTPUT_PORT = 0xd0,
	COMMAND_WRITE_OUTPUT_PORT = 0xd1,
	COMMAND_WRITE_KEYBOARD_OUTPUT = 0xd2,
	COMMAND_WRITE_MOUSE_OUTPUT = 0xd3,
	COMMAND_WRITE_MOUSE = 0xd4,
	COMMAND_READ_TEST_INPUTS = 0xe0,
	COMMAND_PULSE = 0xf0, /* To 0xff: bits 3:0 that are 0 pulse output port lines 3:0. */
	COMMAND_NONE = 0,
};

enum {
	RAM_COMMAND_BYTE = 0,
	SELF_TEST_PASSED = 0x55,
	PORT_TEST_PASSED = 0x00,
	PORT_TEST_CLOCK_HIGH = 0x02,
	INPUT_PORT_NOT_LOCKED = 0xa0,
	TEST_INPUTS_IDLE = 0x03,
	KEYBOARD_RESEND = 0xfe,
};

#define RAM_INDEX BITS_MASK(4, 0)

static void update_irq(struct i8042 *controller)
{
	bool level = controller->is_output_full &&
		     (controller->ram[RAM_COMMAND_BYTE] & COMMAND_BYTE_KEYBOARD_IRQ) != 0;

	if (level != controller->irq_level) {
		controller->irq_level = level;
		controller->set_irq(controller->context, level);
	}
}

/* The output buffer holds one byte: an answer replaces what was not read. */
static void answer(struct i8042 *controller, uint8_t byte)
{
	controller->output = byte;
	controller->is_output_full = true;
	controller->is_timeout = false;
}

/* Nobody is at the other end of the keyboard's wires. */
static void answer_timeout(struct i8042 *controller)
{
	answer(controller, KEYBOARD_RESEND);
	controller->is_timeout = true;
}

void i8042_reset(struct i8042 *controller)
{
	for (unsigned i = 0; i < I8042_RAM_BYTES; i++) {
		controller->ram[i] = 0;
	}
	controller->ram[RAM_COMMAND_BYTE] = COMMAND_BYTE_KEYBOARD_IRQ | COMMAND_BYTE_SYSTEM |
					    COMMAND_BYTE_MOUSE_DISABLE | COMMAND_BYTE_TRANSLATE;
	controller->output = 0;
	controller->output_port = OUTPUT_PORT_WRITABLE;
	controller->command = COMMAND_NONE;
	controller->is_output_full = false;
	controller->is_timeout = false;
	controller->is_command_last = false;
	update_irq(controller);
}

uint8_t i8042_read_data(struct i8042 *controller)
{
	controller->is_output_full = false;
	controller->is_timeout = false;
	update_irq(controller);
	return controller->output;
}

uint8_t i8042_read_status(const struct i8042 *controller)
{
	uint8_t status = STATUS_NOT_LOCKED;

	status |= controller->is_output_full ? STATUS_OUTPUT_FULL : 0;
	status |= controller->is_command_last ? STATUS_COMMAND : 0;
	status |= controller->is_timeout ? STATUS_TIMEOUT : 0;
	if ((controller->ram[RAM_COMMAND_BYTE] & COMMAND_BYTE_SYSTEM) != 0) {
		status |= STATUS_SYSTEM;
	}
	return status;
}

static void write_output_port(struct i8042 *controller, uint8_t value)
{
	uint8_t changed = value ^ controller->output_port;

	controller->output_port = value & OUTPUT_PORT_WRITABLE;
	if ((changed & OUTPUT_PORT_A20) != 0) {
		controller->set_a20(controller->context, (value & OUTPUT_PORT_A20) != 0);
	}
	if ((value & OUTPUT_PORT_NOT_RESET) == 0) {
		controller->reset(controller->context);
	}
}

static uint8_t read_output_port(const struct i8042 *controller)
{
	return (uint8_t)(controller->output_port | OUTPUT_PORT_WIRES |
			 (controller->irq_level ? OUTPUT_PORT_KEYBOARD_IRQ : 0));
}

/* There is no mouse port: its disable bit cannot be cleared. */
static void write_ram(struct i8042 *controller, unsigned index, uint8_t value)
{
	controller->ram[index] = value;
	controller->ram[RAM_COMMAND_BYTE] |= COMMAND_BYTE_MOUSE_DISABLE;
}

/* The data byte of `command`. */
static void write_parameter(struct i8042 *controller, uint8_t command, uint8_t value)
{
	switch (command) {
	case COMMAND_WRITE_OUTPUT_PORT:
		write_output_port(controller, value);
		break;
	case COMMAND_WRITE_KEYBOARD_OUTPUT:
	case COMMAND_WRITE_MOUSE_OUTPUT: /* Comes as the keyboard's, for want of a mouse port. */
		answer(controller, value);
		break;
	case COMMAND_WRITE_MOUSE:
	case COMMAND_NONE: /* To the keyboard. */
		answer_timeout(controller);
		break;
	default:
		write_ram(controller, command & RAM_INDEX, value);
		break;
	}
}

void i8042_write_data(struct i8042 *controller, uint8_t value)
{
	uint8_t command = controller->command;

	controller->command = COMMAND_NONE;
	controller->is_command_last = false;
	write_parameter(controller, command, value);
	update_irq(controller);
}

static bool is_ram_command(uint8_t command, enum i8042_command first)
{
	return (command & ~RAM_INDEX) == (unsigned)first;
}

static bool has_parameter(uint8_t command)
{
	return is_ram_command(command, COMMAND_WRITE_RAM) ||
	       (command >= COMMAND_WRITE_OUTPUT_PORT && command <= COMMAND_WRITE_MOUSE);
}

/* The commands that do something without a parameter; others do nothing. */
static void run_command(struct i8042 *controller, uint8_t command)
{
	switch (command) {
	case COMMAND_TEST_MOUSE_PORT:
		answer(controller, PORT_TEST_CLOCK_HIGH);
		break;
	case COMMAND_SELF_TEST:
		controller->ram[RAM_COMMAND_BYTE] |= COMMAND_BYTE_SYSTEM;
		answer(controller, SELF_TEST_PASSED);
		break;
	case COMMAND_TEST_KEYBOARD_PORT:
		answer(controller, PORT_TEST_PASSED);
		break;
	case COMMAND_DISABLE_KEYBOARD:
		controller->ram[RAM_COMMAND_BYTE] |= COMMAND_BYTE_KEYBOARD_DISABLE;
		break;
	case COMMAND_ENABLE_KEYBOARD:
		controller->ram[RAM_COMMAND_BYTE] &= (uint8_t)~COMMAND_BYTE_KEYBOARD_DISABLE;
		break;
	case COMMAND_READ_INPUT_PORT:
		answer(controller, INPUT_PORT_NOT_LOCKED);
		break;
	case COMMAND_READ_OUTPUT_PORT:
		answer(controller, read_output_port(controller));
		break;
	case COMMAND_READ_TEST_INPUTS:
		answer(controller, TEST_INPUTS_IDLE);
		break;
	default:
		break;
	}
}

void i8042_write_command(struct i8042 *controller, uint8_t value)
{
	controller->command = has_parameter(value) ? value : COMMAND_NONE;
	controller->is_command_last = true;
	if (is_ram_command(value, COMMAND_READ_RAM)) {
		answer(controller, controller->ram[value & RAM_INDEX]);
	} else if (value >= COMMAND_PULSE && (value & OUTPUT_PORT_NOT_RESET) == 0) {
		controller->reset(controller->context);
	} else {
		run_command(controller, value);
	}
	update_irq(controller);
}
