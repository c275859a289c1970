/* SPDX-License-Identifier: MIT */
/* SOURCES: vmx/entry_check.c vmx/entry_check_activity.c vmx/entry_check_controls.c
 * vmx/entry_check_guest.c vmx/entry_check_host.c vmx/entry_check_misc.c
 * vmx/entry_check_msr_loading.c vmx/entry_check_segments.c vmx/entry_check_shared.c
 * vmx/entry_check_transitions.c vmx/vmcs_names.c tests/host/entry_check_vmcs.c
 */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "entry_check_vmcs.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void cpu_without_counters(struct vmx_capability *cpu)
{
	(void)cpu;
	fake_cpuid_set(0xa, 0, (struct cpuid_result){0});
}

static void cpu_that_fixes_nw_and_cd(struct vmx_capability *cpu)
{
	cpu->cr0_fixed1 &= ~(CR0_NW | CR0_CD);
}

static void cpu_without_debug_controls_fixed(struct vmx_capability *cpu)
{
	cpu->entry.allowed0 &= ~(uint32_t)ENTRY_LOAD_DEBUG_CONTROLS;
}

static const struct entry_case broken_cases[] = {
	{"cr0_ne_is_fixed_to_1", GUEST_64_BIT, VMCS_GUEST_CR0,
		"a CR0 bit that VMX operation fixes to 1 must be 1",
		.changes = {{VMCS_GUEST_CR0, CR0_NE, 0}}},
	{"cr0_ne_is_fixed_to_1_in_real_mode", GUEST_REAL_MODE, VMCS_GUEST_CR0,
		"a CR0 bit that VMX operation fixes to 1 must be 1",
		.changes = {{VMCS_GUEST_CR0, CR0_NE, 0}}},
	{"cr0_high_half_is_fixed_to_0", GUEST_64_BIT, VMCS_GUEST_CR0,
		"a CR0 bit that VMX operation fixes to 0 must be 0",
		.changes = {{VMCS_GUEST_CR0, 0, BIT(32)}}},
	{"cr0_pg_is_fixed_without_unrestricted_guest", GUEST_32_BIT_PAGING, VMCS_GUEST_CR0,
		"a CR0 bit that VMX operation fixes to 1 must be 1",
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, SECONDARY_UNRESTRICTED_GUEST,
				    0},
			{VMCS_GUEST_CR0, CR0_PG, 0}}},
	{"cr0_pe_and_pg_are_fixed_without_unrestricted_guest", GUEST_32_BIT_PAGING, VMCS_GUEST_CR0,
		"a CR0 bit that VMX operation fixes to 1 must be 1",
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, SECONDARY_UNRESTRICTED_GUEST,
				    0},
			{VMCS_GUEST_CR0, CR0_PE | CR0_PG, 0}}},
	{"pg_needs_pe", GUEST_REAL_MODE, VMCS_GUEST_CR0, "CR0.PG needs CR0.PE",
		.changes = {{VMCS_GUEST_CR0, 0, CR0_PG}}},
	{"cr4_vmxe_is_fixed_to_1", GUEST_64_BIT, VMCS_GUEST_CR4,
		"a CR4 bit that VMX operation fixes to 1 must be 1",
		.changes = {{VMCS_GUEST_CR4, CR4_VMXE, 0}}},
	{"cr4_unknown_bit_is_fixed_to_0", GUEST_REAL_MODE, VMCS_GUEST_CR4,
		"a CR4 bit that VMX operation fixes to 0 must be 0",
		.changes = {{VMCS_GUEST_CR4, 0, BIT(40)}}},
	{"cet_needs_write_protect", GUEST_64_BIT, VMCS_GUEST_CR4, "CR4.CET needs CR0.WP",
		.changes = {{VMCS_GUEST_CR4, 0, CR4_CET}, {VMCS_GUEST_CR0, CR0_WP, 0}}},
	{"ia32e_mode_needs_pg", GUEST_64_BIT, VMCS_GUEST_CR0, "IA-32e mode guest needs CR0.PG",
		.changes = {{VMCS_GUEST_CR0, CR0_PG, 0}}},
	{"ia32e_mode_needs_pae", GUEST_64_BIT, VMCS_GUEST_CR4, "IA-32e mode guest needs CR4.PAE",
		.changes = {{VMCS_GUEST_CR4, CR4_PAE, 0}}},
	{"pcide_needs_ia32e_mode_in_32_bit_paging", GUEST_32_BIT_PAGING, VMCS_GUEST_CR4,
		"CR4.PCIDE needs IA-32e mode guest", .changes = {{VMCS_GUEST_CR4, 0, CR4_PCIDE}}},
	{"pcide_needs_ia32e_mode_in_pae_paging", GUEST_PAE, VMCS_GUEST_CR4,
		"CR4.PCIDE needs IA-32e mode guest", .changes = {{VMCS_GUEST_CR4, 0, CR4_PCIDE}}},
	{"pcide_needs_ia32e_mode_in_real_mode", GUEST_REAL_MODE, VMCS_GUEST_CR4,
		"CR4.PCIDE needs IA-32e mode guest", .changes = {{VMCS_GUEST_CR4, 0, CR4_PCIDE}}},
	{"cr3_is_within_physical_width", GUEST_64_BIT, VMCS_GUEST_CR3,
		"CR3 must not set bits beyond the physical-address width",
		.changes = {{VMCS_GUEST_CR3, 0, BIT(48)}}},
	{"cr3_bit_63_is_reserved", GUEST_REAL_MODE, VMCS_GUEST_CR3,
		"CR3 must not set bits beyond the physical-address width",
		.changes = {{VMCS_GUEST_CR3, 0, BIT(63)}}},
	{"debugctl_bit_3_is_reserved", GUEST_64_BIT, VMCS_GUEST_IA32_DEBUGCTL,
		"IA32_DEBUGCTL must not set reserved bits",
		.changes = {{VMCS_GUEST_IA32_DEBUGCTL, WHOLE, BIT(3)}}},
	{"debugctl_bit_63_is_reserved", GUEST_64_BIT, VMCS_GUEST_IA32_DEBUGCTL,
		"IA32_DEBUGCTL must not set reserved bits",
		.changes = {{VMCS_GUEST_IA32_DEBUGCTL, WHOLE, BIT(63)}}},
	{"dr7_high_half_is_0", GUEST_64_BIT, VMCS_GUEST_DR7, "bits 63:32 of DR7 must be 0",
		.changes = {{VMCS_GUEST_DR7, 0, BIT(32)}}},
	{"ia32_sysenter_esp_is_canonical", GUEST_64_BIT, VMCS_GUEST_IA32_SYSENTER_ESP,
		"the address must be canonical",
		.changes = {{VMCS_GUEST_IA32_SYSENTER_ESP, WHOLE, BIT(63)}}},
	{"ia32_sysenter_eip_is_canonical", GUEST_64_BIT, VMCS_GUEST_IA32_SYSENTER_EIP,
		"the address must be canonical",
		.changes = {{VMCS_GUEST_IA32_SYSENTER_EIP, WHOLE, BIT(63)}}},
	{"perf_global_ctrl_reserved_bits_are_0", GUEST_64_BIT, VMCS_GUEST_IA32_PERF_GLOBAL_CTRL,
		"IA32_PERF_GLOBAL_CTRL must not set reserved bits",
		.changes = {{VMCS_GUEST_IA32_PERF_GLOBAL_CTRL, WHOLE, BIT(63)}}},
	{"perf_global_ctrl_without_counters_is_0", GUEST_64_BIT, VMCS_GUEST_IA32_PERF_GLOBAL_CTRL,
		"IA32_PERF_GLOBAL_CTRL must not set reserved bits",
		.changes = {{VMCS_GUEST_IA32_PERF_GLOBAL_CTRL, WHOLE, 1},
			{VMCS_HOST_IA32_PERF_GLOBAL_CTRL, WHOLE, 0}},
		.adjust = cpu_without_counters},
	{"pat_type_2_is_reserved", GUEST_64_BIT, VMCS_GUEST_IA32_PAT,
		"each byte of IA32_PAT must be a memory type: 0, 1, 4, 5, 6 or 7",
		.changes = {{VMCS_GUEST_IA32_PAT, WHOLE, 2}}},
	{"pat_type_3_is_reserved_in_any_byte", GUEST_REAL_MODE, VMCS_GUEST_IA32_PAT,
		"each byte of IA32_PAT must be a memory type: 0, 1, 4, 5, 6 or 7",
		.changes = {{VMCS_GUEST_IA32_PAT, 0xff00000000, 0x0300000000}}},
	{"efer_reserved_bits_are_0", GUEST_64_BIT, VMCS_GUEST_IA32_EFER,
		"IA32_EFER must not set reserved bits",
		.changes = {{VMCS_GUEST_IA32_EFER, 0, BIT(12)}}},
	{"efer_lma_is_1_in_ia32e_mode", GUEST_64_BIT, VMCS_GUEST_IA32_EFER,
		"IA32_EFER.LMA must equal IA-32e mode guest",
		.changes = {{VMCS_GUEST_IA32_EFER, EFER_LMA | EFER_LME, 0}}},
	{"efer_lma_is_0_outside_ia32e_mode", GUEST_32_BIT_PAGING, VMCS_GUEST_IA32_EFER,
		"IA32_EFER.LMA must equal IA-32e mode guest",
		.changes = {{VMCS_GUEST_IA32_EFER, WHOLE, EFER_LMA | EFER_LME}}},
	{"efer_lma_is_0_in_real_mode", GUEST_REAL_MODE, VMCS_GUEST_IA32_EFER,
		"IA32_EFER.LMA must equal IA-32e mode guest",
		.changes = {{VMCS_GUEST_IA32_EFER, WHOLE, EFER_LMA}}},
	{"efer_lma_equals_lme_with_paging", GUEST_64_BIT, VMCS_GUEST_IA32_EFER,
		"IA32_EFER.LMA must equal IA32_EFER.LME while CR0.PG is 1",
		.changes = {{VMCS_GUEST_IA32_EFER, EFER_LME, 0}}},
	{"efer_lme_alone_is_not_for_paging", GUEST_32_BIT_PAGING, VMCS_GUEST_IA32_EFER,
		"IA32_EFER.LMA must equal IA32_EFER.LME while CR0.PG is 1",
		.changes = {{VMCS_GUEST_IA32_EFER, WHOLE, EFER_LME}}},
	{"bndcfgs_reserved_bits_are_0", GUEST_64_BIT, VMCS_GUEST_IA32_BNDCFGS,
		"bits 11:2 of IA32_BNDCFGS must be 0",
		.changes = {{VMCS_VM_ENTRY_CONTROLS, 0, BIT(16)},
			{VMCS_GUEST_IA32_BNDCFGS, WHOLE, BIT(2)}}},
	{"bndcfgs_base_is_canonical", GUEST_64_BIT, VMCS_GUEST_IA32_BNDCFGS,
		"the base in IA32_BNDCFGS must be canonical",
		.changes = {{VMCS_VM_ENTRY_CONTROLS, 0, BIT(16)},
			{VMCS_GUEST_IA32_BNDCFGS, WHOLE, BIT(47) | 1}}},
};

