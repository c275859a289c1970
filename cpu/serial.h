/* SPDX-License-Identifier: MIT */
#ifndef CPU_SERIAL_H
#define CPU_SERIAL_H

#include "lib/fifo.h"
#include "lib/status.h"
#include "lib/types.h"

/* Where a PC has its four serial ports. */
enum {
	SERIAL_COM1 = 0x3f8,
	SERIAL_COM2 = 0x2f8,
	SERIAL_COM3 = 0x3e8,
	SERIAL_COM4 = 0x2e8,
	SERIAL_SPEED_DEFAULT = 115200,
	SERIAL_RECEIVED_BYTES = 4096, /* As many as arrive while a table of counters leaves. */
};

/*
 * A 16550 of the machine. Its receiver holds 16 bytes: while a transmission waits, they are taken
 * into memory, or those behind them would be lost. An interrupt comes for them all the same.
 */
struct serial_port {
	uint16_t base; /* 0: not started, writes go nowhere. */
	uint8_t fifo_size;
	uint8_t room;  /* Bytes that the transmitter is sure to take now. */
	bool is_stuck; /* It did not take a byte in time: from then on nothing waits for it. */
	bool is_listening;
	bool interrupts_for_kept; /* The transmitter's interrupt is on: something is in memory. */
	void (*while_waiting)(void); /* Called while a transmission waits; may be NULL. */
	struct fifo received;
	uint8_t received_bytes[SERIAL_RECEIVED_BYTES];
};

/*
 * Returns STATUS_OK if a port at `base` can be set to `speed` bits a second: STATUS_INVALID if the
 * speed is 0 or does not divide 115200 into a 16-bit divisor, STATUS_RANGE if the eight registers
 * do not fit the 64 KiB of ports or base is 0. Context: any; pure.
 */
must_use enum status serial_check(uint64_t base, uint64_t speed);

/*
 * Sets a UART to 8N1 at that speed with its interrupts off and its FIFO on. Returns STATUS_OK;
 * errors as serial_check(); STATUS_NOT_FOUND if no UART answers there (then port->base is 0).
 * Source: National Semiconductor PC16550D data sheet, "Registers".
 */
must_use enum status serial_init(struct serial_port *port, uint16_t base, uint32_t speed);

/*
 * Turns on the port's interrupt for received bytes. Returns the IRQ line that a PC has for the
 * port, which the caller opens; STATUS_NOT_FOUND, with nothing changed, for a port that is not
 * started or that a PC does not have. Source: PC16550D data sheet, "Interrupt Enable Register".
 */
must_use enum status serial_listen(struct serial_port *port, unsigned *irq);

/* Takes the next byte that was received. Returns false if none has come. Context: any. */
bool serial_read(struct serial_port *port, uint8_t *byte);

/* Takes into memory what a listening port has received, so that more can come. */
void serial_keep(struct serial_port *port);

/* Sends raw bytes. Each waits a bounded time for the transmitter, and is then lost. */
void serial_write(struct serial_port *port, const void *bytes, size_t size_bytes);

/* Waits, for a bounded time, until the last bit has left the wire. */
void serial_drain(struct serial_port *port);

#endif
