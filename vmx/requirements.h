/* SPDX-License-Identifier: MIT */
#ifndef VMX_REQUIREMENTS_H
#define VMX_REQUIREMENTS_H

#include "lib/types.h"
#include "vmx/capability.h"
#include "vmx/controls.h"

/* Where a capability is reported. */
enum capability_word {
	CAPABILITY_PIN,
	CAPABILITY_PRIMARY,
	CAPABILITY_SECONDARY,
	CAPABILITY_EXIT,
	CAPABILITY_ENTRY,
	CAPABILITY_CR0,                   /* IA32_VMX_CR0_FIXED0 and _FIXED1. */
	CAPABILITY_CR4,                   /* IA32_VMX_CR4_FIXED0 and _FIXED1. */
	CAPABILITY_BASIC,                 /* IA32_VMX_BASIC. */
	CAPABILITY_REGION_SIZE,           /* A number from it: bytes of a VMXON region or VMCS. */
	CAPABILITY_REGION_MEMORY_TYPE,    /* A number from it: an enum memory_type. */
	CAPABILITY_EPT,                   /* IA32_VMX_EPT_VPID_CAP, where EPT can be enabled. */
	CAPABILITY_VPID,                  /* The same MSR, where VPID can be enabled. */
	CAPABILITY_PHYSICAL_ADDRESS_BITS, /* A number: MAXPHYADDR. */
	CAPABILITY_WORD_COUNT,
};

/* How a row's operand is held against its word. */
enum requirement_rule {
	RULE_SET_TO_1,  /* A control that we set to 1 for good: all operand bits may be 1. */
	RULE_CAN_BE_1,  /* All operand bits may be 1; we set them from case to case. */
	RULE_CAN_BE_0,  /* All operand bits may be 0. */
	RULE_ANY_OF,    /* At least one operand bit is there. */
	RULE_EQUALS,    /* The number is the operand. */
	RULE_1_TO_MOST, /* The number is not 0 and at most the operand. */
};

enum requirement_need {
	NEED_REQUIRED, /* Without it Trivet cannot run. */
	NEED_USED,     /* Without it Trivet runs, slower or with less for the guests. */
};

/* One capability that Trivet requires or uses. */
struct requirement {
	const char *name; /* In the SDM's words. */
	enum capability_word word;
	enum requirement_rule rule;
	enum requirement_need need;
	uint64_t operand;
	const char *purpose; /* What it is for; what is lost without it, where it is only used. */
	const char *remedy;  /* What to do where it is missing. */
};

/* Every capability, in the order of enum capability_word. */
extern const struct requirement requirements_table[];
extern const size_t requirements_count;

/* Returns the word's name for a report: "secondary control". Context: any. */
const char *requirements_word_name(enum capability_word word);

/*
 * Returns false where the CPU does not have the word itself, so that no row of it can be met: the
 * secondary controls without "activate secondary controls", EPT's and VPID's bits without these.
 * Context: any; pure.
 */
bool requirements_has_word(const struct vmx_capability *capability, enum capability_word word);

/* Returns whether the CPU meets the row. Context: any; pure. */
bool requirements_is_met(
	const struct requirement *requirement, const struct vmx_capability *capability);

/*
 * Returns a control word's request for controls_adjust(): the bits of all its RULE_SET_TO_1 rows.
 * word is CAPABILITY_PIN to CAPABILITY_ENTRY; any other has no bits. Context: any; pure.
 */
struct controls_request requirements_request(enum capability_word word);

#endif
