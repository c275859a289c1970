/* SPDX-License-Identifier: MIT */
#include "hypercall/cpuid_leaves.h"

#include "hypercall/hypercall.h"
#include "lib/bits.h"

enum {
	LEAVES_FIRST = KVM_CPUID_SIGNATURE_LEAF,
	LEAVES_END = 0x40000300,
	SIGNATURE_BYTES = 12,
	SIGNATURE_WORD_BYTES = 4,
};

static struct cpuid_result signature(uint32_t highest_leaf, const char text[SIGNATURE_BYTES + 1])
{
	struct cpuid_result result = {.eax = highest_leaf};
	uint32_t *const words[] = {&result.ebx, &result.ecx, &result.edx};

	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		const uint8_t *bytes = (const uint8_t *)&text[i * SIGNATURE_WORD_BYTES];

		*words[i] = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
			    (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
	}
	return result;
}

bool hypercall_owns_cpuid_leaf(uint32_t leaf)
{
	return leaf >= LEAVES_FIRST && leaf < LEAVES_END;
}

/* An interface of which nothing may be used is not shown. */
static bool is_shown(const struct vcpu *vcpu, uint32_t leaf)
{
	const uint64_t kvm = BIT(HYPERCALL_KVM_COUNT) - 1;
	const uint64_t native = (BIT(HYPERCALL_UNKNOWN) - 1) & ~kvm;
	const uint64_t calls = leaf < TRIVET_CPUID_SIGNATURE_LEAF ? kvm : native;

	return (vcpu->vm->config->refused_calls & calls) != calls;
}

struct cpuid_result hypercall_cpuid_leaf(const struct vcpu *vcpu, uint32_t leaf)
{
	if (!is_shown(vcpu, leaf)) {
		return (struct cpuid_result){0};
	}
	switch (leaf) {
	case KVM_CPUID_SIGNATURE_LEAF:
		return signature(KVM_CPUID_FEATURES_LEAF, "KVMKVMKVM\0\0\0");
	case KVM_CPUID_FEATURES_LEAF:
		return (struct cpuid_result){.eax = vcpu->kvm_features};
	case TRIVET_CPUID_SIGNATURE_LEAF:
		return signature(TRIVET_CPUID_VERSION_LEAF, "TrivetTrivet");
	case TRIVET_CPUID_VERSION_LEAF:
		return (struct cpuid_result){
			.eax = TRIVET_INTERFACE_VERSION, .ebx = TRIVET_CALL_BASE};
	default:
		return (struct cpuid_result){0};
	}
}
