/* SPDX-License-Identifier: MIT */
#ifndef VMX_CURRENT_VMCS_H
#define VMX_CURRENT_VMCS_H

#include "cpu/debug_checks.h"
#include "lib/status.h"
#include "lib/types.h"

/*
 * VMREAD, VMWRITE and VM entries are for the VMCS that is current on the CPU, and do not name it:
 * code that is about another vCPU than the CPU's current VMCS is would write into that one. So each
 * CPU also notes in this_cpu()->vmcs which VMCS the code that it runs may use: that of the vCPU
 * whose turn it is, and none outside of a turn. Builds with DEBUG=1 hold the note against the CPU
 * at each access. SDM Vol. 3C "Overview" of virtual-machine control structures.
 *
 * A region is the 4 KiB of a VMCS. Context of all: the CPU itself, in VMX root operation.
 */

/* Notes that the code from here on may use this VMCS, which is current; NULL: none. */
void current_vmcs_use(const void *region);

/* Makes a VMCS current by VMPTRLD, for use. Panics if the CPU refuses it: that of another vCPU
 * would stay current. */
void current_vmcs_load(const void *region);

/* The same for a region that holds nothing yet but its revision identifier: VMCLEAR comes first.
 * Returns false, with none to be used, if the CPU refuses it. */
must_use bool current_vmcs_make(const void *region);

/* Takes a VMCS off the CPU by VMCLEAR, whether it is current or not; none may be used then. */
void current_vmcs_clear(const void *region);

/* For those below: panics if the current VMCS is not the one to be used. */
void current_vmcs_check_owner(void);
void current_vmcs_check_region(const void *region);

/* Costs nothing in a build without DEBUG=1. */
static inline void current_vmcs_check(void)
{
	if (DEBUG_HAS_CHECKS) {
		current_vmcs_check_owner();
	}
}

/* The same for the region of one vCPU: what the caller does is about that one. */
static inline void current_vmcs_check_is(const void *region)
{
	if (DEBUG_HAS_CHECKS) {
		current_vmcs_check_region(region);
	}
}

#endif
