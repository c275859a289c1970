/* SPDX-License-Identifier: MIT */
#ifndef VMX_OPERATION_H
#define VMX_OPERATION_H

#include "lib/status.h"
#include "vmx/capability.h"

/*
 * Enters VMX root operation on this CPU: locks IA32_FEATURE_CONTROL with VMX on where the firmware
 * left it unlocked, applies the fixed bits of CR0 and CR4, and executes VMXON with the region (4
 * KiB, aligned, zeroed).
 *
 * Returns STATUS_OK; STATUS_UNSUPPORTED if the feature-control MSR is locked with VMX off, or
 * refused VMXON otherwise. Logs what happened. Context: CPL 0, long mode, not in VMX operation.
 * Source: SDM Vol. 3C "Enabling and Entering VMX Operation".
 */
must_use enum status vmx_operation_enter(const struct vmx_capability *capability, void *region);

/* Leaves VMX operation (VMXOFF) and clears CR4.VMXE. Context: in VMX root operation. */
void vmx_operation_leave(void);

/*
 * Invalidates this CPU's cached translations: those of one EPT pointer (of all, where the CPU
 * cannot do one), or those tagged with one VPID. Context: VMX root operation. Source: SDM Vol. 3C
 * "Caching Translation Information".
 */
void vmx_invalidate_ept(const struct vmx_capability *capability, uint64_t ept_pointer);
void vmx_invalidate_vpid(const struct vmx_capability *capability, uint16_t vpid);

#endif
