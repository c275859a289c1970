/* SPDX-License-Identifier: MIT */
#include "vm/cpuid_policy.h"

#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "lib/bits.h"
#include "vm/cpuid_topology.h"
#include "vmx/control_bits.h"
#include "vmx/vmcs.h"

/*
 * What a guest may see of each feature word. What is not here is either of no use to a guest
 * without the device or MSRs behind it (MONITOR, power, performance counters) or not
 * virtualised (VMX, SGX, CET).
 */
#define ALLOW_1_ECX                                                                                \
	(CPUID_1_ECX_SSE3 | CPUID_1_ECX_PCLMULQDQ | CPUID_1_ECX_SSSE3 | CPUID_1_ECX_FMA |          \
		CPUID_1_ECX_CMPXCHG16B | CPUID_1_ECX_PCID | CPUID_1_ECX_SSE41 |                    \
		CPUID_1_ECX_SSE42 | CPUID_1_ECX_MOVBE | CPUID_1_ECX_POPCNT | CPUID_1_ECX_AESNI |   \
		CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX | CPUID_1_ECX_F16C | CPUID_1_ECX_RDRAND)
#define ALLOW_1_EDX                                                                                \
	(CPUID_1_EDX_FPU | CPUID_1_EDX_VME | CPUID_1_EDX_DE | CPUID_1_EDX_PSE | CPUID_1_EDX_TSC |  \
		CPUID_1_EDX_MSR | CPUID_1_EDX_PAE | CPUID_1_EDX_MCE | CPUID_1_EDX_CX8 |            \
		CPUID_1_EDX_SEP | CPUID_1_EDX_MTRR | CPUID_1_EDX_PGE | CPUID_1_EDX_MCA |           \
		CPUID_1_EDX_CMOV | CPUID_1_EDX_PAT | CPUID_1_EDX_PSE36 | CPUID_1_EDX_CLFSH |       \
		CPUID_1_EDX_MMX | CPUID_1_EDX_FXSR | CPUID_1_EDX_SSE | CPUID_1_EDX_SSE2 |          \
		CPUID_1_EDX_SS)
#define ALLOW_7_EBX                                                                                \
	(CPUID_7_EBX_FSGSBASE | CPUID_7_EBX_BMI1 | CPUID_7_EBX_HLE | CPUID_7_EBX_AVX2 |            \
		CPUID_7_EBX_FDP_EXCPTN_ONLY | CPUID_7_EBX_SMEP | CPUID_7_EBX_BMI2 |                \
		CPUID_7_EBX_ERMS | CPUID_7_EBX_INVPCID | CPUID_7_EBX_RTM |                         \
		CPUID_7_EBX_NO_FPU_CS_DS | CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512DQ |            \
		CPUID_7_EBX_RDSEED | CPUID_7_EBX_ADX | CPUID_7_EBX_SMAP |                          \
		CPUID_7_EBX_AVX512_IFMA | CPUID_7_EBX_CLFLUSHOPT | CPUID_7_EBX_CLWB |              \
		CPUID_7_EBX_AVX512PF | CPUID_7_EBX_AVX512ER | CPUID_7_EBX_AVX512CD |               \
		CPUID_7_EBX_SHA | CPUID_7_EBX_AVX512BW | CPUID_7_EBX_AVX512VL)
#define ALLOW_7_ECX                                                                                \
	(CPUID_7_ECX_PREFETCHWT1 | CPUID_7_ECX_AVX512_VBMI | CPUID_7_ECX_UMIP | CPUID_7_ECX_PKU |  \
		CPUID_7_ECX_AVX512_VBMI2 | CPUID_7_ECX_GFNI | CPUID_7_ECX_VAES |                   \
		CPUID_7_ECX_VPCLMULQDQ | CPUID_7_ECX_AVX512_VNNI | CPUID_7_ECX_AVX512_BITALG |     \
		CPUID_7_ECX_AVX512_VPOPCNTDQ | CPUID_7_ECX_RDPID | CPUID_7_ECX_CLDEMOTE |          \
		CPUID_7_ECX_MOVDIRI | CPUID_7_ECX_MOVDIR64B)
