/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_KVM_MSRS_H
#define HYPERCALL_KVM_MSRS_H

#include "lib/types.h"
#include "vm/vcpu.h"

/* True if the MSR is one of KVM's: 0x11, 0x12, and 0x4b564d00 to 0x4b564dff. */
bool hypercall_owns_msr(uint32_t msr);

/*
 * Answer the guest's RDMSR and WRMSR of such an MSR. False means #GP: the feature is not offered,
 * or the value has a reserved bit. Context: the vCPU is stopped at the instruction. Source: Linux
 * Documentation/virt/kvm/x86/msr.rst.
 */
bool hypercall_msr_read(const struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool hypercall_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* Tells the guest's clock anew, after its TSC was set. Context: as above. */
void hypercall_clock_update(struct vcpu *vcpu);

#endif
