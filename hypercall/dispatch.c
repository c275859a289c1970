/* SPDX-License-Identifier: MIT */
#include "hypercall/hypercall.h"

#include "hypercall/abi.h"
#include "hypercall/counters.h"

uint64_t hypercall_dispatch(struct vcpu *vcpu, bool is_64bit_code, unsigned cpl)
{
	const uint64_t *registers = vcpu->frame.registers;
	const uint64_t mask = is_64bit_code ? UINT64_MAX : UINT32_MAX;
	const uint64_t number = registers[REGISTER_RAX] & mask;
	const struct hypercall_row *row = &hypercall_kvm_table[0];
	unsigned counter = HYPERCALL_COUNTER_UNKNOWN;
	enum hypercall_abi abi = HYPERCALL_ABI_KVM;

	if (number < HYPERCALL_KVM_COUNT) {
		row = &hypercall_kvm_table[number];
		counter = HYPERCALL_COUNTER_KVM + (unsigned)number;
	} else if (number - TRIVET_CALL_BASE < HYPERCALL_NATIVE_COUNT) {
		row = &hypercall_native_table[number - TRIVET_CALL_BASE];
		counter = HYPERCALL_COUNTER_NATIVE + (unsigned)(number - TRIVET_CALL_BASE);
		abi = HYPERCALL_ABI_NATIVE;
	}
	vcpu->hypercall_counts[counter]++;
	if (cpl != 0) {
		return hypercall_error(TRIVET_EPERM) & mask;
	}
	if (row->function == NULL) {
		return hypercall_error(TRIVET_ENOSYS) & mask;
	}
	return row->function(vcpu,
		       &(const struct hypercall){
			       .abi = abi,
			       .cpl = (uint8_t)cpl,
			       .number = number,
			       .arguments = {registers[REGISTER_RBX] & mask,
				       registers[REGISTER_RCX] & mask,
				       registers[REGISTER_RDX] & mask,
				       registers[REGISTER_RSI] & mask},
		       }) &
	       mask;
}