#define ALLOW_7_EDX                                                                                \
	(CPUID_7_EDX_AVX512_4VNNIW | CPUID_7_EDX_AVX512_4FMAPS | CPUID_7_EDX_FAST_SHORT_REP_MOV |  \
		CPUID_7_EDX_AVX512_VP2INTERSECT | CPUID_7_EDX_MD_CLEAR | CPUID_7_EDX_SERIALIZE)
#define ALLOW_7_1_EAX (CPUID_7_1_EAX_AVX_VNNI | CPUID_7_1_EAX_AVX512_BF16)
#define ALLOW_D_1_EAX (CPUID_D_1_EAX_XSAVEOPT | CPUID_D_1_EAX_XSAVEC | CPUID_D_1_EAX_XGETBV_1)
#define ALLOW_80000001_ECX                                                                         \
	(CPUID_80000001_ECX_LAHF | CPUID_80000001_ECX_LZCNT | CPUID_80000001_ECX_PREFETCHW)
#define ALLOW_80000001_EDX                                                                         \
	(CPUID_80000001_EDX_SYSCALL | CPUID_80000001_EDX_XD | CPUID_80000001_EDX_PAGE1G |          \
		CPUID_80000001_EDX_RDTSCP | CPUID_80000001_EDX_LM)

#define XCR0_ALLOWED                                                                               \
	(XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM | XCR0_PKRU)

enum {
	BASIC_LEAF_MAX = CPUID_LEAF_XSAVE,
	XSAVE_LEGACY_BYTES = 576, /* The legacy region and the header. */
	XSAVE_SUBLEAVES = 63,
};

#define EXTENDED_LEAF_MAX CPUID_LEAF_ADDRESS_SIZES

static bool has_secondary(const struct control_set *controls, uint64_t control)
{
	return (controls->secondary & control) != 0;
}

static struct cpuid_topology topology_of(const struct vcpu *vcpu)
{
	return (struct cpuid_topology){vcpu->vm->config->vcpu_count, vcpu->id};
}

static struct cpuid_result features_leaf(const struct vcpu *vcpu, struct cpuid_result result)
{
	const struct virtual_apic *apic = &vcpu->apic;
	const struct cpuid_topology topology = topology_of(vcpu);

	/* The local APIC is ours, whatever the host's can do. */
	result.ecx = (uint32_t)(result.ecx & ALLOW_1_ECX) |
		     (uint32_t)(CPUID_1_ECX_HYPERVISOR | CPUID_1_ECX_X2APIC);
	result.ecx |= apic->config.has_tsc_deadline ? (uint32_t)CPUID_1_ECX_TSC_DEADLINE : 0;
	/* The host runs with CR4.OSXSAVE set: the guest sees its own. */
	if ((result.ecx & CPUID_1_ECX_XSAVE) != 0 &&
		(vmcs_read_natural(VMCS_GUEST_CR4) & CR4_OSXSAVE) != 0) {
		result.ecx |= (uint32_t)CPUID_1_ECX_OSXSAVE;
	}
	result.edx &= (uint32_t)ALLOW_1_EDX;
	/* SDM Vol. 3A "Enabling or Disabling the Local APIC": the flag mirrors IA32_APIC_BASE.EN.
	 */
	result.edx |= virtual_apic_is_enabled(apic) ? (uint32_t)CPUID_1_EDX_APIC : 0;
	return cpuid_topology_features(&topology, result);
}

static uint32_t structured_ebx_allowed(const struct control_set *controls)
{
	return (uint32_t)(has_secondary(controls, SECONDARY_ENABLE_INVPCID)
				  ? ALLOW_7_EBX
				  : ALLOW_7_EBX & ~CPUID_7_EBX_INVPCID);
}