/* What the rules must let pass. */
static const struct entry_case valid_cases[] = {
	{.name = "cr0_cd_and_nw_do_not_count",
		.guest = GUEST_64_BIT,
		.changes = {{VMCS_GUEST_CR0, 0, CR0_NW}},
		.adjust = cpu_that_fixes_nw_and_cd},
	{.name = "pe_without_pg_in_an_unrestricted_guest",
		.guest = GUEST_32_BIT_PAGING,
		.changes = {{VMCS_GUEST_CR0, CR0_PG, 0}}},
	{.name = "real_mode_may_keep_efer_lme",
		.guest = GUEST_REAL_MODE,
		.changes = {{VMCS_GUEST_IA32_EFER, WHOLE, EFER_LME}}},
	{.name = "msrs_do_not_count_unless_loaded",
		.guest = GUEST_64_BIT,
		.changes = {{VMCS_VM_ENTRY_CONTROLS,
				    ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL | ENTRY_LOAD_IA32_PAT |
					    ENTRY_LOAD_IA32_EFER | ENTRY_LOAD_DEBUG_CONTROLS,
				    0},
			{VMCS_GUEST_IA32_PERF_GLOBAL_CTRL, WHOLE, WHOLE},
			{VMCS_GUEST_IA32_PAT, WHOLE, WHOLE}, {VMCS_GUEST_IA32_EFER, WHOLE, WHOLE},
			{VMCS_GUEST_IA32_DEBUGCTL, WHOLE, BIT(3)}, {VMCS_GUEST_DR7, WHOLE, WHOLE}},
		.adjust = cpu_without_debug_controls_fixed},
	{.name = "pcide_in_ia32e_mode",
		.guest = GUEST_64_BIT,
		.changes = {{VMCS_GUEST_CR4, 0, CR4_PCIDE}}},
	{.name = "debugctl_bits_that_some_cpu_has",
		.guest = GUEST_64_BIT,
		.changes = {{VMCS_GUEST_IA32_DEBUGCTL, WHOLE, 0xffc7}}},
	{.name = "bndcfgs_does_not_count_unless_loaded",
		.guest = GUEST_64_BIT,
		.changes = {{VMCS_GUEST_IA32_BNDCFGS, WHOLE, BIT(2)}}},
	{.name = "32_bit_guest_without_unrestricted_guest",
		.guest = GUEST_32_BIT_PAGING,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, SECONDARY_UNRESTRICTED_GUEST,
			0}}},
	{.name = "virtual_8086_without_unrestricted_guest",
		.guest = GUEST_VIRTUAL_8086,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, SECONDARY_UNRESTRICTED_GUEST,
			0}}},
	{.name = "ia32e_guest_without_unrestricted_guest",
		.guest = GUEST_64_BIT,
		.changes = {{VMCS_SECONDARY_PROCESSOR_BASED_CONTROLS, SECONDARY_UNRESTRICTED_GUEST,
			0}}},
};

int main(void)
{
	return entry_case_run(ENTRY_CHECK_GUEST_STATE, broken_cases, ARRAY_COUNT(broken_cases),
		valid_cases, ARRAY_COUNT(valid_cases));
}
