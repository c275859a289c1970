/* SPDX-License-Identifier: MIT */
#include "cpu/protection.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/msr.h"
#include "cpu/registers.h"

/* We run with these: SDM Vol. 3A "Control Registers". Nothing of what firmware or a loader left in
 * CR0 and CR4 stays: caches off, FPU traps, alignment checks, protection keys, CET. */
#define OUR_CR0 (CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE)
#define OUR_CR4 (CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT)

/* FXRSTOR, XRSTOR and XSETBV put the vector state in order between guests. */
static uint64_t our_cr4(void)
{
	const struct cpuid_result basic = insn_cpuid(CPUID_LEAF_FEATURES, 0);
	uint64_t bits = OUR_CR4;

	bits |= (basic.edx & CPUID_1_EDX_MCE) != 0 ? CR4_MCE : 0;
	bits |= (basic.ecx & CPUID_1_ECX_XSAVE) != 0 ? CR4_OSXSAVE : 0;
	if (insn_cpuid(CPUID_LEAF_BASIC, 0).eax >= CPUID_LEAF_STRUCTURED) {
		struct cpuid_result features = insn_cpuid(CPUID_LEAF_STRUCTURED, 0);

		bits |= (features.ebx & CPUID_7_EBX_SMEP) != 0 ? CR4_SMEP : 0;
		bits |= (features.ebx & CPUID_7_EBX_SMAP) != 0 ? CR4_SMAP : 0;
		bits |= (features.ecx & CPUID_7_ECX_UMIP) != 0 ? CR4_UMIP : 0;
	}
	return bits;
}

/* What else firmware may have switched on; a CPU without one of them raises #GP. */
static void clear_leftovers(void)
{
	(void)insn_wrmsr_safe(MSR_IA32_DEBUGCTL, 0);
	(void)insn_wrmsr_safe(MSR_IA32_S_CET, 0);
	(void)insn_wrmsr_safe(MSR_IA32_XSS, 0);
}

void protection_enable(const struct paging *paging)
{
	/* Entries with NX are reserved, and fault, until EFER.NXE is set. */
	if (paging->has_nx) {
		insn_wrmsr(MSR_IA32_EFER, insn_rdmsr(MSR_IA32_EFER) | EFER_NXE);
	}
	/* No page used the entry that changes, so no cache line needs flushing. */
	if ((insn_cpuid(CPUID_LEAF_FEATURES, 0).edx & CPUID_1_EDX_PAT) != 0) {
		insn_wrmsr(MSR_IA32_PAT, PAGING_PAT_VALUE);
	}
	insn_write_cr3(hpa_of(paging->pml4).value);
	insn_write_cr4(our_cr4());
	insn_write_cr0(OUR_CR0);
	clear_leftovers();
}
