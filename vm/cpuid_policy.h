/* SPDX-License-Identifier: MIT */
#ifndef VM_CPUID_POLICY_H
#define VM_CPUID_POLICY_H

#include "cpu/insn.h"
#include "lib/types.h"
#include "vm/vcpu.h"

/*
 * Answers the guest's CPUID: the CPU's own words with every feature that we do not stand behind
 * masked away, the hypervisor's leaves, and the bits that mirror control registers. Context: the
 * vCPU's VMCS is current, its XCR0 is loaded. Source: SDM Vol. 2A "CPUID"; Linux
 * Documentation/virt/kvm/x86/cpuid.rst for the leaves from 0x40000000.
 */
struct cpuid_result cpuid_policy_answer(const struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf);

/* Keeps the answers that nothing the guest does can change. Context: as cpuid_policy_answer(). */
void cpuid_policy_keep_constant_leaves(struct vcpu *vcpu);

/* Returns the CR4 bits that stand behind features that the CPUID of a guest with these XCR0 bits
 * shows. */
uint64_t cpuid_policy_cr4_allowed(uint64_t xcr0_allowed);

/* Returns the EFER bits that the guest may set. */
uint64_t cpuid_policy_efer_allowed(void);

#endif
