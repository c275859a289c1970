/* SPDX-License-Identifier: MIT */
#include "vmx/entry_check_rules.h"

#include "cpu/msr.h"

/* The width of an address where IA32_VMX_BASIC[48] says so. */
enum { ADDRESS_BITS_32 = 32 };

/* CPUID.0AH: EAX[15:8] and EDX[4:0] count the counters, ECX[i] says that fixed counter i exists. */
#define PERFORMANCE_GENERAL_HIGH 15
#define PERFORMANCE_GENERAL_LOW  8
#define PERFORMANCE_FIXED_HIGH   4
#define PERFORMANCE_FIXED_LOW    0

/* IA32_PERF_GLOBAL_CTRL: SDM Vol. 3B "Architectural Performance Monitoring". */
#define PERF_GLOBAL_CTRL_FIXED_LOW 32
#define PERF_GLOBAL_CTRL_METRICS   BIT(48)

/* CR3 with linear-address masking: SDM Vol. 1 "Linear-Address Pre-Processing". */
#define CR3_LAM_U57 BIT(61)
#define CR3_LAM_U48 BIT(62)

bool entry_check_is_canonical(const struct entry_check *check, uint64_t address)
{
	unsigned sign_bit = check->capability->linear_address_bits - 1;
	uint64_t high = bits_get(address, 63, sign_bit);

	return high == 0 || high == bits_get(UINT64_MAX, 63, sign_bit);
}

bool entry_check_is_structure_address(const struct entry_check *check, uint64_t address)
{
	unsigned address_bits = check->capability->physical_address_bits;

	if ((check->capability->basic & VMX_BASIC_32BIT_ADDRESSES) != 0) {
		address_bits = ADDRESS_BITS_32;
	}
	return bits_get(address, 63, address_bits) == 0;
}

struct cpuid_result entry_check_cpuid(uint32_t leaf, uint32_t subleaf)
{
	if (insn_cpuid(CPUID_LEAF_MAXIMUM, 0).eax < leaf) {
		return (struct cpuid_result){0};
	}
	return insn_cpuid(leaf, subleaf);
}

void entry_check_fixed_bits(struct entry_check *check, const struct fixed_bits *rule)
{
	uint64_t value = entry_check_read(rule->field);

	entry_check_require(check, (~value & rule->fixed0) == 0, rule->field, rule->rule_ones);
	entry_check_require(check, (value & ~rule->fixed1) == 0, rule->field, rule->rule_zeros);
}

void entry_check_reserved_controls(struct entry_check *check, enum control_word word)
{
	const struct vmx_capability *capability = check->capability;
	const struct {
		uint32_t field;
		struct control_capability capability;
	} words[CONTROL_WORD_COUNT] = {
		[CONTROL_PIN] = {VMCS_PIN_BASED_CONTROLS, capability->pin},
		[CONTROL_PRIMARY] = {VMCS_PRIMARY_PROCESSOR_BASED_CONTROLS, capability->primary},
		[CONTROL_SECONDARY] = {VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS,
			capability->secondary},
		[CONTROL_EXIT] = {VMCS_VM_EXIT_CONTROLS, capability->exit},
		[CONTROL_ENTRY] = {VMCS_VM_ENTRY_CONTROLS, capability->entry},
	};
	const struct fixed_bits rule = {
		.field = words[word].field,
		.fixed0 = words[word].capability.allowed0,
		.fixed1 = words[word].capability.allowed1,
		.rule_ones = "a control that the CPU does not allow to be 0 must be 1",
		.rule_zeros = "a control that the CPU does not allow to be 1 must be 0",
	};

	entry_check_fixed_bits(check, &rule);
}

void entry_check_canonical_fields(struct entry_check *check, const uint32_t *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		entry_check_require(check,
			entry_check_is_canonical(check, entry_check_read(fields[i])), fields[i],
			"the address must be canonical");
	}
}

void entry_check_cr3(struct entry_check *check, uint32_t field)
{
	uint64_t allowed = BITS_MASK(check->capability->physical_address_bits - 1, 0);

	if ((entry_check_cpuid(CPUID_LEAF_STRUCTURED_FEATURES, 1).eax & CPUID_7_1_EAX_LAM) != 0) {
		allowed |= CR3_LAM_U48 | CR3_LAM_U57;
	}
	entry_check_require(check, (entry_check_read(field) & ~allowed) == 0, field,
		"CR3 must not set bits beyond the physical-address width");
}

void entry_check_pat(struct entry_check *check, uint32_t field)
{
	static const uint64_t valid_types = BIT(MEMORY_TYPE_UC) | BIT(MEMORY_TYPE_WC) |
					    BIT(MEMORY_TYPE_WT) | BIT(MEMORY_TYPE_WP) |
					    BIT(MEMORY_TYPE_WB) | BIT(MEMORY_TYPE_UC_MINUS);
	uint64_t pat = entry_check_read(field);
	bool is_valid = true;

	for (unsigned low = 0; low < 64; low += 8) {
		uint64_t type = bits_get(pat, low + 7, low);

		is_valid =
			is_valid && type <= MEMORY_TYPE_UC_MINUS && (valid_types & BIT(type)) != 0;
	}
	entry_check_require(check, is_valid, field,
		"each byte of IA32_PAT must be a memory type: 0, 1, 4, 5, 6 or 7");
}

void entry_check_perf_global_ctrl(struct entry_check *check, uint32_t field)
{
	struct cpuid_result leaf = entry_check_cpuid(CPUID_LEAF_PERFORMANCE_MONITORING, 0);
	uint64_t general = bits_get(leaf.eax, PERFORMANCE_GENERAL_HIGH, PERFORMANCE_GENERAL_LOW);
	uint64_t fixed = bits_get(leaf.edx, PERFORMANCE_FIXED_HIGH, PERFORMANCE_FIXED_LOW);
	uint64_t allowed = PERF_GLOBAL_CTRL_METRICS;

	allowed |= general < PERF_GLOBAL_CTRL_FIXED_LOW ? BIT(general) - 1 : UINT32_MAX;
	allowed |= (BIT(fixed) - 1) << PERF_GLOBAL_CTRL_FIXED_LOW;
	allowed |= (uint64_t)leaf.ecx << PERF_GLOBAL_CTRL_FIXED_LOW;
	entry_check_require(check, (entry_check_read(field) & ~allowed) == 0, field,
		"IA32_PERF_GLOBAL_CTRL must not set reserved bits");
}

void entry_check_efer_reserved(struct entry_check *check, uint32_t field)
{
	static const uint64_t defined = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;

	entry_check_require(check, (entry_check_read(field) & ~defined) == 0, field,
		"IA32_EFER must not set reserved bits");
}
