/* SPDX-License-Identifier: MIT */
#ifndef VMX_ENTRY_CHECK_RULES_H
#define VMX_ENTRY_CHECK_RULES_H

/* What the files of the VM-entry-failure explainer share; its interface is vmx/entry_check.h. */

#include "cpu/insn.h"
#include "lib/bits.h"
#include "lib/types.h"
#include "vmx/control_word.h"
#include "vmx/entry_check.h"
#include "vmx/vmcs.h"

/* One run of the checks. */
struct entry_check {
	const struct vmx_capability *capability;
	struct entry_check_failure *failures;
	size_t capacity;
	size_t failure_count;
	enum entry_check_area area; /* What failures are recorded under now. */
	const char *title;
	uint64_t controls[CONTROL_WORD_COUNT]; /* Secondary: 0 where it is not activated. */
	uint64_t interruption_info;            /* 0 unless its valid bit is 1. */
};

/* The checks, in the order in which the driver calls them. */
void entry_check_execution_controls(struct entry_check *check);
void entry_check_exit_controls(struct entry_check *check);
void entry_check_entry_controls(struct entry_check *check);
void entry_check_host(struct entry_check *check);
void entry_check_guest_registers(struct entry_check *check);
void entry_check_segments(struct entry_check *check);
void entry_check_descriptor_tables(struct entry_check *check);
void entry_check_rip_rflags(struct entry_check *check);
void entry_check_non_register_state(struct entry_check *check);
void entry_check_pdptes(struct entry_check *check);
void entry_check_msr_loading(struct entry_check *check);

/* The section that failures belong to from now on. */
void entry_check_section(struct entry_check *check, enum entry_check_area area, const char *title);

/* Records `rule` as broken, with the field's present value, unless `holds`. */
void entry_check_require(struct entry_check *check, bool holds, uint32_t field, const char *rule);

/* Records `rule` as broken with a value that is not the field's own. */
void entry_check_record(
	struct entry_check *check, uint32_t field, uint64_t value, const char *rule);

/* VMREAD for tables of rules, which mix fields of all widths. */
static inline uint64_t entry_check_read(uint32_t field)
{
	current_vmcs_check();
	return insn_vmread(field);
}

/* True if every control in mask is 1. */
static inline bool entry_check_has(
	const struct entry_check *check, enum control_word word, uint64_t mask)
{
	return (check->controls[word] & mask) == mask;
}

/* True if the VM entry injects an event of this type (enum interruption_type). */
bool entry_check_injects(const struct entry_check *check, unsigned type);

/* The control words' reserved bits against the capability MSRs. */
void entry_check_reserved_controls(struct entry_check *check, enum control_word word);

/* SDM Vol. 1 "Canonical Addressing", for the linear-address width that the CPU has. */
bool entry_check_is_canonical(const struct entry_check *check, uint64_t address);

/* True if the address of a VMX structure has no bits beyond what the CPU takes there. */
bool entry_check_is_structure_address(const struct entry_check *check, uint64_t address);

/* CPUID that gives zeros for a leaf beyond the CPU's highest basic one. */
struct cpuid_result entry_check_cpuid(uint32_t leaf, uint32_t subleaf);

/* A field of which every bit may be fixed to 0 or to 1. */
struct fixed_bits {
	uint32_t field;
	uint64_t fixed0; /* A bit that is 1 here must be 1. */
	uint64_t fixed1; /* A bit that is 0 here must be 0. */
	const char *rule_ones;
	const char *rule_zeros;
};

void entry_check_fixed_bits(struct entry_check *check, const struct fixed_bits *rule);

/* Host and guest have the same rules for these registers; the field is given. */
void entry_check_canonical_fields(struct entry_check *check, const uint32_t *fields, size_t count);
void entry_check_cr3(struct entry_check *check, uint32_t field);
void entry_check_pat(struct entry_check *check, uint32_t field);
void entry_check_perf_global_ctrl(struct entry_check *check, uint32_t field);
void entry_check_efer_reserved(struct entry_check *check, uint32_t field);

/* CPUID leaves that the rules ask. SDM Vol. 2A "CPUID". */
enum {
	CPUID_LEAF_MAXIMUM = 0x0,
	CPUID_LEAF_STRUCTURED_FEATURES = 0x7,
	CPUID_LEAF_PERFORMANCE_MONITORING = 0xa,
};

#define CPUID_7_0_EBX_SGX             BIT(2)
#define CPUID_7_0_EBX_RTM             BIT(11)
#define CPUID_7_0_ECX_BUS_LOCK_DETECT BIT(24)
#define CPUID_7_1_EAX_LAM             BIT(26)

/* IA32_VMX_BASIC[56]: a hardware exception may be injected with or without an error code. */
#define VMX_BASIC_ANY_ERROR_CODE BIT(56)

/* SDM Vol. 3C "VM-Entry Controls": load IA32_BNDCFGS. */
#define ENTRY_LOAD_IA32_BNDCFGS BIT(16)

/* The top of a 64-bit register whose high half must be 0. */
#define HIGH_HALF BITS_MASK(63, 32)

#endif
