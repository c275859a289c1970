/* SPDX-License-Identifier: MIT */
#ifndef VMX_EPT_AUDIT_H
#define VMX_EPT_AUDIT_H

#include "vmx/ept.h"

/* What ept_audit() finds in all of an EPT. */
struct ept_audit {
	size_t table_count; /* The PML4 included. */
	size_t page_count;  /* Leaves, of any size. */
	uint64_t mapped_bytes;
	const char *fault; /* The first rule of ept_audit() that is broken; NULL: all hold. */
	gpa_t fault_at;    /* Where. */
};

/*
 * Walks every entry of an EPT whose guest's RAM is [base, base + size_bytes) of host-physical
 * memory, a range that does not wrap around. The rules: every page that it maps lies there and none
 * of its own tables does, so that the guest reaches that memory and nothing else; and every page is
 * write-back memory whatever the guest's PAT says; and no large page is executable, unless the EPT
 * may have such. A 4-KByte page at access_page is the APIC-access
 * page, which the CPU never lets a guest read or write: no rule is for it, and it is not counted; 0
 * for none. Context: the EPT does not change.
 */
struct ept_audit ept_audit(
	const struct ept *ept, hpa_t base, uint64_t size_bytes, hpa_t access_page);

#endif
