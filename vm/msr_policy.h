/* SPDX-License-Identifier: MIT */
#ifndef VM_MSR_POLICY_H
#define VM_MSR_POLICY_H

#include "lib/types.h"
#include "vm/vcpu.h"

/*
 * Answer the guest's RDMSR and WRMSR where they exit. False means #GP: the MSR does not exist here,
 * or it refuses the value. Context: the vCPU's VMCS is current. Source: SDM Vol. 4 "Architectural
 * MSRs".
 */
bool msr_policy_read(const struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool msr_policy_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/*
 * Fills an MSR bitmap (4 KiB): all MSRs exit but those that belong to the guest alone while it
 * runs. Source: SDM Vol. 3C "MSR-Bitmap Address".
 */
void msr_policy_fill_bitmap(uint8_t *bitmap, const struct control_set *controls);

/* MTRRs of a guest, kept but without effect: its memory is write-back through the EPT. False means
 * #GP. */
bool msr_mtrr_read(const struct vcpu_msrs *msrs, uint32_t msr, uint64_t *value);
bool msr_mtrr_write(
	struct vcpu_msrs *msrs, uint32_t msr, uint64_t value, unsigned physical_address_bits);

/*
 * Reads or writes the MSRs that pass through the bitmap and are not in the VMCS: what one vCPU left
 * in them is not for the next. Context: the CPU that runs the vCPU.
 */
void msr_policy_save(const struct control_set *controls, uint64_t values[VCPU_SAVED_MSRS]);
void msr_policy_restore(const struct control_set *controls, const uint64_t values[VCPU_SAVED_MSRS]);

#endif
