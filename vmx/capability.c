/* SPDX-License-Identifier: MIT */
#include "vmx/capability.h"

#include "cpu/address_sizes.h"
#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/msr.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vmx/control_bits.h"

#define CAPABILITY_ALLOWED0_HIGH 31
#define CAPABILITY_ALLOWED0_LOW  0
#define CAPABILITY_ALLOWED1_HIGH 63
#define CAPABILITY_ALLOWED1_LOW  32

/* Returns 0 for an MSR that the CPU lacks: for every capability MSR that means "cannot". */
static uint64_t read_or_zero(uint32_t msr)
{
	uint64_t value = 0;

	return insn_rdmsr_safe(msr, &value) ? value : 0;
}

static struct control_capability read_controls(uint32_t msr)
{
	uint64_t value = read_or_zero(msr);

	return (struct control_capability){
		.allowed0 = (uint32_t)bits_get(
			value, CAPABILITY_ALLOWED0_HIGH, CAPABILITY_ALLOWED0_LOW),
		.allowed1 = (uint32_t)bits_get(
			value, CAPABILITY_ALLOWED1_HIGH, CAPABILITY_ALLOWED1_LOW),
	};
}

/* Puts three registers of CPUID text together; the caller's buffer was zeroed, the NUL is there. */
static void copy_signature(char *text, uint32_t first, uint32_t second, uint32_t third)
{
	const uint32_t words[] = {first, second, third};

	_Static_assert(sizeof(words) < CPUID_SIGNATURE_SIZE, "room for the NUL");
	memcpy(text, words, sizeof(words));
}

static void read_identity(struct vmx_capability *capability)
{
	struct cpuid_result vendor = insn_cpuid(CPUID_LEAF_BASIC, 0);
	struct cpuid_result features = {0};

	copy_signature(capability->vendor, vendor.ebx, vendor.edx, vendor.ecx);
	if (vendor.eax >= CPUID_LEAF_FEATURES) {
		features = insn_cpuid(CPUID_LEAF_FEATURES, 0);
	}
	capability->signature = features.eax;
	capability->has_vmx = (features.ecx & CPUID_1_ECX_VMX) != 0;
	if (vendor.eax >= CPUID_LEAF_STRUCTURED &&
		(insn_cpuid(CPUID_LEAF_STRUCTURED, 0).edx & CPUID_7_EDX_ARCH_CAPABILITIES) != 0) {
		capability->arch_capabilities = read_or_zero(MSR_IA32_ARCH_CAPABILITIES);
	}
	capability->has_hypervisor = (features.ecx & CPUID_1_ECX_HYPERVISOR) != 0;
	if (capability->has_hypervisor) {
		struct cpuid_result below = insn_cpuid(CPUID_LEAF_HYPERVISOR, 0);

		copy_signature(capability->hypervisor, below.ebx, below.ecx, below.edx);
	}
}

static void read_address_sizes(struct vmx_capability *capability)
{
	const struct address_sizes sizes = address_sizes_read();

	capability->physical_address_bits = sizes.physical_bits;
	capability->linear_address_bits = sizes.linear_bits;
}

static void read_control_words(struct vmx_capability *capability)
{
	bool has_true = (capability->basic & VMX_BASIC_TRUE_CONTROLS) != 0;

	capability->pin = read_controls(
		has_true ? MSR_IA32_VMX_TRUE_PINBASED_CTLS : MSR_IA32_VMX_PINBASED_CTLS);
	capability->primary = read_controls(
		has_true ? MSR_IA32_VMX_TRUE_PROCBASED_CTLS : MSR_IA32_VMX_PROCBASED_CTLS);
	capability->exit =
		read_controls(has_true ? MSR_IA32_VMX_TRUE_EXIT_CTLS : MSR_IA32_VMX_EXIT_CTLS);
	capability->entry =
		read_controls(has_true ? MSR_IA32_VMX_TRUE_ENTRY_CTLS : MSR_IA32_VMX_ENTRY_CTLS);
}

