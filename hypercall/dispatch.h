/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_DISPATCH_H
#define HYPERCALL_DISPATCH_H

#include "hypercall/hypercall.h"

/* Returns the row of a number that is not one of KVM's: native or unknown. */
static inline size_t hypercall_row_beyond_kvm(uint64_t number)
{
	const uint64_t native = number - TRIVET_CALL_BASE;

	return native < HYPERCALL_NATIVE_COUNT ? HYPERCALL_NATIVE_FIRST + native
					       : HYPERCALL_UNKNOWN;
}

/*
 * Counts and serves the call in the guest's registers. In this order, as Linux KVM: cut to 32 bits
 * outside of 64-bit code, count, privilege, number. Returns what RAX is to hold. Inline, so that
 * the way of a VM exit to the call's function has one frame. Context: the vCPU stopped at a VMCALL;
 * takes no lock, allocates nothing. Source: Linux
 * Documentation/virt/kvm/x86/hypercalls.rst.
 */
static inline uint64_t hypercall_dispatch(struct vcpu *vcpu, bool is_64bit_code, unsigned cpl)
{
	const struct hypercall call = {
		vcpu->frame.registers, is_64bit_code ? UINT64_MAX : UINT32_MAX};
	const uint64_t number = hypercall_number(call);
	const size_t row = number < HYPERCALL_KVM_COUNT ? number : hypercall_row_beyond_kvm(number);

	vcpu->hypercall_counts[row]++;
	if (cpl != 0) {
		return hypercall_error(TRIVET_EPERM) & call.mask;
	}
	return hypercall_table[row].function(vcpu, call) & call.mask;
}

#endif
