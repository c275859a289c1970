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

#define AVX512_COMPONENTS (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)

/* Features that are of registers which a guest has only with components of XCR0. */
enum feature_word { WORD_1_ECX, WORD_7_EBX, WORD_7_ECX, WORD_7_EDX, WORD_7_1_EAX, WORD_COUNT };

static const struct component_features {
	uint64_t components;
	uint64_t words[WORD_COUNT];
} component_features[] = {
	{XCR0_X87 | XCR0_SSE, {[WORD_1_ECX] = CPUID_1_ECX_XSAVE}},
	{XCR0_AVX, {[WORD_1_ECX] = CPUID_1_ECX_AVX | CPUID_1_ECX_FMA | CPUID_1_ECX_F16C,
			   [WORD_7_EBX] = CPUID_7_EBX_AVX2,
			   [WORD_7_ECX] = CPUID_7_ECX_VAES | CPUID_7_ECX_VPCLMULQDQ,
			   [WORD_7_1_EAX] = CPUID_7_1_EAX_AVX_VNNI}},
	{AVX512_COMPONENTS,
		{[WORD_7_EBX] = CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512DQ |
				CPUID_7_EBX_AVX512_IFMA | CPUID_7_EBX_AVX512PF |
				CPUID_7_EBX_AVX512ER | CPUID_7_EBX_AVX512CD | CPUID_7_EBX_AVX512BW |
				CPUID_7_EBX_AVX512VL,
			[WORD_7_ECX] = CPUID_7_ECX_AVX512_VBMI | CPUID_7_ECX_AVX512_VBMI2 |
				       CPUID_7_ECX_AVX512_VNNI | CPUID_7_ECX_AVX512_BITALG |
				       CPUID_7_ECX_AVX512_VPOPCNTDQ,
			[WORD_7_EDX] = CPUID_7_EDX_AVX512_4VNNIW | CPUID_7_EDX_AVX512_4FMAPS |
				       CPUID_7_EDX_AVX512_VP2INTERSECT,
			[WORD_7_1_EAX] = CPUID_7_1_EAX_AVX512_BF16}},
	{XCR0_PKRU, {[WORD_7_ECX] = CPUID_7_ECX_PKU}},
};

enum {
	BASIC_LEAF_MAX = CPUID_LEAF_XSAVE,
	XSAVE_ALIGNMENT = 64,
};

_Static_assert(BASIC_LEAF_MAX + 1 == VCPU_CPUID_LEAVES, "room for all that are kept");

#define EXTENDED_LEAF_MAX CPUID_LEAF_ADDRESS_SIZES

static bool has_secondary(const struct control_set *controls, uint64_t control)
{
	return (controls->secondary & control) != 0;
}

static struct cpuid_topology topology_of(const struct vcpu *vcpu)
{
	return (struct cpuid_topology){vcpu->vm->config->vcpu_count, vcpu->id};
}

/* The word without the features whose registers these XCR0 bits do not give. */
static uint32_t with_components(uint64_t xcr0_allowed, enum feature_word word, uint32_t value)
{
	for (size_t i = 0; i < ARRAY_COUNT(component_features); i++) {
		const struct component_features *row = &component_features[i];

		if ((xcr0_allowed & row->components) != row->components) {
			value &= (uint32_t)~row->words[word];
		}
	}
	return value;
}

static struct cpuid_result features_leaf(const struct vcpu *vcpu, struct cpuid_result result)
{
	const struct virtual_apic *apic = &vcpu->apic;
	const struct cpuid_topology topology = topology_of(vcpu);

	/* The local APIC is ours, whatever the host's can do. */
	result.ecx = with_components(
			     vcpu->xcr0_allowed, WORD_1_ECX, (uint32_t)(result.ecx & ALLOW_1_ECX)) |
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
		return (struct cpuid_result){
			.eax = with_components(vcpu->xcr0_allowed, WORD_7_1_EAX,
				result.eax & (uint32_t)ALLOW_7_1_EAX)};
	}
	if (subleaf > 1) {
		return (struct cpuid_result){0};
	}
	result.eax = result.eax == 0 ? 0 : 1;
	result.ebx = with_components(vcpu->xcr0_allowed, WORD_7_EBX,
		result.ebx & structured_ebx_allowed(&vcpu->controls));
	result.ecx = with_components(vcpu->xcr0_allowed, WORD_7_ECX,
		result.ecx & structured_ecx_allowed(&vcpu->controls));
	if ((result.ecx & CPUID_7_ECX_PKU) != 0 &&
		(vmcs_read_natural(VMCS_GUEST_CR4) & CR4_PKE) != 0) {
		result.ecx |= (uint32_t)CPUID_7_ECX_OSPKE;
	}
	result.edx =
		with_components(vcpu->xcr0_allowed, WORD_7_EDX, result.edx & (uint32_t)ALLOW_7_EDX);
	return result;
}