static uint32_t structured_ecx_allowed(const struct control_set *controls)
{
	return (uint32_t)(has_secondary(controls, SECONDARY_ENABLE_RDTSCP)
				  ? ALLOW_7_ECX
				  : ALLOW_7_ECX & ~CPUID_7_ECX_RDPID);
}

static struct cpuid_result structured_leaf(
	const struct vcpu *vcpu, struct cpuid_result result, uint32_t subleaf)
{
	if (subleaf == 1) {
		return (struct cpuid_result){.eax = result.eax & (uint32_t)ALLOW_7_1_EAX};
	}
	if (subleaf > 1) {
		return (struct cpuid_result){0};
	}
	result.eax = result.eax == 0 ? 0 : 1;
	result.ebx &= structured_ebx_allowed(&vcpu->controls);
	result.ecx &= structured_ecx_allowed(&vcpu->controls);
	if ((result.ecx & CPUID_7_ECX_PKU) != 0 &&
		(vmcs_read_natural(VMCS_GUEST_CR4) & CR4_PKE) != 0) {
		result.ecx |= (uint32_t)CPUID_7_ECX_OSPKE;
	}
	result.edx &= (uint32_t)ALLOW_7_EDX;
	return result;
}

/* The XSAVE area's size if every component in mask is enabled. */
static uint32_t xsave_area_bytes(uint64_t mask)
{
	uint32_t bytes = XSAVE_LEGACY_BYTES;

	for (uint32_t i = 2; i < XSAVE_SUBLEAVES; i++) {
		if ((mask & BIT(i)) != 0) {
			const struct cpuid_result part = insn_cpuid(CPUID_LEAF_XSAVE, i);

			bytes = part.ebx + part.eax > bytes ? part.ebx + part.eax : bytes;
		}
	}
	return bytes;
}

static struct cpuid_result xsave_leaf(
	const struct vcpu *vcpu, struct cpuid_result result, uint32_t subleaf)
{
	if (vcpu->xcr0_allowed == 0) {
		return (struct cpuid_result){0};
	}
	if (subleaf == 0) {
		/* XCR0 holds the guest's value all the time. */
		result.ebx = xsave_area_bytes(insn_xgetbv(0));
		result.eax = (uint32_t)vcpu->xcr0_allowed;
		result.ecx = xsave_area_bytes(vcpu->xcr0_allowed);
		result.edx = (uint32_t)(vcpu->xcr0_allowed >> 32);
		return result;
	}
	if (subleaf == 1) {
		/* EBX: the compacted area's size, for XCR0 alone: guests have no XSAVES. */
		return (struct cpuid_result){
			.eax = result.eax & (uint32_t)ALLOW_D_1_EAX, .ebx = result.ebx};
	}
	if (subleaf >= XSAVE_SUBLEAVES || (vcpu->xcr0_allowed & BIT(subleaf)) == 0) {
		return (struct cpuid_result){0};
	}
	return result;
}

static struct cpuid_result extended_features_leaf(
	const struct vcpu *vcpu, struct cpuid_result result)
{
	result.ecx &= (uint32_t)ALLOW_80000001_ECX;
	result.edx &= (uint32_t)ALLOW_80000001_EDX;
	if (!has_secondary(&vcpu->controls, SECONDARY_ENABLE_RDTSCP)) {
		result.edx &= (uint32_t)~CPUID_80000001_EDX_RDTSCP;
	}
	/* SDM: SYSCALL is shown in 64-bit mode only. */
	if (!vcpu_is_64bit_code(vcpu)) {
		result.edx &= (uint32_t)~CPUID_80000001_EDX_SYSCALL;
	}
	return result;
}

static struct cpuid_result native_leaf(const struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf)
{
	const struct cpuid_topology topology = topology_of(vcpu);
	struct cpuid_result result = insn_cpuid(leaf, subleaf);

