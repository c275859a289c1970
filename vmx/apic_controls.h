/* SPDX-License-Identifier: MIT */
#ifndef VMX_APIC_CONTROLS_H
#define VMX_APIC_CONTROLS_H

#include "lib/types.h"
#include "vmx/capability.h"
#include "vmx/control_set.h"

/* What the option apic= asks for. */
enum apic_choice {
	APIC_AUTO,     /* As much as the CPU is known to do right. */
	APIC_SOFTWARE, /* Nothing of it. */
	APIC_HARDWARE, /* All that the CPU offers. */
};

/* How much of a guest's local APIC the CPU does by itself; each level has those below it. */
enum apic_level {
	APIC_LEVEL_SOFTWARE,   /* Each access exits. */
	APIC_LEVEL_TPR_SHADOW, /* "Use TPR shadow": the TPR, by CR8, MSR or memory. */
	APIC_LEVEL_REGISTERS,  /* "APIC-register virtualization": most registers can be read. */
	APIC_LEVEL_DELIVERY,   /* "Virtual-interrupt delivery": interrupts, EOI, self-IPI. */
	APIC_LEVEL_POSTING, /* "Process posted interrupts": those of others come without an exit. */
};

/* Where the guest's APIC can be reached: SDM Vol. 3A "x2APIC State Transitions". */
enum apic_reach {
	APIC_REACH_NOWHERE, /* Disabled, or in xAPIC mode at an address that is not virtualised. */
	APIC_REACH_PAGE,    /* xAPIC mode. */
	APIC_REACH_MSRS,    /* x2APIC mode. */
};

/*
 * Returns the level for this CPU. APIC_AUTO takes virtual-interrupt delivery only where the CPU has
 * posted interrupts too: every processor that came with the one came with the other, and the
 * emulator that has the first alone delivers into code with interrupts disabled (docs/bochs.md).
 * Context: any; pure. Source: SDM Vol. 3C "APIC Virtualization and Virtual Interrupts".
 */
enum apic_level apic_controls_level(
	const struct vmx_capability *capability, enum apic_choice choice);

/* Returns the level in the words of the log. Context: any; pure. */
const char *apic_controls_level_name(enum apic_level level);

/*
 * Sets the pin-based, primary and secondary controls that belong to the guest's APIC, and no other,
 * for a level that apic_controls_level() gave. CR8 exits unless there is a TPR shadow. Context:
 * any; pure. Source: SDM Vol. 3C "VM-Execution Control Fields" under "Checks on VMX Controls".
 */
void apic_controls_set(const struct vmx_capability *capability, enum apic_level level,
	enum apic_reach reach, struct control_set *controls);

#endif
