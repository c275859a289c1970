/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_UART16550_H
#define DEVICES_UART16550_H

#include "lib/types.h"

enum {
	UART16550_PORT_COUNT = 8,
	UART16550_FIFO_BYTES = 16,
};

/*
 * A 16550D UART as a pure state machine. Bytes that the guest transmits go to `transmit` at once,
 * so the transmitter is always empty; received bytes come by uart16550_receive(). `set_irq` is told
 * each change of the interrupt line's level (OUT2-gated as on a PC). It has no clock: a character
 * time-out is due as soon as the FIFO holds data below its trigger level. Word length, parity and
 * speed are kept for reading back; bytes pass whole.
 */
struct uart16550 {
	void (*transmit)(void *context, uint8_t byte);
	void (*set_irq)(void *context, bool is_high);
	void *context;

	uint8_t interrupt_enable; /* IER */
	uint8_t fifo_control;     /* FCR as last written, self-clearing bits removed */
	uint8_t line_control;     /* LCR */
	uint8_t modem_control;    /* MCR */
	uint8_t line_status;      /* LSR: the sticky error bits (OE) */
	uint8_t modem_status;     /* MSR: the delta bits in 3:0 */
	uint8_t scratch;          /* SCR */
	uint16_t divisor;         /* DLM:DLL */
	uint8_t receive_fifo[UART16550_FIFO_BYTES];
	uint8_t receive_head;  /* Index of the oldest byte. */
	uint8_t receive_count; /* Bytes held: 0 to 16 with FIFOs on, 0 or 1 with them off. */
	bool is_thre_pending;  /* A transmitter-empty interrupt waits to be taken. */
	bool irq_level;
};

/*
 * Sets the state after a master reset: LCR 0, FIFOs off, interrupts off. The callbacks and context
 * stay as the owner set them.
 */
void uart16550_reset(struct uart16550 *uart);

/* Reads register `offset` (0 to 7), with the side effects that the data sheet gives reading. */
uint8_t uart16550_read(struct uart16550 *uart, unsigned offset);

/* Writes register `offset` (0 to 7). */
void uart16550_write(struct uart16550 *uart, unsigned offset, uint8_t value);

/*
 * Delivers a byte from the line. Returns false, with the overrun error set, if the receiver is
 * full: then the new byte is lost with FIFOs on, and the one that it replaces with FIFOs off. In
 * loop-back mode the line is cut off and the byte is dropped with true. A sender that loses nothing
 * asks uart16550_can_receive() first, and again after the guest's accesses while that is false: it
 * is while the receiver is full, and in loop-back mode. Source: National Semiconductor PC16550D
 * data sheet.
 */
bool uart16550_receive(struct uart16550 *uart, uint8_t byte);
bool uart16550_can_receive(const struct uart16550 *uart);

/* Returns whether the guest wants an interrupt for what is received (IER bit 0). */
bool uart16550_interrupts_on_receive(const struct uart16550 *uart);

#endif