	switch (leaf) {
	case CPUID_LEAF_BASIC:
		result.eax = result.eax < BASIC_LEAF_MAX ? result.eax : BASIC_LEAF_MAX;
		return result;
	case CPUID_LEAF_FEATURES:
		return features_leaf(vcpu, result);
	case CPUID_LEAF_CACHES:
		return cpuid_topology_caches(&topology, result);
	case CPUID_LEAF_MONITOR:
	case CPUID_LEAF_POWER:
	case CPUID_LEAF_DIRECT_CACHE:
	case CPUID_LEAF_PERFORMANCE:
		return (struct cpuid_result){0};
	case CPUID_LEAF_TOPOLOGY:
		return cpuid_topology_levels(&topology, subleaf);
	case CPUID_LEAF_STRUCTURED:
		return structured_leaf(vcpu, result, subleaf);
	case CPUID_LEAF_XSAVE:
		return xsave_leaf(vcpu, result, subleaf);
	case CPUID_LEAF_EXTENDED:
		result.eax = result.eax < EXTENDED_LEAF_MAX ? result.eax : EXTENDED_LEAF_MAX;
		return result;
	case CPUID_LEAF_EXTENDED_FEATURES:
		return extended_features_leaf(vcpu, result);
	case CPUID_LEAF_INVARIANT_TSC:
		return (struct cpuid_result){
			.edx = result.edx & (uint32_t)CPUID_80000007_EDX_INVARIANT_TSC};
	case CPUID_LEAF_ADDRESS_SIZES:
		return (struct cpuid_result){.eax = result.eax};
	default:
		return result;
	}
}

struct cpuid_result cpuid_policy_answer(const struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf)
{
	if (leaf <= BASIC_LEAF_MAX) {
		const uint32_t highest = leaf == 0 ? 0 : insn_cpuid(CPUID_LEAF_BASIC, 0).eax;

		return native_leaf(vcpu, leaf <= highest ? leaf : highest, subleaf);
	}
	if (leaf >= CPUID_LEAF_EXTENDED && leaf <= native_leaf(vcpu, CPUID_LEAF_EXTENDED, 0).eax) {
		return native_leaf(vcpu, leaf, subleaf);
	}
	/* SDM: a leaf beyond the highest answers as the highest basic leaf. */
	return native_leaf(vcpu, native_leaf(vcpu, CPUID_LEAF_BASIC, 0).eax, subleaf);
}

/* Leaves that mirror a register or have subleaves are answered anew each time. */
static bool is_constant_leaf(uint32_t leaf)
{
	return leaf != CPUID_LEAF_FEATURES && leaf != CPUID_LEAF_CACHES &&
	       leaf != CPUID_LEAF_STRUCTURED && leaf != CPUID_LEAF_XSAVE &&
	       leaf != CPUID_LEAF_TOPOLOGY && leaf <= insn_cpuid(CPUID_LEAF_BASIC, 0).eax;
}

void cpuid_policy_keep_constant_leaves(struct vcpu *vcpu)
{
	vcpu->cpuid_constant_leaves = 0;
	for (uint32_t leaf = 0; leaf < VCPU_CPUID_LEAVES; leaf++) {
		if (is_constant_leaf(leaf)) {
			vcpu->cpuid_leaves[leaf] = cpuid_policy_answer(vcpu, leaf, 0);
			vcpu->cpuid_constant_leaves |= 1u << leaf;
		}
	}
}

/* A CR4 bit and the feature without which it is reserved. */
struct cr4_feature {
	uint64_t cr4;
	uint32_t leaf;
	enum { IN_EBX, IN_ECX, IN_EDX } word;
	uint64_t feature;
};

