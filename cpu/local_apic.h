/* SPDX-License-Identifier: MIT */
#ifndef CPU_LOCAL_APIC_H
#define CPU_LOCAL_APIC_H

#include "lib/types.h"

/*
 * Silences what the firmware left running in this CPU's local APIC (its timer above all); LINT0 and
 * LINT1 stay, so that the PIC and NMI still reach us. Does nothing without an enabled local APIC.
 * Source: SDM Vol. 3A "Local Vector Table".
 */
void local_apic_quiesce(void);

/* Ends the interrupt of a vector if the local APIC has it in service. Context: any. */
void local_apic_eoi(uint8_t vector);

#endif
