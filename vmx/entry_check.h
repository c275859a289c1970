/* SPDX-License-Identifier: MIT */
#ifndef VMX_ENTRY_CHECK_H
#define VMX_ENTRY_CHECK_H

#include "lib/types.h"
#include "vmx/capability.h"

/* Which of the SDM's sections the broken rule stands in. */
enum entry_check_area {
	ENTRY_CHECK_CONTROLS,    /* "Checks on VMX Controls": VMfail, error 7. */
	ENTRY_CHECK_HOST_STATE,  /* "Checks on Host-State Area": VMfail, error 8. */
	ENTRY_CHECK_GUEST_STATE, /* "Checks on the Guest State Area": exit reason 33. */
	ENTRY_CHECK_MSR_LOADING, /* "Loading MSRs" at VM entry: exit reason 34. */
};

/* A rule that the current VMCS breaks. */
struct entry_check_failure {
	enum entry_check_area area;
	uint32_t field;    /* Encoding of the field to blame; vmcs_field_name() tells its name. */
	uint64_t value;    /* What the field holds; for MSR loading, the index of the bad MSR. */
	const char *rule;  /* What had to hold, in the SDM's words but shorter. */
	const char *title; /* The SDM section's title. */
};

/*
 * Re-runs in software the SDM's VM-entry checks on the current VMCS, section by section in the
 * SDM's order, and stores up to `capacity` broken rules; `failures` may be NULL if capacity is 0.
 * Changes nothing. A VMCS field that exists only with a control is read only if the control is on.
 * Loading MSRs is looked at only if nothing was broken before, as the CPU does.
 *
 * The CPU executes VM entry in 64-bit mode, outside SMM. Where the VMCS points to memory that the
 * rules speak of (virtual-APIC page, linked VMCS, VM-entry MSR-load area), that memory is read if
 * its address passed its checks: it must be mapped.
 *
 * Not looked at: that the VMCS link pointer differs from the current VMCS; the PDPTEs in memory of
 * a PAE guest without EPT; WRMSR's own checks of the values in the MSR-load area; and the controls
 * that vmx/control_bits.h does not name (CET state, PKRS, Processor Trace, last-branch records,
 * user interrupts, FRED, sub-page permissions, tertiary controls).
 *
 * Returns how many rules are broken (may exceed capacity; the rest is not stored).
 * Context: VMX root operation with the VMCS current; uses VMREAD, CPUID and RDMSR.
 * Source: SDM Vol. 3C "VM Entries", sections "Checks on VMX Controls", "Checks on Host-State Area",
 * "Checks Related to Address-Space Size", "Checks on the Guest State Area", "Loading MSRs".
 */
size_t entry_check(const struct vmx_capability *capability, struct entry_check_failure *failures,
	size_t capacity);

/*
 * Returns the VM-instruction error in words, "unknown" for a number that the SDM does not define.
 * Context: any; pure. Source: SDM Vol. 3C "VM Instruction Error Numbers".
 */
const char *vmx_instruction_error_name(uint32_t error);

#endif
