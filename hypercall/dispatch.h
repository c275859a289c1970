/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_DISPATCH_H
#define HYPERCALL_DISPATCH_H

#include "cpu/insn.h"
#include "hypercall/hypercall.h"

/* Returns the row of a number that is not one of KVM's: native or unknown. */
static inline size_t hypercall_row_beyond_kvm(uint64_t number)
{
	const uint64_t native = number - TRIVET_CALL_BASE;

	/* A branch is cheaper here than the conditional move of a selection. */
	if (__builtin_expect(native >= HYPERCALL_NATIVE_COUNT, 0)) {
		return HYPERCALL_UNKNOWN;
	}
	return HYPERCALL_NATIVE_FIRST + native;
}

/* Returns the row that serves and counts a number. */
static inline size_t hypercall_row_of_number(uint64_t number)
{
	return number < HYPERCALL_KVM_COUNT ? number : hypercall_row_beyond_kvm(number);
}

/* Returns the row of a call. */
static inline size_t hypercall_row(struct hypercall call)
{
	return hypercall_row_of_number(hypercall_number(call));
}

/*
 * Serves the call of a row. In this order, as Linux KVM: cut to 32 bits outside of 64-bit code,
 * privilege, number. Returns what RAX is to hold. Inline, so that the way of a VM exit to the
 * call's function has one frame. Context: the vCPU stopped at a VMCALL; takes no lock, allocates
 * nothing. Source: Linux Documentation/virt/kvm/x86/hypercalls.rst.
 */
static inline uint64_t hypercall_serve(
	struct vcpu *vcpu, struct hypercall call, size_t row, unsigned cpl)
{
	if (cpl != 0) {
		return hypercall_error(TRIVET_EPERM) & call.mask;
	}
	return vcpu->hypercall_functions[row](vcpu, call) & call.mask;
}

/* Counts a call of a row, which took since the exit began: every call, whatever its result. */
static inline void hypercall_count(struct vcpu *vcpu, size_t row)
{
	tick_histogram_add(&vcpu->hypercall_ticks[row], insn_rdtsc() - vcpu->exit_tsc);
}

#endif