/*
 * SDM Vol. 3D Appendix A "Secondary Processor-Based VM-Execution Controls" and "VPID and EPT
 * Capabilities": each of these MSRs exists only where the word above it allows its feature.
 */
static void read_optional_words(struct vmx_capability *capability)
{
	if ((capability->primary.allowed1 & PRIMARY_ACTIVATE_SECONDARY) != 0) {
		capability->secondary = read_controls(MSR_IA32_VMX_PROCBASED_CTLS2);
	}
	if ((capability->secondary.allowed1 & (SECONDARY_ENABLE_EPT | SECONDARY_ENABLE_VPID)) !=
		0) {
		capability->ept_vpid_cap = read_or_zero(MSR_IA32_VMX_EPT_VPID_CAP);
	}
}

void vmx_capability_read(struct vmx_capability *capability)
{
	memset(capability, 0, sizeof(*capability));
	read_identity(capability);
	read_address_sizes(capability);
	if (!capability->has_vmx) {
		return;
	}
	capability->feature_control = read_or_zero(MSR_IA32_FEATURE_CONTROL);
	capability->basic = read_or_zero(MSR_IA32_VMX_BASIC);
	capability->misc = read_or_zero(MSR_IA32_VMX_MISC);
	capability->cr0_fixed0 = read_or_zero(MSR_IA32_VMX_CR0_FIXED0);
	capability->cr0_fixed1 = read_or_zero(MSR_IA32_VMX_CR0_FIXED1);
	capability->cr4_fixed0 = read_or_zero(MSR_IA32_VMX_CR4_FIXED0);
	capability->cr4_fixed1 = read_or_zero(MSR_IA32_VMX_CR4_FIXED1);
	read_control_words(capability);
	read_optional_words(capability);
}

/* One decision for the whole machine rests on it: itlb_multihit.c. */
static bool has_same_page_size_changes(
	const struct vmx_capability *first, const struct vmx_capability *second)
{
	return ((first->arch_capabilities ^ second->arch_capabilities) &
		       ARCH_CAPABILITIES_IF_PSCHANGE_MC_NO) == 0;
}

static bool is_same(struct control_capability first, struct control_capability second)
{
	return first.allowed0 == second.allowed0 && first.allowed1 == second.allowed1;
}

const char *vmx_capability_difference(
	const struct vmx_capability *first, const struct vmx_capability *second)
{
	const struct {
		const char *name;
		bool is_same;
	} words[] = {
		{"VMX", first->has_vmx == second->has_vmx},
		{"IA32_VMX_BASIC", first->basic == second->basic},
		{"IA32_VMX_MISC", first->misc == second->misc},
		{"IA32_VMX_CR0_FIXED0", first->cr0_fixed0 == second->cr0_fixed0},
		{"IA32_VMX_CR0_FIXED1", first->cr0_fixed1 == second->cr0_fixed1},
		{"IA32_VMX_CR4_FIXED0", first->cr4_fixed0 == second->cr4_fixed0},
		{"IA32_VMX_CR4_FIXED1", first->cr4_fixed1 == second->cr4_fixed1},
		{"IA32_VMX_EPT_VPID_CAP", first->ept_vpid_cap == second->ept_vpid_cap},
		{"pin-based controls", is_same(first->pin, second->pin)},
		{"primary controls", is_same(first->primary, second->primary)},
		{"secondary controls", is_same(first->secondary, second->secondary)},
		{"VM-exit controls", is_same(first->exit, second->exit)},
		{"VM-entry controls", is_same(first->entry, second->entry)},
		{"IA32_ARCH_CAPABILITIES.IF_PSCHANGE_MC_NO",
			has_same_page_size_changes(first, second)},
		{"MAXPHYADDR", first->physical_address_bits == second->physical_address_bits},
	};

	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		if (!words[i].is_same) {
			return words[i].name;
		}
	}
	return NULL;
}
