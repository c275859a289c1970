/* SPDX-License-Identifier: MIT */
/* Breakages of SDM Vol. 3C "Checks on Host-State Area", of a 64-bit host. */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/entry_break_rows.h"
#include "vmx/vmcs.h"

static const struct entry_break host_rows[] = {
	{
		.name = "host_cr0_fixed_1_is_0",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_CR0, CR0_NE, 0}},
	},
	{
		.name = "host_cr0_high_half",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_CR0, 0, BIT(32)}},
	},
	{
		.name = "host_cr4_fixed_1_is_0",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_CR4, CR4_VMXE, 0}},
	},
	{
		.name = "host_cr4_fixed_0_is_1",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_CR4, 0, BIT(63)}},
	},
	{
		.name = "host_cr4_pae_is_0",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_CR4, CR4_PAE, 0}},
	},
	{
		.name = "host_cr3_beyond_physical_width",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_CR3, 0, ENTRY_BREAK_BEYOND_WIDTH}},
	},
	{
		.name = "host_es_selector_rpl",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_ES_SELECTOR, 0, SELECTOR_RPL_3}},
	},
	{
		.name = "host_cs_selector_ti",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_CS_SELECTOR, 0, SELECTOR_TI}},
	},
	{
		.name = "host_ss_selector_rpl",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_SS_SELECTOR, 0, SELECTOR_RPL_3}},
	},
	{
		.name = "host_ds_selector_ti",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_DS_SELECTOR, 0, SELECTOR_TI}},
	},
	{
		.name = "host_fs_selector_rpl",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_FS_SELECTOR, 0, SELECTOR_RPL_3}},
	},
	{
		.name = "host_gs_selector_ti",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_GS_SELECTOR, 0, SELECTOR_TI}},
	},
	{
		.name = "host_tr_selector_ti",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_TR_SELECTOR, 0, SELECTOR_TI}},
	},
	{
		.name = "host_cs_selector_is_0",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_CS_SELECTOR, ENTRY_BREAK_WHOLE, 0}},
	},
	{
		.name = "host_tr_selector_is_0",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_TR_SELECTOR, ENTRY_BREAK_WHOLE, 0}},
	},
	{
		.name = "host_fs_base_not_canonical",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_FS_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "host_gs_base_not_canonical",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_GS_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "host_tr_base_not_canonical",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_TR_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "host_gdtr_base_not_canonical",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_GDTR_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "host_idtr_base_not_canonical",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_IDTR_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "host_ia32_sysenter_esp_not_canonical",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_IA32_SYSENTER_ESP, ENTRY_BREAK_WHOLE,
			ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "host_ia32_sysenter_eip_not_canonical",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_IA32_SYSENTER_EIP, ENTRY_BREAK_WHOLE,
			ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "host_rip_not_canonical",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_HOST_RIP, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "host_pat_memory_type_reserved",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_VM_EXIT_CONTROLS, 0, EXIT_LOAD_IA32_PAT},
			{VMCS_HOST_IA32_PAT, ENTRY_BREAK_WHOLE, ENTRY_BREAK_BAD_PAT}},
		.needs = {CONTROL_EXIT, EXIT_LOAD_IA32_PAT},
	},
	{
		.name = "host_efer_reserved_bit",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_VM_EXIT_CONTROLS, 0, EXIT_LOAD_IA32_EFER},
			{VMCS_HOST_IA32_EFER, 0, ENTRY_BREAK_BAD_EFER}},
		.needs = {CONTROL_EXIT, EXIT_LOAD_IA32_EFER},
	},
	{
		.name = "host_efer_lma_is_0",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_VM_EXIT_CONTROLS, 0, EXIT_LOAD_IA32_EFER},
			{VMCS_HOST_IA32_EFER, EFER_LMA, 0}},
		.needs = {CONTROL_EXIT, EXIT_LOAD_IA32_EFER},
	},
	{
		.name = "host_efer_lme_is_0",
		.area = ENTRY_CHECK_HOST_STATE,
		.changes = {{VMCS_VM_EXIT_CONTROLS, 0, EXIT_LOAD_IA32_EFER},
			{VMCS_HOST_IA32_EFER, EFER_LME, 0}},
		.needs = {CONTROL_EXIT, EXIT_LOAD_IA32_EFER},
	},
};

const struct entry_break_table entry_break_host = {host_rows, ARRAY_COUNT(host_rows)};
