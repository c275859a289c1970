/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_PIT8254_H
#define DEVICES_PIT8254_H

#include "devices/pit8254_counter.h"
#include "lib/types.h"

enum {
	PIT8254_PORT = 0x40,
	PIT8254_PORT_COUNT = 4,
	PIT8254_SPEAKER_PORT = 0x61,
	PIT8254_CHANNEL_COUNT = 3,
	PIT8254_HZ = 1193182,
};

/* A counter with its way to the data bus: how its bytes are written, latched and read. */
struct pit8254_channel {
	struct pit8254_counter counter;
	uint8_t control;         /* The control word's bits 5:0: RW, mode and BCD. */
	bool is_high_byte_write; /* The next byte written is the MSB of a count. */
	bool is_high_byte_read;  /* The next byte read is the MSB. */
	bool is_count_latched;
	bool is_status_latched;
	uint8_t low_byte; /* Of a count that is half written. */
	uint8_t latched_status;
	uint16_t latched_count;
};

/*
 * An 8254 interval timer with the PC's wires: GATE of counters 0 and 1 is high, that of counter 2
 * and its OUT are at the speaker port, OUT of counter 0 is the interrupt line that `set_irq` is
 * told the changes of. It has no clock: now_ns is the owner's time, which never goes back; each
 * call first brings the state to that time. Rising edges of the line that the owner slept through
 * become one. Source: Intel 8254 data sheet (231164); port 0x61: Intel 82371SB (PIIX3) data sheet
 * (290550), "NMI Status and Control Register".
 */
struct pit8254 {
	void (*set_irq)(void *context, bool is_high);
	void *context;

	struct pit8254_channel channels[PIT8254_CHANNEL_COUNT];
	uint64_t tick; /* The time that the state stands for. */
	bool irq_level;
	uint8_t speaker_control; /* Port 0x61, bits 3:0. */
};

/*
 * Sets a state after power-on, which the data sheet leaves open: mode 0 without a count, so that
 * nothing counts. The callback stays.
 */
void pit8254_reset(struct pit8254 *pit, uint64_t now_ns);

/* Reads or writes a byte at `offset` (0 to 3) from PIT8254_PORT. */
uint8_t pit8254_read(struct pit8254 *pit, unsigned offset, uint64_t now_ns);
void pit8254_write(struct pit8254 *pit, unsigned offset, uint8_t value, uint64_t now_ns);

/* Reads or writes PIT8254_SPEAKER_PORT: bit 0 is GATE of counter 2, bit 5 its OUT. */
uint8_t pit8254_read_speaker(struct pit8254 *pit, uint64_t now_ns);
void pit8254_write_speaker(struct pit8254 *pit, uint8_t value, uint64_t now_ns);

/* Brings the state and the interrupt line to now_ns. */
void pit8254_advance(struct pit8254 *pit, uint64_t now_ns);

/*
 * Returns when the interrupt line rises next after the last advance, in the owner's nanoseconds;
 * TIME_NEVER if it does not.
 */
uint64_t pit8254_next_event(const struct pit8254 *pit);

#endif
