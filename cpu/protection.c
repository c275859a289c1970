/* SPDX-License-Identifier: MIT */
#include "cpu/protection.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/registers.h"

/* FXRSTOR, XRSTOR and XSETBV put the vector state in order between guests. */
static uint64_t cr4_features(void)
{
	const struct cpuid_result basic = insn_cpuid(CPUID_LEAF_FEATURES, 0);
	uint64_t bits = CR4_OSFXSR | CR4_OSXMMEXCPT;

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
	/* Some firmware leaves the caches off; the FPU belongs to the guests. */
	insn_write_cr0((insn_read_cr0() & ~(CR0_CD | CR0_NW | CR0_EM | CR0_TS)) | CR0_WP | CR0_MP |
		       CR0_NE);
	/* PKRU holds a guest's value, and the firmware may have left its use on. */
	insn_write_cr4((insn_read_cr4() & ~(CR4_PKE | CR4_PKS)) | cr4_features());
}
