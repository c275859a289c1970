/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_HYPERCALL_H
#define HYPERCALL_HYPERCALL_H

#include "lib/types.h"
#include "vm/vcpu.h"

enum { HYPERCALL_ARGUMENTS = 4 };

/* Whose numbers a call speaks. */
enum hypercall_abi {
	HYPERCALL_ABI_KVM,
	HYPERCALL_ABI_NATIVE,
};

/* One call as the guest made it, cut to 32 bits outside of 64-bit code. */
struct hypercall {
	enum hypercall_abi abi;
	uint8_t cpl;
	uint64_t number;
	uint64_t arguments[HYPERCALL_ARGUMENTS];
};

/* Does a call; the result goes to the guest's RAX (as 64 bits, negative for an error). */
typedef uint64_t (*hypercall_function)(struct vcpu *vcpu, const struct hypercall *call);

/* One number of an ABI. No function: the number is not served. */
struct hypercall_row {
	const char *name;
	hypercall_function function;
};

/* The tables: KVM's is indexed by number, the native one by number - TRIVET_CALL_BASE. */
enum {
	HYPERCALL_KVM_COUNT = 13,
	HYPERCALL_NATIVE_COUNT = 3,
};
extern const struct hypercall_row hypercall_kvm_table[HYPERCALL_KVM_COUNT];
extern const struct hypercall_row hypercall_native_table[HYPERCALL_NATIVE_COUNT];

/*
 * Counts and serves the call in the guest's registers: RAX the number, RBX RCX RDX RSI the
 * arguments. In this order, as Linux KVM: count, cut to 32 bits, privilege, number. Returns what
 * RAX is to hold. Context: the vCPU stopped at a VMCALL; takes no lock, allocates nothing. Source:
 * Linux Documentation/virt/kvm/x86/hypercalls.rst.
 */
uint64_t hypercall_dispatch(struct vcpu *vcpu, bool is_64bit_code, unsigned cpl);

/* Returns an error number as a guest sees it. */
static inline uint64_t hypercall_error(unsigned error)
{
	return 0 - (uint64_t)error;
}

#endif
