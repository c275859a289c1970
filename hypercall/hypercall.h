/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_HYPERCALL_H
#define HYPERCALL_HYPERCALL_H

#include "hypercall/abi.h"
#include "lib/types.h"
#include "vm/vcpu.h"

/* Whose numbers a call speaks. */
enum hypercall_abi {
	HYPERCALL_ABI_NONE,
	HYPERCALL_ABI_KVM,
	HYPERCALL_ABI_NATIVE,
};

/*
 * One call as the guest made it, decoded where it is read, so that a call without arguments costs
 * none. Fits two registers: it is passed by value.
 */
struct hypercall {
	/* The guest's, by enum register_number; in a batch they lie in guest memory, so that a word
	 * read twice may differ. */
	const volatile uint64_t *registers;
	uint64_t mask; /* UINT32_MAX outside of 64-bit code, else UINT64_MAX. */
};

/* Returns the call's number. */
static inline uint64_t hypercall_number(struct hypercall call)
{
	return call.registers[REGISTER_RAX] & call.mask;
}

/* Returns argument 0 to 3: RBX, RCX, RDX, RSI. A function takes each argument once. */
static inline uint64_t hypercall_argument(struct hypercall call, unsigned index)
{
	static const uint8_t argument_registers[] = {
		REGISTER_RBX, REGISTER_RCX, REGISTER_RDX, REGISTER_RSI};

	return call.registers[argument_registers[index]] & call.mask;
}

/* One call. Its function runs at CPL 0 only; what it returns goes to the guest's RAX: 64 bits,
 * negative for an error. */
struct hypercall_row {
	const char *name;
	uint64_t number;
	enum hypercall_abi abi;
	uint32_t feature; /* Of KVM_CPUID_FEATURES_LEAF; 0: the call needs none. */
	vcpu_hypercall_function function;
};

/*
 * Where a number's row and counter stand: KVM's numbers from 0, then the native ones from
 * TRIVET_CALL_BASE, then one row for all numbers that nobody serves.
 */
enum {
	HYPERCALL_KVM_COUNT = 13,
	HYPERCALL_NATIVE_FIRST = HYPERCALL_KVM_COUNT,
	HYPERCALL_NATIVE_COUNT = 10,
	HYPERCALL_UNKNOWN = HYPERCALL_NATIVE_FIRST + HYPERCALL_NATIVE_COUNT,
	HYPERCALL_ROW_COUNT,
};

extern const struct hypercall_row hypercall_table[HYPERCALL_ROW_COUNT];

/*
 * Decides what the vCPU's calls do: what its VM refuses gives -EPERM, what needs a feature that is
 * not offered -ENOSYS. Context: before the vCPU runs; vcpu->vm is set.
 */
void hypercall_init(struct vcpu *vcpu);

/* The functions behind the rows. A function that is not served gives -ENOSYS; one that the VM's
 * configuration refuses -EPERM and, the first time, a line in the log. */
uint64_t hypercall_not_served(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_refused(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_kvm_vapic_poll_irq(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_kvm_kick_cpu(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_kvm_send_ipi(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_kvm_clock_pairing(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_kvm_sched_yield(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_native_ping(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_native_log(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_native_end(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_native_sleep(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_native_read_counters(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_native_print_counters(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_native_batch(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_native_trace_mark(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_native_guest_control(struct vcpu *vcpu, struct hypercall call);
uint64_t hypercall_native_guest_list(struct vcpu *vcpu, struct hypercall call);

/* Returns an error number as a guest sees it. */
static inline uint64_t hypercall_error(unsigned error)
{
	return 0 - (uint64_t)error;
}

#endif
