/* SPDX-License-Identifier: MIT */
#ifndef VM_GUEST_INPUT_H
#define VM_GUEST_INPUT_H

#include "devices/uart16550.h"
#include "lib/fifo.h"

enum { GUEST_INPUT_BYTES = 64 * 1024 }; /* What can be pasted before the guest reads. */

/*
 * What comes over the host's line for a guest's UART. `take` gives the next byte, false if none has
 * come; NULL where nothing is typed to the guest. What the UART cannot receive yet waits in the
 * queue, which is its filler's; when that is full, the line is held: its bytes stay with the host's
 * UART. Nothing is given before the guest looks for a byte or wants an interrupt for one: a driver
 * that sets its UART up clears the receiver.
 */
struct guest_input {
	bool (*take)(void *context, uint8_t *byte);
	void *context;
	struct uart16550 *uart;
	bool is_open;        /* The guest has looked for a byte. */
	uint8_t plain_reads; /* A bit for each register that is read without a look at the queue. */
	struct fifo waiting;
	uint8_t bytes[GUEST_INPUT_BYTES];
};

/* Sets an input to no line, for this UART. What waits in its queue stays there; the queue of one
 * that was all zero is empty. */
void guest_input_init(struct guest_input *input, struct uart16550 *uart);

/*
 * Feeds the UART with what has come: for when something is typed, and when the guest has read or
 * sent a byte. No interrupt tells of bytes that the host's UART kept since before, and a guest that
 * masks interrupts while it reads many leaves it little time. Context: the platform's lock is held.
 */
void guest_input_pull(struct guest_input *input);

#endif
