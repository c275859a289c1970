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

/* The area of all the cases of a test program. */
extern enum entry_check_area entry_case_area;

/* cmocka test functions over `*state`, a const struct entry_case. */
void entry_case_breaks(void **state);
void entry_case_is_valid(void **state); /* No rule is broken; `rule` and `field` do not count. */

/* Fills cmocka's table with one test per case. */
struct CMUnitTest;
void entry_case_tests(struct CMUnitTest *tests, const struct entry_case *cases, size_t count,
	void (*run)(void **));

/* Applies changes to the fake VMCS. */
void apply_changes(const struct change *changes, size_t count);

/* A valid VM-entry interruption-information field. */
#define EVENT(type, vector) (INTERRUPTION_VALID | (uint64_t)(type) << 8 | (vector))

#endif
