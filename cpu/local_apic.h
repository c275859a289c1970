/* SPDX-License-Identifier: MIT */
#ifndef CPU_LOCAL_APIC_H
#define CPU_LOCAL_APIC_H

#include "lib/types.h"

/* SDM Vol. 3A "Local APIC Registers": offsets in the page. */
enum local_apic_offset {
	LOCAL_APIC_VERSION = 0x30,
	LOCAL_APIC_EOI = 0xb0,
	LOCAL_APIC_SVR = 0xf0,
	LOCAL_APIC_ISR = 0x100,
	LOCAL_APIC_LVT_CMCI = 0x2f0,
	LOCAL_APIC_LVT_TIMER = 0x320,
	LOCAL_APIC_LVT_THERMAL = 0x330,
	LOCAL_APIC_LVT_PERFORMANCE = 0x340,
	LOCAL_APIC_LVT_ERROR = 0x370,
	LOCAL_APIC_INITIAL_COUNT = 0x380,
	LOCAL_APIC_CURRENT_COUNT = 0x390,
	LOCAL_APIC_DIVIDE = 0x3e0,
};

/*
 * Reads and writes a register of this CPU's local APIC, in xAPIC or x2APIC mode. Context: it is
 * enabled.
 */
uint32_t local_apic_read(unsigned offset);
void local_apic_write(unsigned offset, uint32_t value);

/* Software-enables this CPU's local APIC. Returns false if there is none, or it is disabled by
 * IA32_APIC_BASE. */
bool local_apic_enable(void);

/*
 * Silences what the firmware left running in this CPU's local APIC (its timer above all); LINT0 and
 * LINT1 stay, so that the PIC and NMI still reach us. Does nothing without an enabled local APIC.
 * Source: SDM Vol. 3A "Local Vector Table".
 */
void local_apic_quiesce(void);

/* Ends the interrupt of a vector if the local APIC has it in service. Context: any. */
void local_apic_eoi(uint8_t vector);

#endif
