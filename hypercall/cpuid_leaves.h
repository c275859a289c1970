/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_CPUID_LEAVES_H
#define HYPERCALL_CPUID_LEAVES_H

#include "cpu/insn.h"
#include "lib/types.h"
#include "vm/vcpu.h"

/* True if the leaf is one that tells a guest of its hypervisor: 0x40000000 to 0x400002ff. */
bool hypercall_owns_cpuid_leaf(uint32_t leaf);

/*
 * Answers such a leaf; all zeros for one that no interface defines, and for the leaves of an
 * interface all of whose calls the VM refuses. Context: any; vcpu->kvm_features is set. Source:
 * Linux Documentation/virt/kvm/x86/cpuid.rst; hypercall/abi.h for the native interface.
 */
struct cpuid_result hypercall_cpuid_leaf(const struct vcpu *vcpu, uint32_t leaf);

#endif
