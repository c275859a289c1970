/* SPDX-License-Identifier: MIT */
#ifndef VMX_EPT_AUDIT_H
#define VMX_EPT_AUDIT_H

#include "vmx/ept.h"

/* What ept_audit() finds in all of an EPT. */
struct ept_audit {
	size_t table_count; /* The PML4 included. */
	size_t page_count;  /* Leaves, of any size. */
	uint64_t mapped_bytes;
	bool is_confined;
	gpa_t stray; /* Where is_confined was broken first. */
};

/*
 * Walks every entry of an EPT. It is confined if every page that it maps lies in [base, base +
 * size_bytes) of host-physical memory and none of its own tables does: then the guest reaches that
 * memory and nothing else. The range does not wrap around. A 4-KByte page at access_page is the
 * APIC-access page, which the CPU never lets a guest read or write: it may be mapped, and is not
 * counted; 0 for none. Context: nobody changes the EPT.
 */
struct ept_audit ept_audit(
	const struct ept *ept, hpa_t base, uint64_t size_bytes, hpa_t access_page);

#endif
