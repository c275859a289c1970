/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_KVM_MSRS_H
#define HYPERCALL_KVM_MSRS_H

#include "cpu/tsc.h"
#include "hypercall/abi.h"
#include "lib/types.h"
#include "vm/vcpu.h"

/* The last of the range that KVM has for itself. */
#define HYPERCALL_KVM_MSR_LAST 0x4b564dffu

/* True if the MSR is one of KVM's: 0x11, 0x12, and 0x4b564d00 to 0x4b564dff. */
static inline bool hypercall_owns_msr(uint32_t msr)
{
	return msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_SYSTEM_TIME ||
	       (msr >= MSR_KVM_WALL_CLOCK_NEW && msr <= HYPERCALL_KVM_MSR_LAST);
}

/*
 * Answer the guest's RDMSR and WRMSR of such an MSR. False means #GP: the feature is not offered,
 * or the value has a reserved bit. Context: the vCPU is stopped at the instruction. Source: Linux
 * Documentation/virt/kvm/x86/msr.rst.
 */
bool hypercall_msr_read(const struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool hypercall_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* Tells the guest's clock anew, after its TSC was set. Context: as above. */
void hypercall_clock_update(struct vcpu *vcpu);

/* True if all of the guest's processors read the same time by it. */
static inline bool kvm_clock_is_stable(const struct vm *vm)
{
	return !vm->is_smp || tsc_is_synchronised();
}

#endif
