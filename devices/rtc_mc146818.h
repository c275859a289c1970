/* SPDX-License-Identifier: MIT */
#ifndef DEVICES_RTC_MC146818_H
#define DEVICES_RTC_MC146818_H

#include "lib/types.h"

enum {
	RTC_MC146818_INDEX_PORT = 0x70,
	RTC_MC146818_DATA_PORT = 0x71,
	RTC_MC146818_MEMORY_BYTES = 128,
	RTC_MC146818_CENTURY = 0x32, /* What the FADT's CENTURY says. */
};

/*
 * A MC146818 real-time clock with a PC's 128 bytes and its century byte. It has no clock: now_ns is
 * the wall time in nanoseconds since 1970-01-01 00:00 UTC, never going back; each call first brings
 * the state to that time. A guest that sets the time sets how far its own is from the owner's. The
 * second changes as an update ends. `set_irq` is told each change of the interrupt line.
 * The time base is 32.768 kHz; daylight saving and the square wave are not modelled.
 * Source: Motorola MC146818A data sheet.
 */
struct rtc_mc146818 {
	void (*set_irq)(void *context, bool is_high);
	void *context;

	uint8_t index;      /* Port 0x70, bits 6:0. */
	bool is_nmi_masked; /* Port 0x70, bit 7. */
	/*
	 * By register. The bytes of the time hold only while it stands still; the owner may read
	 * and set the bytes from 0x0e on at any time, but for the century.
	 */
	uint8_t memory[RTC_MC146818_MEMORY_BYTES];
	uint64_t now_ns;
	uint32_t phase_ns;       /* Added to now_ns, its whole seconds are those of the divider. */
	uint64_t offset_seconds; /* Added to the divider's seconds: the guest's time. Wraps. */
	uint8_t weekday_shift;   /* Added to the calendar's day of the week, modulo 7. */
	bool irq_level;
};

/*
 * Sets a clock that runs with the wall time in BCD and 24-hour form, with interrupts off. The
 * memory from 0x0e on and the callback stay.
 */
void rtc_mc146818_init(struct rtc_mc146818 *rtc, uint64_t now_ns);

/* The RESET pin: interrupts go off, the time and the memory stay. */
void rtc_mc146818_reset(struct rtc_mc146818 *rtc);

/* Writes RTC_MC146818_INDEX_PORT, which cannot be read. */
void rtc_mc146818_write_index(struct rtc_mc146818 *rtc, uint8_t value);

/* Reads or writes RTC_MC146818_DATA_PORT. */
uint8_t rtc_mc146818_read(struct rtc_mc146818 *rtc, uint64_t now_ns);
void rtc_mc146818_write(struct rtc_mc146818 *rtc, uint8_t value, uint64_t now_ns);

/* Brings the flags and the interrupt line to now_ns. */
void rtc_mc146818_advance(struct rtc_mc146818 *rtc, uint64_t now_ns);

/* Returns the time of the next interrupt after the last advance; TIME_NEVER if none is enabled. */
uint64_t rtc_mc146818_next_event(const struct rtc_mc146818 *rtc);

#endif
