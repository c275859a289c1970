/* SPDX-License-Identifier: MIT */
#ifndef VMX_ITLB_MULTIHIT_H
#define VMX_ITLB_MULTIHIT_H

#include "lib/types.h"
#include "vmx/capability.h"

/*
 * The erratum "iTLB multihit" (Intel, "Machine Check Error Avoidance on Page Size Change"): where
 * software changes the size of a page of code, and its address or memory type with it, an
 * instruction fetch may hit two entries of the instruction TLB and raise a machine check, or hang
 * the CPU. A guest changes the sizes of its own pages as it likes. The CPU caches the smaller of
 * the guest's page and the EPT's, so that a guest that executes from 4-KByte pages of the EPT alone
 * has entries of one size only.
 */

/* What the option large_pages= asks for: how a guest executes from large pages of its EPT. */
enum large_page_choice {
	LARGE_PAGES_AUTO,       /* As the CPU needs it. */
	LARGE_PAGES_EXECUTABLE, /* It does. */
	LARGE_PAGES_SPLIT,      /* It does not: each is split at the first fetch from it. */
};

/*
 * Returns why the erratum does not concern this CPU ("IA32_ARCH_CAPABILITIES.IF_PSCHANGE_MC_NO",
 * "Goldmont"), or NULL if it does. A CPU that is not known to be free of it has it. Context: any;
 * pure.
 */
const char *itlb_multihit_absence(const struct vmx_capability *capability);

/* Returns whether guests may execute from large pages. Context: any; pure. */
bool itlb_multihit_allows_large_pages(
	const struct vmx_capability *capability, enum large_page_choice choice);

#endif
