/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_I8042_H
#define DEVICES_I8042_H

#include "lib/types.h"

enum {
	I8042_DATA_PORT = 0x60,
	I8042_COMMAND_PORT = 0x64, /* Read: status. */
	I8042_RAM_BYTES = 32,
};

/*
 * A PC's keyboard controller with nothing connected to it, and without a port for a mouse. A byte
 * sent to the keyboard is answered by 0xfe with the time-out flag, as the controller does for an
 * absent one; what asks for the mouse port gets the answers of a controller that has none, at once.
 * `set_irq` is told each change of the keyboard's interrupt line, `reset` that a guest pulled the
 * CPU's reset line, `set_a20` each change of the A20 line.
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
 * Controller (Type 1)".
 */
struct i8042 {
	void (*set_irq)(void *context, bool is_high);
	void (*reset)(void *context);
	void (*set_a20)(void *context, bool is_enabled);
	void *context;

	uint8_t ram[I8042_RAM_BYTES]; /* Byte 0 is the command byte. */
	uint8_t output;               /* What the data port gives: once it is read, again. */
	uint8_t output_port;          /* Bits 1:0 */
	uint8_t command;              /* The command that waits for its data byte, or 0. */
	bool is_output_full;
	bool is_timeout;      /* The output stands for a keyboard that did not answer. */
	bool is_command_last; /* The last write was to the command port. */
	bool irq_level;
};

/*
 * Sets the state that firmware leaves: self-test passed, keyboard enabled with its interrupt, A20
 * on. The callbacks stay, and are not told of the A20 line.
 */
void i8042_reset(struct i8042 *controller);

/* Reads or writes the byte at I8042_DATA_PORT. */
uint8_t i8042_read_data(struct i8042 *controller);
void i8042_write_data(struct i8042 *controller, uint8_t value);

/* Reads the status or writes a command, at I8042_COMMAND_PORT. */
uint8_t i8042_read_status(const struct i8042 *controller);
void i8042_write_command(struct i8042 *controller, uint8_t value);

#endif
