/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_LAPIC_H
#define GUEST_RUNTIME_GUEST_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

/* The local APIC's registers by their offset in the page: SDM Vol. 3A Table "Local APIC Register
 * Address Map". */
enum guest_lapic_register {
	LAPIC_ID = 0x20,
	LAPIC_VERSION = 0x30,
	LAPIC_TPR = 0x80,
	LAPIC_PPR = 0xa0,
	LAPIC_EOI = 0xb0,
	LAPIC_LDR = 0xd0,
	LAPIC_DFR = 0xe0,
	LAPIC_SVR = 0xf0,
	LAPIC_ISR = 0x100,
	LAPIC_IRR = 0x200,
	LAPIC_ESR = 0x280,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_INITIAL_COUNT = 0x380,
	LAPIC_CURRENT_COUNT = 0x390,
	LAPIC_DIVIDE = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0,
};

/* SDM Vol. 3A "Interrupt Command Register (ICR)"; a fixed interrupt has only its vector. */
#define LAPIC_ICR_LOWEST_PRIORITY (1u << 8)
#define LAPIC_ICR_NMI             (4u << 8)
#define LAPIC_ICR_INIT            (5u << 8)
#define LAPIC_ICR_STARTUP         (6u << 8)
#define LAPIC_ICR_LOGICAL         (1u << 11)
#define LAPIC_ICR_PENDING         (1u << 12)
#define LAPIC_ICR_ASSERT          (1u << 14)
#define LAPIC_ICR_LEVEL           (1u << 15)
#define LAPIC_ICR_SELF            (1u << 18)
#define LAPIC_ICR_ALL             (2u << 18)
#define LAPIC_ICR_ALL_BUT_SELF    (3u << 18)

#define LAPIC_SVR_ENABLE  (1u << 8)
#define LAPIC_LVT_MASKED  (1u << 16)
#define MSR_APIC_BASE     0x1bu
#define APIC_BASE_BSP     (1ull << 8)
#define APIC_BASE_X2APIC  (1ull << 10)
#define APIC_BASE_ENABLE  (1ull << 11)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull

/* In the destination field: everybody. */
#define LAPIC_EVERYBODY        0xffu
#define LAPIC_EVERYBODY_X2APIC 0xffffffffu

/* Maps the APIC's page, which is the same for all processors. Context: once, before the others. */
void guest_lapic_map(void);

/* Switches the calling processor's APIC on, in the mode in which it is. */
void guest_lapic_enable(void);

bool guest_lapic_has_x2apic(void);
bool guest_lapic_is_x2apic(void);
/* To x2APIC mode for good; and back through "disabled", as the architecture demands. */
void guest_lapic_enter_x2apic(void);
void guest_lapic_leave_x2apic(void);

/* The registers of the calling processor's APIC. */
uint32_t guest_lapic_read(enum guest_lapic_register offset);
void guest_lapic_write(enum guest_lapic_register offset, uint32_t value);
uint32_t guest_lapic_msr(enum guest_lapic_register offset);
void guest_lapic_end_interrupt(void);

/* The APIC ID: 8 bits, or 32 in x2APIC mode. */
uint32_t guest_lapic_id(void);

/* True if the vector's bit in LAPIC_ISR or LAPIC_IRR is set. */
bool guest_lapic_has_bit(enum guest_lapic_register first, unsigned vector);

/* Sends an interrupt: the destination (an APIC ID, 8 bits outside x2APIC mode) and the low half of
 * the ICR. */
void guest_lapic_send(uint32_t destination, uint32_t icr);

#endif
