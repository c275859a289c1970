/* SPDX-License-Identifier: MIT */
#ifndef APIC_APIC_RULES_H
#define APIC_APIC_RULES_H

/* Ticks of the TSC: nothing takes longer than the limit. */
enum {
	SHORT_TICKS = 5000,
	WAIT_TICKS = 1000000,
	LIMIT_TICKS = 1000000000,
};

/* Of the timer, undivided. */
enum { TIMER_COUNT = 20000000 };

/* A level-triggered interrupt through the I/O APIC: it comes again behind its EOI while the line is
 * high. */
void apic_check_level(void);

/* What is written is what is read. */
void apic_check_registers(void);

/* x2APIC mode: which MSRs there are, and which of their bits. */
void apic_check_msrs(void);

/* Periodic and TSC-deadline mode. */
void apic_check_timer_modes(void);

#endif