/* The XSAVE area's size in the standard format if every component in mask is enabled. */
static uint32_t xsave_standard_bytes(const struct xsave_layout *layout, uint64_t mask)
{
	uint32_t bytes = XSAVE_FIXED_BYTES;

	for (uint32_t i = 0; i < XSAVE_COMPONENTS; i++) {
		const uint32_t end = layout->parts[i].offset + layout->parts[i].size_bytes;

		bytes = (mask & BIT(i)) != 0 && end > bytes ? end : bytes;
	}
	return bytes;
}

/* The same in the compacted format: SDM Vol. 1 "Extended Region of an XSAVE Area". */
static uint32_t xsave_compacted_bytes(const struct xsave_layout *layout, uint64_t mask)
{
	uint32_t bytes = XSAVE_FIXED_BYTES;

	for (uint32_t i = 0; i < XSAVE_COMPONENTS; i++) {
		const struct xsave_component *part = &layout->parts[i];

		if ((mask & BIT(i)) == 0 || part->size_bytes == 0) {
			continue;
		}
		if (part->is_aligned) {
			bytes = (bytes + XSAVE_ALIGNMENT - 1) / XSAVE_ALIGNMENT * XSAVE_ALIGNMENT;
		}
		bytes += part->size_bytes;
	}
	return bytes;
}

/* Tells of what is kept for the guest alone. XCR0 holds the guest's value all the time. */
static struct cpuid_result xsave_leaf(
	const struct vcpu *vcpu, struct cpuid_result result, uint32_t subleaf)
{
	const struct xsave_layout *layout = vcpu->xsave_layout;
	const uint64_t allowed = vcpu->xcr0_allowed;

	if (allowed == 0) {
		return (struct cpuid_result){0};
	}
	if (subleaf == 0) {
		return (struct cpuid_result){.eax = (uint32_t)allowed,
			.ebx = xsave_standard_bytes(layout, insn_xgetbv(0)),
			.ecx = xsave_standard_bytes(layout, allowed),
			.edx = (uint32_t)(allowed >> 32)};
	}
	if (subleaf == 1) {
		/* EBX is there with XSAVEC, and for XCR0 alone: guests have no XSAVES. */
		result.eax &= (uint32_t)ALLOW_D_1_EAX;
		return (struct cpuid_result){.eax = result.eax,
			.ebx = (result.eax & CPUID_D_1_EAX_XSAVEC) != 0
				       ? xsave_compacted_bytes(layout, insn_xgetbv(0))
				       : 0};
	}
	if (subleaf >= XSAVE_COMPONENTS || (allowed & BIT(subleaf)) == 0) {
		return (struct cpuid_result){0};
	}
	return (struct cpuid_result){.eax = layout->parts[subleaf].size_bytes,
		.ebx = layout->parts[subleaf].offset,
		.ecx = layout->parts[subleaf].is_aligned ? (uint32_t)CPUID_D_N_ECX_ALIGNED : 0};
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

enum {
	PHYSICAL_BITS_HIGH = 7,
	LINEAR_BITS_HIGH = 15,
	LINEAR_BITS_LOW = 8,
	LINEAR_BITS_4_LEVELS = 48, /* Guests have no CR4.LA57. */
	GUEST_PHYSICAL_BITS_HIGH = 23,
	GUEST_PHYSICAL_BITS_LOW = 16,
};

/*
 * The widths of addresses. MAXPHYADDR is the CPU's, which checks reserved bits by it; what our EPT
 * translates may be less, and then stands where guests look for it.
 */
static struct cpuid_result address_sizes_leaf(struct cpuid_result result)
{
	uint64_t eax = bits_get(result.eax, PHYSICAL_BITS_HIGH, 0);

	if (eax > EPT_ADDRESS_BITS_MAX) {
		eax = bits_put(eax, GUEST_PHYSICAL_BITS_HIGH, GUEST_PHYSICAL_BITS_LOW,
			EPT_ADDRESS_BITS_MAX);
	}
	eax = bits_put(eax, LINEAR_BITS_HIGH, LINEAR_BITS_LOW, LINEAR_BITS_4_LEVELS);
	return (struct cpuid_result){.eax = (uint32_t)eax};
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
		return address_sizes_leaf(result);
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

uint64_t cpuid_policy_cr4_allowed(uint64_t xcr0_allowed)
{
	uint64_t allowed = 0;

	for (size_t i = 0; i < ARRAY_COUNT(cr4_features); i++) {
		allowed |= has_feature(&cr4_features[i]) ? cr4_features[i].cr4 : 0;
	}
	/* State that is not kept for the guest cannot be switched on. */
	allowed &= ~(xcr0_allowed == 0 ? CR4_OSXSAVE : 0);
	return allowed & ~((xcr0_allowed & XCR0_PKRU) == 0 ? CR4_PKE : 0);
}

uint64_t cpuid_policy_efer_allowed(void)
{
	const struct cpuid_result extended = insn_cpuid(CPUID_LEAF_EXTENDED_FEATURES, 0);

	return EFER_LME | EFER_LMA | ((extended.edx & CPUID_80000001_EDX_XD) != 0 ? EFER_NXE : 0) |
	       ((extended.edx & CPUID_80000001_EDX_SYSCALL) != 0 ? EFER_SCE : 0);
}
