/* SPDX-License-Identifier: MIT */
#include "exits/exit.h"
#include "hypercall/cpuid_leaves.h"
#include "vm/cpuid_policy.h"

enum exit_action exit_handle_cpuid(struct vcpu *vcpu)
{
	uint64_t *registers = vcpu->frame.registers;
	const uint32_t leaf = (uint32_t)registers[REGISTER_RAX];
	const uint32_t subleaf = (uint32_t)registers[REGISTER_RCX];
	const struct cpuid_result result = hypercall_owns_cpuid_leaf(leaf)
						   ? hypercall_cpuid_leaf(leaf)
						   : cpuid_policy_answer(vcpu, leaf, subleaf);

	registers[REGISTER_RAX] = result.eax;
	registers[REGISTER_RBX] = result.ebx;
	registers[REGISTER_RCX] = result.ecx;
	registers[REGISTER_RDX] = result.edx;
	return EXIT_NEXT_INSTRUCTION;
}
