/* SPDX-License-Identifier: MIT */
#ifndef CPU_PROTECTION_H
#define CPU_PROTECTION_H

#include "cpu/paging.h"

/*
 * Goes over to our page tables on this CPU, with everything on that makes them hold: CR0.WP,
 * EFER.NXE, and SMEP, SMAP, UMIP where CPUID has them; machine checks come as #MC. Context: the CPU
 * itself, RFLAGS.AC clear. Source: SDM Vol. 3A "Control Registers", "Access Rights".
 */
void protection_enable(const struct paging *paging);

#endif
