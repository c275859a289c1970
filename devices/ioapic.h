/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_IOAPIC_H
#define DEVICES_IOAPIC_H

#include "lib/types.h"

/* Where a PC's first I/O APIC lies. */
#define IOAPIC_ADDRESS 0xfec00000u

enum {
	IOAPIC_SIZE_BYTES = 0x1000,
	IOAPIC_PIN_COUNT = 24,
};

/* Redirection table entry, bits 10:8; the numbers are those of the local APIC's ICR. */
enum ioapic_delivery_mode {
	IOAPIC_FIXED = 0,
	IOAPIC_LOWEST_PRIORITY = 1,
	IOAPIC_SMI = 2,
	IOAPIC_NMI = 4,
	IOAPIC_INIT = 5,
	IOAPIC_EXTINT = 7,
};

/* An interrupt message on its way to the local APICs. */
struct ioapic_message {
	uint8_t vector;
	uint8_t delivery_mode; /* enum ioapic_delivery_mode, or 3 or 6, which are reserved. */
	uint8_t destination;   /* An APIC ID; with is_logical a logical destination. */
	bool is_logical;
	bool is_level; /* An EOI for it must come back by ioapic_end_of_interrupt(). */
};

/*
 * An 82093AA I/O APIC as a pure state machine. `deliver` gets each interrupt message and returns
 * whether a local APIC took it: what was not taken stays pending ("delivery status") and is offered
 * again at the next event of its pin, and by ioapic_retry(). Lines are given as asserted or not:
 * the polarity bit is kept for reading back only. An edge counts only while its pin is unmasked.
 * `deliver` must not call back into this I/O APIC.
 * Source: Intel 82093AA I/O APIC data sheet (290566).
 */
struct ioapic {
	bool (*deliver)(void *context, const struct ioapic_message *message);
	void *context;

	uint8_t select; /* IOREGSEL */
	uint8_t id;
	uint8_t arbitration_id;
	uint32_t lines; /* A bit for each pin: the line is asserted. */
	uint32_t edges; /* A bit for each pin: an edge waits for its delivery. */
	uint64_t redirection[IOAPIC_PIN_COUNT];
};

/* Sets the state after reset: all pins masked. Lines stay as they are; callbacks too. */
void ioapic_reset(struct ioapic *ioapic);

/*
 * Reads and writes 32 bits at `offset` from the base address: IOREGSEL at 0, IOWIN at 0x10. Other
 * offsets read as 0 and swallow writes.
 */
uint32_t ioapic_read(const struct ioapic *ioapic, unsigned offset);
void ioapic_write(struct ioapic *ioapic, unsigned offset, uint32_t value);

/* Tells the level of a pin (0 to 23). */
void ioapic_set_line(struct ioapic *ioapic, unsigned pin, bool is_asserted);

/*
 * The EOI message that a local APIC broadcasts for a level-triggered vector: remote IRR is cleared,
 * and a line that is still asserted interrupts again.
 */
void ioapic_end_of_interrupt(struct ioapic *ioapic, uint8_t vector);

/* Offers again what no local APIC took. */
void ioapic_retry(struct ioapic *ioapic);

#endif
