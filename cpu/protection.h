/* SPDX-License-Identifier: MIT */
#ifndef CPU_PROTECTION_H
#define CPU_PROTECTION_H

#include "cpu/paging.h"

/*
 * Goes over to our page tables on this CPU, with everything on that makes them hold: CR0.WP,
 * EFER.NXE, and SMEP, SMAP, UMIP where CPUID has them; machine checks come as #MC. Whatever else
 * firmware or a loader left in CR0, CR4, IA32_DEBUGCTL, IA32_S_CET and IA32_XSS is cleared.
 * Context: the CPU itself, RFLAGS.AC clear, our IDT loaded, not in VMX operation. Source: SDM Vol.
 * 3A "Control Registers", "Access Rights".
 */
void protection_enable(const struct paging *paging);

#endif
