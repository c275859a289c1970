/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_RESET_CONTROL_H
#define DEVICES_RESET_CONTROL_H

#include "lib/types.h"

enum {
	/* The FADT's RESET_REG, 8 bits wide, and its RESET_VALUE. */
	RESET_CONTROL_PORT = 0xcf9,
	RESET_CONTROL_VALUE = 0x06,
	PORT92_PORT = 0x92,
};

enum reset_kind {
	RESET_CPU,         /* INIT: only the CPUs start anew. */
	RESET_SYSTEM,      /* PCIRST#: all devices too. */
	RESET_POWER_CYCLE, /* As if power had been off. */
};

/*
 * The reset control register of Intel's chipsets and the fast reset and A20 gate of port 0x92.
 * `reset` is told of each reset asked for; the owner then does it, and sets both registers to their
 * state after it by reset_control_reset(). `set_a20` is told each change of port 0x92's A20 bit.
 * Source: Intel 82371SB (PIIX3) data sheet (290550), "Reset Control Register" and its successor's
 * in the ICH; IBM PS/2 Model 50 and 60 Technical Reference, "System Control Port A".
 */
struct reset_control {
	void (*reset)(void *context, enum reset_kind kind);
	void (*set_a20)(void *context, bool is_enabled);
	void *context;

	uint8_t control; /* Port 0xcf9. */
	uint8_t port92;
};

/* Sets the registers as after a reset: A20 on, as a PC's firmware leaves it. */
void reset_control_reset(struct reset_control *control);

/* Reads or writes the byte at RESET_CONTROL_PORT. */
uint8_t reset_control_read(const struct reset_control *control);
void reset_control_write(struct reset_control *control, uint8_t value);

/* Reads or writes the byte at PORT92_PORT. */
uint8_t reset_control_read_port92(const struct reset_control *control);
void reset_control_write_port92(struct reset_control *control, uint8_t value);

#endif
