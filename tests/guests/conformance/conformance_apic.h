/* SPDX-License-Identifier: MIT */
#ifndef CONFORMANCE_CONFORMANCE_APIC_H
#define CONFORMANCE_CONFORMANCE_APIC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The local APIC as far as the cases need it: SDM Vol. 3A "Advanced Programmable Interrupt
 * Controller (APIC)". Its registers are named by their offset in the xAPIC page.
 */
enum apic_register {
	APIC_ID = 0x20,
	APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_ISR_0 = 0x100,
	APIC_IRR_0 = 0x200,
	APIC_LVT_TIMER = 0x320,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_DIVIDE = 0x3e0,
};

enum { INTERRUPT_VECTOR = 0x61, GUARD_VECTOR = 0x31, SPURIOUS_VECTOR = 0x3f };

/* What CPUID says. */
bool apic_is_offered(void);
bool apic_x2apic_is_offered(void);

/* Enables it; the xAPIC page is mapped. x2APIC mode can be entered, but not left. */
void apic_enable(void);
void apic_enter_x2apic(void);

uint32_t apic_read(enum apic_register offset);
void apic_write(enum apic_register offset, uint32_t value);
uint32_t apic_id(void);

/* True if a vector's bit of APIC_ISR_0 or APIC_IRR_0 and what follows it is set. */
bool apic_vector_is_in(enum apic_register first, unsigned vector);

/* Forgets what interrupts were counted. */
void apic_forget_interrupts(void);

/* Lets interrupts in for some instructions; returns how many came since apic_forget_interrupts().
 */
uint64_t apic_let_interrupts_in(void);

/* HLT with interrupts on, and a timer so that it ends. Returns true if the timer ended it. */
bool apic_halt_until_guard(void);

/* Interrupts since apic_forget_interrupts(), and where the last one struck. */
uint64_t apic_interrupt_count(void);
uint64_t apic_interrupt_rip(void);

#endif
