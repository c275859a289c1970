/* SPDX-License-Identifier: MIT */
#ifndef HOST_ENTRY_CHECK_VMCS_H
#define HOST_ENTRY_CHECK_VMCS_H

/* A CPU and VMCSs that pass every VM-entry check, and a runner for cases that break one rule. */

#include "vmx/control_bits.h"
#include "vmx/entry_check.h"
#include "vmx/vmcs.h"

enum valid_guest {
	GUEST_64_BIT,
	GUEST_32_BIT_PAGING,
	GUEST_PAE,
	GUEST_REAL_MODE,
	GUEST_VIRTUAL_8086,
	GUEST_COUNT,
};

enum {
	VALID_PHYSICAL_BITS = 48,
	VALID_LINEAR_BITS = 48,
	VALID_REVISION = 0x2b,
};

/* A CPU that has every control which the explainer knows, 48-bit addresses and strict error codes.
 */
struct vmx_capability valid_capability(void);

/* Resets the fake CPU and writes a VMCS that can be entered. */
void valid_vmcs(enum valid_guest guest);

/* Memory that the rules look into; valid_vmcs() zeroes it but for the linked VMCS's revision. */
struct valid_pages {
	_Alignas(4096) uint8_t virtual_apic[4096];
	_Alignas(4096) uint32_t linked_vmcs[1024];
	_Alignas(4096) uint64_t msr_area[512];
};
extern struct valid_pages valid_pages;

/* (present & ~clear) | set; not there if both are 0. */
struct change {
	uint32_t field;
	uint64_t clear;
	uint64_t set;
};

#define WHOLE UINT64_MAX

/* One rule broken: what entry_check() must say first, and that it says nothing else. */
struct entry_case {
	const char *name;
	enum valid_guest guest;
	uint32_t field;
	const char *rule;
	struct change changes[6];
	size_t others;                              /* Rules broken besides, by necessity. */
	void (*adjust)(struct vmx_capability *cpu); /* Makes it another CPU; or NULL. */
};

/*
 * The main() of a program of cases: one test each, of broken rules in one area, then of none (there
 * `rule` and `field` do not count). Returns how many failed.
 */
int entry_case_run(enum entry_check_area area, const struct entry_case *broken, size_t broken_count,
	const struct entry_case *valid, size_t valid_count);

/* Applies changes to the fake VMCS. */
void apply_changes(const struct change *changes, size_t count);

/* A valid VM-entry interruption-information field. */
#define EVENT(type, vector) (INTERRUPTION_VALID | (uint64_t)(type) << 8 | (vector))

#endif
