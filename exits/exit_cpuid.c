/* SPDX-License-Identifier: MIT */
#include "exits/exit.h"
#include "hypercall/cpuid_leaves.h"
#include "vm/cpuid_policy.h"

static void put_result(uint64_t *registers, const struct cpuid_result *result)
{
	registers[REGISTER_RAX] = result->eax;
	registers[REGISTER_RBX] = result->ebx;
	registers[REGISTER_RCX] = result->ecx;
	registers[REGISTER_RDX] = result->edx;
}

/* Never inlined, so that a constant leaf costs no stack frame. */
static __attribute__((noinline)) enum exit_action answer(struct vcpu *vcpu)
{
	uint64_t *registers = vcpu->frame.registers;
	const uint32_t leaf = (uint32_t)registers[REGISTER_RAX];
	const uint32_t subleaf = (uint32_t)registers[REGISTER_RCX];
	const struct cpuid_result result = hypercall_owns_cpuid_leaf(leaf)
						   ? hypercall_cpuid_leaf(vcpu, leaf)
						   : cpuid_policy_answer(vcpu, leaf, subleaf);

	put_result(registers, &result);
	return EXIT_NEXT_INSTRUCTION;
}

/* Where we are a guest ourselves CPUID exits too: constant leaves come from vcpu_init(). */
enum exit_action exit_handle_cpuid(struct vcpu *vcpu)
{
	const uint32_t leaf = (uint32_t)vcpu->frame.registers[REGISTER_RAX];

	if (leaf >= VCPU_CPUID_LEAVES || (vcpu->cpuid_constant_leaves & (1u << leaf)) == 0) {
		return answer(vcpu);
	}
	put_result(vcpu->frame.registers, &vcpu->cpuid_leaves[leaf]);
	return EXIT_NEXT_INSTRUCTION;
}