static const struct cr4_feature cr4_features[] = {
	{CR4_VME | CR4_PVI, CPUID_LEAF_FEATURES, IN_EDX, CPUID_1_EDX_VME},
	{CR4_TSD, CPUID_LEAF_FEATURES, IN_EDX, CPUID_1_EDX_TSC},
	{CR4_DE, CPUID_LEAF_FEATURES, IN_EDX, CPUID_1_EDX_DE},
	{CR4_PSE, CPUID_LEAF_FEATURES, IN_EDX, CPUID_1_EDX_PSE},
	{CR4_PAE, CPUID_LEAF_FEATURES, IN_EDX, CPUID_1_EDX_PAE},
	{CR4_MCE, CPUID_LEAF_FEATURES, IN_EDX, CPUID_1_EDX_MCE},
	{CR4_PGE, CPUID_LEAF_FEATURES, IN_EDX, CPUID_1_EDX_PGE},
	{CR4_PCE, CPUID_LEAF_FEATURES, IN_EDX, CPUID_1_EDX_MMX},
	{CR4_OSFXSR, CPUID_LEAF_FEATURES, IN_EDX, CPUID_1_EDX_FXSR},
	{CR4_OSXMMEXCPT, CPUID_LEAF_FEATURES, IN_EDX, CPUID_1_EDX_SSE},
	{CR4_PCIDE, CPUID_LEAF_FEATURES, IN_ECX, CPUID_1_ECX_PCID},
	{CR4_OSXSAVE, CPUID_LEAF_FEATURES, IN_ECX, CPUID_1_ECX_XSAVE},
	{CR4_FSGSBASE, CPUID_LEAF_STRUCTURED, IN_EBX, CPUID_7_EBX_FSGSBASE},
	{CR4_SMEP, CPUID_LEAF_STRUCTURED, IN_EBX, CPUID_7_EBX_SMEP},
	{CR4_SMAP, CPUID_LEAF_STRUCTURED, IN_EBX, CPUID_7_EBX_SMAP},
	{CR4_UMIP, CPUID_LEAF_STRUCTURED, IN_ECX, CPUID_7_ECX_UMIP},
	{CR4_PKE, CPUID_LEAF_STRUCTURED, IN_ECX, CPUID_7_ECX_PKU},
};

static bool has_feature(const struct cr4_feature *row)
{
	const uint32_t highest = insn_cpuid(CPUID_LEAF_BASIC, 0).eax;
	const struct cpuid_result words = insn_cpuid(row->leaf, 0);
	const uint32_t word = row->word == IN_EBX   ? words.ebx
			      : row->word == IN_ECX ? words.ecx
						    : words.edx;

	return row->leaf <= highest && (word & row->feature) != 0;
}

uint64_t cpuid_policy_cr4_allowed(void)
{
	uint64_t allowed = 0;

	for (size_t i = 0; i < ARRAY_COUNT(cr4_features); i++) {
		allowed |= has_feature(&cr4_features[i]) ? cr4_features[i].cr4 : 0;
	}
	return allowed;
}

uint64_t cpuid_policy_xcr0_allowed(void)
{
	const struct cpuid_result basic = insn_cpuid(CPUID_LEAF_BASIC, 0);
	struct cpuid_result xsave;

	if (basic.eax < CPUID_LEAF_XSAVE ||
		(insn_cpuid(CPUID_LEAF_FEATURES, 0).ecx & CPUID_1_ECX_XSAVE) == 0) {
		return 0;
	}
	xsave = insn_cpuid(CPUID_LEAF_XSAVE, 0);
	return (xsave.eax | (uint64_t)xsave.edx << 32) & XCR0_ALLOWED;
}

uint64_t cpuid_policy_efer_allowed(void)
{
	const struct cpuid_result extended = insn_cpuid(CPUID_LEAF_EXTENDED_FEATURES, 0);

	return EFER_LME | EFER_LMA | ((extended.edx & CPUID_80000001_EDX_XD) != 0 ? EFER_NXE : 0) |
	       ((extended.edx & CPUID_80000001_EDX_SYSCALL) != 0 ? EFER_SCE : 0);
}
