/* SPDX-License-Identifier: MIT */
#ifndef VMX_CAPABILITY_H
#define VMX_CAPABILITY_H

#include "lib/status.h"
#include "lib/types.h"

/* One control word's allowed settings: SDM Vol. 3D Appendix A "VMX Capability Reporting Facility".
 */
struct control_capability {
	uint32_t allowed0; /* A bit that is 1 here must be 1. */
	uint32_t allowed1; /* A bit that is 0 here must be 0. */
};

enum { CPUID_SIGNATURE_SIZE = 13 }; /* Three registers of text and a NUL. */

/*
 * What this CPU's VMX can do, read once from the capability MSRs. The control words come from the
 * TRUE MSRs where IA32_VMX_BASIC[55] says that they exist.
 */
struct vmx_capability {
	bool has_vmx;       /* CPUID.01H:ECX.VMX; without it the words from VMX's MSRs are 0. */
	uint32_t signature; /* Family, model, stepping: CPUID.01H:EAX; 0 if absent. */
	uint64_t arch_capabilities; /* IA32_ARCH_CAPABILITIES; 0 where CPUID does not promise it. */
	uint64_t feature_control;
	uint64_t basic;
	uint64_t misc;
	uint64_t cr0_fixed0;
	uint64_t cr0_fixed1;
	uint64_t cr4_fixed0;
	uint64_t cr4_fixed1;
	uint64_t ept_vpid_cap; /* 0 where neither EPT nor VPID exists. */
	struct control_capability pin;
	struct control_capability primary;
	struct control_capability secondary; /* 0 where not activated. */
	struct control_capability exit;
	struct control_capability entry;
	unsigned physical_address_bits;    /* MAXPHYADDR: CPUID.80000008H:EAX[7:0], 36 if absent. */
	unsigned linear_address_bits;      /* CPUID.80000008H:EAX[15:8]; 48 or 57, 48 if absent. */
	char vendor[CPUID_SIGNATURE_SIZE]; /* CPUID.00H, such as "GenuineIntel". */
	char hypervisor[CPUID_SIGNATURE_SIZE]; /* CPUID.40000000H; "" on a bare machine. */
	bool has_hypervisor;                   /* CPUID.01H:ECX[31]: this machine is virtual. */
};

/* IA32_VMX_BASIC: SDM Vol. 3D Appendix A "Basic VMX Information". */
#define VMX_BASIC_REVISION_HIGH    30
#define VMX_BASIC_REVISION_LOW     0
#define VMX_BASIC_REGION_SIZE_HIGH 44
#define VMX_BASIC_REGION_SIZE_LOW  32
#define VMX_BASIC_32BIT_ADDRESSES  (1ULL << 48)
#define VMX_BASIC_MEMORY_TYPE_HIGH 53
#define VMX_BASIC_MEMORY_TYPE_LOW  50
#define VMX_BASIC_INS_OUTS_INFO    (1ULL << 54)
#define VMX_BASIC_TRUE_CONTROLS    (1ULL << 55)

/* IA32_VMX_MISC: SDM Vol. 3D Appendix A "Miscellaneous Data". */
#define VMX_MISC_PREEMPTION_RATE_HIGH   4
#define VMX_MISC_PREEMPTION_RATE_LOW    0
#define VMX_MISC_ACTIVITY_HLT           (1ULL << 6)
#define VMX_MISC_ACTIVITY_SHUTDOWN      (1ULL << 7)
#define VMX_MISC_ACTIVITY_WAIT_FOR_SIPI (1ULL << 8)
#define VMX_MISC_CR3_TARGETS_HIGH       24
#define VMX_MISC_CR3_TARGETS_LOW        16
#define VMX_MISC_INJECT_LENGTH_0        (1ULL << 30)

/* IA32_VMX_EPT_VPID_CAP: SDM Vol. 3D Appendix A "VPID and EPT Capabilities". */
#define EPT_CAP_EXECUTE_ONLY    (1ULL << 0)
#define EPT_CAP_WALK_LENGTH_4   (1ULL << 6)
#define EPT_CAP_WALK_LENGTH_5   (1ULL << 7)
#define EPT_CAP_UC              (1ULL << 8)
#define EPT_CAP_WB              (1ULL << 14)
#define EPT_CAP_PAGE_2M         (1ULL << 16)
#define EPT_CAP_PAGE_1G         (1ULL << 17)
#define EPT_CAP_INVEPT          (1ULL << 20)
#define EPT_CAP_ACCESSED_DIRTY  (1ULL << 21)
#define EPT_CAP_INVEPT_SINGLE   (1ULL << 25)
#define EPT_CAP_INVEPT_ALL      (1ULL << 26)
#define EPT_CAP_INVVPID         (1ULL << 32)
#define EPT_CAP_INVVPID_ADDRESS (1ULL << 40)
#define EPT_CAP_INVVPID_SINGLE  (1ULL << 41)
#define EPT_CAP_INVVPID_ALL     (1ULL << 42)

/*
 * Fills *capability from this CPU's CPUID and MSRs; never faults, whatever the CPU lacks.
 * Context: VMX root operation or not; CPL 0.
 */
void vmx_capability_read(struct vmx_capability *capability);

/*
 * Returns NULL if a VMCS made for the first can be used on a CPU with the second, else the name of
 * a word that differs. How the firmware left IA32_FEATURE_CONTROL does not count. Context: any;
 * pure.
 */
const char *vmx_capability_difference(
	const struct vmx_capability *first, const struct vmx_capability *second);

#endif
