/* SPDX-License-Identifier: MIT */
#include "cpu/registers.h"
#include "exits/exit.h"
#include "vm/event.h"
#include "vm/msr_policy.h"

enum { EDX_SHIFT = 32 };

enum exit_action exit_handle_rdmsr(struct vcpu *vcpu)
{
	uint64_t *registers = vcpu->frame.registers;
	const uint32_t msr = (uint32_t)registers[REGISTER_RCX];
	uint64_t value;

	if (!msr_policy_read(vcpu, msr, &value)) {
		vcpu_warn(vcpu, "RDMSR gives #GP msr=%#x", msr);
		event_inject_exception_with_error(VECTOR_GP, 0);
		return EXIT_RESUME;
	}
	registers[REGISTER_RAX] = (uint32_t)value;
	registers[REGISTER_RDX] = value >> EDX_SHIFT;
	return EXIT_NEXT_INSTRUCTION;
}

enum exit_action exit_handle_wrmsr(struct vcpu *vcpu)
{
	const uint64_t *registers = vcpu->frame.registers;
	const uint32_t msr = (uint32_t)registers[REGISTER_RCX];
	const uint64_t value = (uint32_t)registers[REGISTER_RAX] | registers[REGISTER_RDX]
									   << EDX_SHIFT;

	if (!msr_policy_write(vcpu, msr, value)) {
		vcpu_warn(vcpu, "WRMSR gives #GP msr=%#x value=%#lx", msr, value);
		event_inject_exception_with_error(VECTOR_GP, 0);
		return EXIT_RESUME;
	}
	return EXIT_NEXT_INSTRUCTION;
}
