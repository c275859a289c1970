/* SPDX-License-Identifier: MIT */
#ifndef CPU_LOCAL_APIC_H
#define CPU_LOCAL_APIC_H

#include "lib/status.h"
#include "lib/types.h"

/* SDM Vol. 3A "Local APIC Registers": offsets in the page. */
enum local_apic_offset {
	LOCAL_APIC_ID = 0x20,
	LOCAL_APIC_VERSION = 0x30,
	LOCAL_APIC_TPR = 0x80,
	LOCAL_APIC_EOI = 0xb0,
	LOCAL_APIC_SVR = 0xf0,
	LOCAL_APIC_ISR = 0x100,
	LOCAL_APIC_LVT_CMCI = 0x2f0,
	LOCAL_APIC_ICR_LOW = 0x300,
	LOCAL_APIC_ICR_HIGH = 0x310,
	LOCAL_APIC_LVT_TIMER = 0x320,
	LOCAL_APIC_LVT_THERMAL = 0x330,
	LOCAL_APIC_LVT_PERFORMANCE = 0x340,
	LOCAL_APIC_LVT_ERROR = 0x370,
	LOCAL_APIC_INITIAL_COUNT = 0x380,
	LOCAL_APIC_CURRENT_COUNT = 0x390,
	LOCAL_APIC_DIVIDE = 0x3e0,
};

/* What local_apic_send() sends. SDM Vol. 3A "Interrupt Command Register (ICR)". */
enum local_apic_command {
	LOCAL_APIC_SEND_FIXED = 0x4000, /* Plus the vector. */
	LOCAL_APIC_SEND_NMI = 0x4400,
	LOCAL_APIC_SEND_INIT = 0x4500,
	LOCAL_APIC_SEND_STARTUP = 0x4600, /* Plus the number of the page where it begins. */
};

/*
 * Finds out whether this CPU has an enabled local APIC, in which mode it is, and its ID; remembers
 * that in this_cpu(). Returns false if there is none, or it is disabled by IA32_APIC_BASE: then the
 * functions below do nothing. Context: once on each CPU, before all others here.
 */
bool local_apic_open(void);

/* Returns whether this CPU's local APIC is in x2APIC mode. */
bool local_apic_is_x2apic(void);

/*
 * Puts this CPU's local APIC into x2APIC mode, or out of it. Returns STATUS_OK (also without one);
 * STATUS_UNSUPPORTED if the CPU has no x2APIC mode. Context: interrupts off. Source: SDM Vol. 3A
 * "x2APIC State Transitions".
 */
must_use enum status local_apic_set_x2apic(bool is_wanted);

/*
 * Sends an interprocessor interrupt to one CPU. apic_id is below 255 in xAPIC mode; command is one
 * of enum local_apic_command. What was written before is seen by the target when it comes. Does
 * nothing without a local APIC. Context: any.
 */
void local_apic_send(uint32_t apic_id, uint32_t command);

/*
 * Reads and writes a register of this CPU's local APIC, in xAPIC or x2APIC mode. Context: it is
 * enabled.
 */
uint32_t local_apic_read(unsigned offset);
void local_apic_write(unsigned offset, uint32_t value);

/* Software-enables this CPU's local APIC. Returns false if there is none. */
bool local_apic_enable(void);

/*
 * Silences what the firmware left running in this CPU's local APIC (its timer above all), and
 * vectors 16 to 31, which could not be told from exceptions. LINT0 and LINT1 stay, so that the PIC
 * and NMI still reach us; so does a thermal interrupt that the firmware takes as an SMI, and the
 * other processors get the boot processor's. Does nothing without an enabled local APIC. Context:
 * the boot processor first. Source: SDM Vol. 3A "Local Vector Table", "Task Priority".
 */
void local_apic_quiesce(void);

/* Ends the interrupt in service. Context: there is one, of this CPU's local APIC. */
void local_apic_end_interrupt(void);

/* Ends the interrupt of a vector if the local APIC has it in service. Context: any. */
void local_apic_eoi(uint8_t vector);

#endif
