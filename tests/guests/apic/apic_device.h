/* SPDX-License-Identifier: MIT */
#ifndef APIC_APIC_DEVICE_H
#define APIC_APIC_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

/* The local APIC's registers by their offset in the page: SDM Vol. 3A Table "Local APIC Register
 * Address Map". */
enum apic_register {
	APIC_ID = 0x20,
	APIC_TPR = 0x80,
	APIC_PPR = 0xa0,
	APIC_EOI = 0xb0,
	APIC_LDR = 0xd0,
	APIC_DFR = 0xe0,
	APIC_SVR = 0xf0,
	APIC_ISR = 0x100,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_ICR = 0x300,
	APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_ERROR = 0x370,
	APIC_INITIAL_COUNT = 0x380,
	APIC_CURRENT_COUNT = 0x390,
	APIC_DIVIDE = 0x3e0,
	APIC_SELF_IPI = 0x3f0,
};

/* apic_vectors.inc has the same for the handlers. */
enum apic_vector {
	APIC_VECTOR_SPURIOUS = 0x3f,
	APIC_VECTOR_LOW = 0x41,
	APIC_VECTOR_TIMER = 0x51,
	APIC_VECTOR_HIGH = 0x61,
	APIC_VECTOR_LEVEL = 0x71,
};

#define APIC_LVT_MASKED  (1u << 16)
#define APIC_DIVIDE_BY_1 0xbu

/* Maps the page, enables the APIC and sets the handlers. */
void apic_start(void);
bool apic_has_x2apic(void);
void apic_enter_x2apic(void);
bool apic_is_x2apic(void);
uint32_t apic_msr(enum apic_register offset);

uint32_t apic_get(enum apic_register offset);
void apic_put(enum apic_register offset, uint32_t value);
void apic_end_interrupt(void);
void apic_send_self(unsigned vector);

/* True if the vector's bit in APIC_ISR or APIC_IRR is set. */
bool apic_has_bit(enum apic_register first, unsigned vector);

/* What came since apic_forget(): how many, and the vector of each (the first is 0). */
void apic_forget(void);
uint64_t apic_count(void);
unsigned apic_came(unsigned index);
/* How many of them struck while RFLAGS.IF was clear. */
uint64_t apic_masked_count(void);

/* Lets in what waits, and lets nothing in any more. */
void apic_open(void);

/* Runs for so many ticks of the TSC with RFLAGS.IF as it is. */
void apic_spin(uint64_t ticks);

/* One-shot, undivided; the interrupt is APIC_VECTOR_TIMER. */
void apic_start_timer(uint32_t count);
void apic_stop_timer(void);

#endif
