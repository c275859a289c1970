/* SPDX-License-Identifier: MIT */
/* Breakages of SDM Vol. 3C "Checks on the Guest State Area". */
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "vmx/control_bits.h"
#include "vmx/entry_break_rows.h"
#include "vmx/vmcs.h"

/* Access rights: SDM Vol. 3A "Code- and Data-Segment Descriptor Types". */
#define ACCESS_TYPE                     BITS_MASK(ACCESS_RIGHTS_TYPE_HIGH, ACCESS_RIGHTS_TYPE_LOW)
#define ACCESS_TYPE_READ_ONLY           1
#define ACCESS_TYPE_LDT                 2
#define ACCESS_TYPE_READ_WRITE          2
#define ACCESS_TYPE_READ_WRITE_ACCESSED 3
#define ACCESS_TYPE_AVAILABLE_TSS       9
#define ACCESS_TYPE_EXECUTE_ONLY        9
#define ACCESS_TYPE_EXECUTE_READ        11
#define ACCESS_DPL_3                    BITS_MASK(ACCESS_RIGHTS_DPL_HIGH, ACCESS_RIGHTS_DPL_LOW)

/* Segments of 4 GiB, right but for what their name says, and an LDT. */
#define SEGMENT_4G        (ACCESS_RIGHTS_G | ACCESS_RIGHTS_DB | ACCESS_RIGHTS_P | ACCESS_RIGHTS_S)
#define DATA_VALID        (SEGMENT_4G | ACCESS_TYPE_READ_WRITE_ACCESSED)
#define DATA_NOT_ACCESSED (SEGMENT_4G | ACCESS_TYPE_READ_WRITE)
#define CODE_NOT_READABLE (SEGMENT_4G | ACCESS_TYPE_EXECUTE_ONLY)
#define LDT_VALID         (ACCESS_RIGHTS_P | ACCESS_TYPE_LDT)
#define LDT_WRONG_TYPE    (ACCESS_RIGHTS_P | ACCESS_TYPE_READ_WRITE_ACCESSED)
#define LDT_LIMIT         0xffff

#define INJECT_EXTERNAL_INTERRUPT INJECT(INTERRUPTION_EXTERNAL_INTERRUPT, VECTOR_COUNT)
#define INJECT_NMI                INJECT(INTERRUPTION_NMI, VECTOR_NMI)

static const struct entry_break guest_rows[] = {
	{
		.name = "guest_cr0_fixed_1_is_0",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CR0, CR0_NE, 0}},
	},
	{
		.name = "guest_cr0_high_half",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CR0, 0, BIT(32)}},
	},
	{
		.name = "guest_cr0_pg_without_pe",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CR0, CR0_PE, CR0_PG}},
	},
	{
		.name = "guest_cr3_beyond_physical_width",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CR3, 0, ENTRY_BREAK_BEYOND_WIDTH}},
	},
	{
		.name = "guest_cr4_fixed_1_is_0",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CR4, CR4_VMXE, 0}},
	},
	{
		.name = "guest_cr4_fixed_0_is_1",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CR4, 0, BIT(63)}},
	},
	{
		.name = "guest_cr4_pae_is_0_in_ia32e_mode",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CR4, CR4_PAE, 0}},
		.guest = ENTRY_BREAK_IA32E_MODE,
	},
	{
		.name = "guest_cr4_pcide_outside_ia32e_mode",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CR4, 0, CR4_PCIDE}},
		.guest = ENTRY_BREAK_NOT_IA32E_MODE,
	},
	{
		.name = "guest_dr7_high_half",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_LOAD_DEBUG_CONTROLS},
			{VMCS_GUEST_DR7, 0, BIT(32)}},
	},
	{
		.name = "guest_ia32_sysenter_esp_not_canonical",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_IA32_SYSENTER_ESP, ENTRY_BREAK_WHOLE,
			ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "guest_ia32_sysenter_eip_not_canonical",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_IA32_SYSENTER_EIP, ENTRY_BREAK_WHOLE,
			ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "guest_pat_memory_type_reserved",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_LOAD_IA32_PAT},
			{VMCS_GUEST_IA32_PAT, ENTRY_BREAK_WHOLE, ENTRY_BREAK_BAD_PAT}},
		.needs = {CONTROL_ENTRY, ENTRY_LOAD_IA32_PAT},
	},
	{
		.name = "guest_efer_reserved_bit",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_LOAD_IA32_EFER},
			{VMCS_GUEST_IA32_EFER, 0, ENTRY_BREAK_BAD_EFER}},
		.needs = {CONTROL_ENTRY, ENTRY_LOAD_IA32_EFER},
	},
	{
		.name = "guest_efer_lma_is_0_in_ia32e_mode",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_LOAD_IA32_EFER},
			{VMCS_GUEST_IA32_EFER, EFER_LMA, 0}},
		.needs = {CONTROL_ENTRY, ENTRY_LOAD_IA32_EFER},
		.guest = ENTRY_BREAK_IA32E_MODE,
	},
	{
		.name = "guest_efer_lme_is_0_in_ia32e_mode",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_LOAD_IA32_EFER},
			{VMCS_GUEST_IA32_EFER, EFER_LME, 0}},
		.needs = {CONTROL_ENTRY, ENTRY_LOAD_IA32_EFER},
		.guest = ENTRY_BREAK_IA32E_MODE,
	},
	{
		.name = "guest_efer_lma_is_1_outside_ia32e_mode",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_VM_ENTRY_CONTROLS, 0, ENTRY_LOAD_IA32_EFER},
			{VMCS_GUEST_IA32_EFER, 0, EFER_LMA | EFER_LME}},
		.needs = {CONTROL_ENTRY, ENTRY_LOAD_IA32_EFER},
		.guest = ENTRY_BREAK_NOT_IA32E_MODE,
	},
	{
		.name = "guest_cs_base_high_half",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CS_BASE, 0, BIT(32)}},
	},
	{
		.name = "guest_cs_type_read_only_data",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CS_ACCESS_RIGHTS, ACCESS_TYPE, ACCESS_TYPE_READ_ONLY}},
	},
	{
		.name = "guest_cs_s_is_0",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_S, 0}},
	},
	{
		.name = "guest_cs_not_present",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_P, 0}},
	},
	{
		.name = "guest_cs_dpl_is_not_that_of_ss",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CS_ACCESS_RIGHTS, ACCESS_TYPE,
				    ACCESS_DPL_3 | ACCESS_TYPE_EXECUTE_READ},
			{VMCS_GUEST_CS_SELECTOR, SELECTOR_RPL_3, 0},
			{VMCS_GUEST_SS_ACCESS_RIGHTS, ACCESS_DPL_3, 0}},
	},
	{
		.name = "guest_cs_reserved_bit_8",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0, BIT(8)}},
	},
	{
		.name = "guest_cs_reserved_bit_20",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0, BIT(20)}},
	},
	{
		.name = "guest_cs_default_size_and_64_bit",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0, ACCESS_RIGHTS_L | ACCESS_RIGHTS_DB}},
		.guest = ENTRY_BREAK_IA32E_MODE,
	},
	{
		.name = "guest_cs_granularity_with_byte_limit",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0, ACCESS_RIGHTS_G},
			{VMCS_GUEST_CS_LIMIT, 1, 0}},
	},
	{
		.name = "guest_cs_large_limit_without_granularity",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_CS_ACCESS_RIGHTS, ACCESS_RIGHTS_G, 0},
			{VMCS_GUEST_CS_LIMIT, 0, BIT(20)}},
	},
	{
		.name = "guest_ss_type_read_only",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_SS_ACCESS_RIGHTS, ACCESS_TYPE, ACCESS_TYPE_READ_ONLY}},
		.guest = ENTRY_BREAK_NOT_IA32E_MODE,
	},
	{
		.name = "guest_ss_not_present",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_SS_ACCESS_RIGHTS, ACCESS_RIGHTS_P, 0}},
		.guest = ENTRY_BREAK_NOT_IA32E_MODE,
	},
	{
		.name = "guest_ds_not_accessed",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_DS_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE, DATA_NOT_ACCESSED},
			{VMCS_GUEST_DS_LIMIT, ENTRY_BREAK_WHOLE, UINT32_MAX}},
	},
	{
		.name = "guest_es_s_is_0",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_ES_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE,
				    DATA_VALID & ~ACCESS_RIGHTS_S},
			{VMCS_GUEST_ES_LIMIT, ENTRY_BREAK_WHOLE, UINT32_MAX}},
	},
	{
		.name = "guest_es_base_high_half",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_ES_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE, DATA_VALID},
			{VMCS_GUEST_ES_LIMIT, ENTRY_BREAK_WHOLE, UINT32_MAX},
			{VMCS_GUEST_ES_BASE, 0, BIT(32)}},
	},
	{
		.name = "guest_fs_code_not_readable",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_FS_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE, CODE_NOT_READABLE},
			{VMCS_GUEST_FS_LIMIT, ENTRY_BREAK_WHOLE, UINT32_MAX}},
	},
	{
		.name = "guest_gs_not_present",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_GS_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE,
				    DATA_VALID & ~ACCESS_RIGHTS_P},
			{VMCS_GUEST_GS_LIMIT, ENTRY_BREAK_WHOLE, UINT32_MAX}},
	},
	{
		.name = "guest_ds_reserved_bit_8",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_DS_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE, DATA_VALID | BIT(8)},
			{VMCS_GUEST_DS_LIMIT, ENTRY_BREAK_WHOLE, UINT32_MAX}},
	},
	{
		.name = "guest_gs_granularity_with_byte_limit",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_GS_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE, DATA_VALID},
			{VMCS_GUEST_GS_LIMIT, ENTRY_BREAK_WHOLE, 0}},
	},
	{
		.name = "guest_fs_base_not_canonical",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_FS_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "guest_gs_base_not_canonical",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_GS_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "guest_ldtr_selector_ti",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_LDTR_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE, LDT_VALID},
			{VMCS_GUEST_LDTR_LIMIT, ENTRY_BREAK_WHOLE, LDT_LIMIT},
			{VMCS_GUEST_LDTR_SELECTOR, 0, SELECTOR_TI}},
	},
	{
		.name = "guest_ldtr_type_is_not_ldt",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_LDTR_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE, LDT_VALID | 1},
			{VMCS_GUEST_LDTR_LIMIT, ENTRY_BREAK_WHOLE, LDT_LIMIT}},
	},
	{
		.name = "guest_ldtr_not_present",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_LDTR_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE,
				    LDT_VALID & ~ACCESS_RIGHTS_P},
			{VMCS_GUEST_LDTR_LIMIT, ENTRY_BREAK_WHOLE, LDT_LIMIT}},
	},
	{
		.name = "guest_ldtr_base_not_canonical",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_LDTR_ACCESS_RIGHTS, ENTRY_BREAK_WHOLE, LDT_VALID},
			{VMCS_GUEST_LDTR_LIMIT, ENTRY_BREAK_WHOLE, LDT_LIMIT},
			{VMCS_GUEST_LDTR_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "guest_tr_selector_ti",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_TR_SELECTOR, 0, SELECTOR_TI}},
	},
	{
		.name = "guest_tr_type_available",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_TR_ACCESS_RIGHTS, ACCESS_TYPE, ACCESS_TYPE_AVAILABLE_TSS}},
	},
	{
		.name = "guest_tr_s_is_1",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_TR_ACCESS_RIGHTS, 0, ACCESS_RIGHTS_S}},
	},
	{
		.name = "guest_tr_not_present",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_TR_ACCESS_RIGHTS, ACCESS_RIGHTS_P, 0}},
	},
	{
		.name = "guest_tr_unusable",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_TR_ACCESS_RIGHTS, 0, ACCESS_RIGHTS_UNUSABLE}},
	},
	{
		.name = "guest_tr_reserved_bit_8",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_TR_ACCESS_RIGHTS, 0, BIT(8)}},
	},
	{
		.name = "guest_tr_base_not_canonical",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_TR_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "guest_tr_large_limit_without_granularity",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_TR_ACCESS_RIGHTS, ACCESS_RIGHTS_G, 0},
			{VMCS_GUEST_TR_LIMIT, 0, BIT(20)}},
	},
	{
		.name = "guest_gdtr_base_not_canonical",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_GDTR_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "guest_idtr_base_not_canonical",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_IDTR_BASE, ENTRY_BREAK_WHOLE, ENTRY_BREAK_NOT_CANONICAL}},
	},
	{
		.name = "guest_gdtr_limit_above_64k",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_GDTR_LIMIT, 0, BIT(16)}},
	},
	{
		.name = "guest_idtr_limit_above_64k",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_IDTR_LIMIT, 0, BIT(31)}},
	},
	{
		.name = "guest_rip_high_half_outside_ia32e_mode",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_RIP, 0, BIT(32)}},
		.guest = ENTRY_BREAK_NOT_IA32E_MODE,
	},
	{
		.name = "guest_rflags_bit_1_is_0",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_RFLAGS, RFLAGS_FIXED1, 0}},
	},
	{
		.name = "guest_rflags_bit_3_is_1",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_RFLAGS, 0, BIT(3)}},
	},
	{
		.name = "guest_rflags_bit_15_is_1",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_RFLAGS, 0, BIT(15)}},
	},
	{
		.name = "guest_rflags_high_half",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_RFLAGS, 0, BIT(63)}},
	},
	{
		.name = "guest_rflags_vm_in_ia32e_mode",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_RFLAGS, 0, RFLAGS_VM}},
		.guest = ENTRY_BREAK_IA32E_MODE,
	},
	{
		.name = "guest_rflags_if_is_0_for_external_interrupt",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
				    INJECT_EXTERNAL_INTERRUPT},
			{VMCS_GUEST_RFLAGS, RFLAGS_IF, 0}},
	},
	{
		.name = "guest_activity_state_unknown",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_ACTIVITY_STATE, ENTRY_BREAK_WHOLE, UINT32_MAX}},
	},
	{
		.name = "guest_hlt_with_mov_ss_blocking",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_ACTIVITY_STATE, ENTRY_BREAK_WHOLE, ACTIVITY_HLT},
			{VMCS_GUEST_INTERRUPTIBILITY_STATE, ENTRY_BREAK_WHOLE,
				INTERRUPTIBILITY_BLOCKING_BY_MOV_SS},
			{VMCS_GUEST_RFLAGS, RFLAGS_TF, 0}},
	},
	{
		.name = "guest_shutdown_with_exception",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_ACTIVITY_STATE, ENTRY_BREAK_WHOLE, ACTIVITY_SHUTDOWN},
			{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
				INJECT_EXCEPTION(VECTOR_UD)},
			{VMCS_GUEST_INTERRUPTIBILITY_STATE, ENTRY_BREAK_WHOLE, 0}},
	},
	{
		.name = "guest_wait_for_sipi_with_nmi",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_ACTIVITY_STATE, ENTRY_BREAK_WHOLE, ACTIVITY_WAIT_FOR_SIPI},
			{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE, INJECT_NMI},
			{VMCS_GUEST_INTERRUPTIBILITY_STATE, ENTRY_BREAK_WHOLE, 0}},
	},
	{
		.name = "guest_interruptibility_reserved_bit",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_INTERRUPTIBILITY_STATE, ENTRY_BREAK_WHOLE, BIT(31)}},
	},
	{
		.name = "guest_sti_and_mov_ss_blocking",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_INTERRUPTIBILITY_STATE, ENTRY_BREAK_WHOLE,
				    INTERRUPTIBILITY_BLOCKING_BY_STI |
					    INTERRUPTIBILITY_BLOCKING_BY_MOV_SS},
			{VMCS_GUEST_RFLAGS, RFLAGS_TF, RFLAGS_IF}},
	},
	{
		.name = "guest_sti_blocking_without_if",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_INTERRUPTIBILITY_STATE, ENTRY_BREAK_WHOLE,
				    INTERRUPTIBILITY_BLOCKING_BY_STI},
			{VMCS_GUEST_RFLAGS, RFLAGS_IF | RFLAGS_TF, 0}},
	},
	{
		.name = "guest_smi_blocking_outside_smm",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_INTERRUPTIBILITY_STATE, ENTRY_BREAK_WHOLE,
			INTERRUPTIBILITY_BLOCKING_BY_SMI}},
	},
	{
		.name = "guest_external_interrupt_with_mov_ss_blocking",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE,
				    INJECT_EXTERNAL_INTERRUPT},
			{VMCS_GUEST_INTERRUPTIBILITY_STATE, ENTRY_BREAK_WHOLE,
				INTERRUPTIBILITY_BLOCKING_BY_MOV_SS},
			{VMCS_GUEST_RFLAGS, RFLAGS_TF, RFLAGS_IF}},
	},
	{
		.name = "guest_nmi_with_mov_ss_blocking",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_VM_ENTRY_INTERRUPTION_INFO, ENTRY_BREAK_WHOLE, INJECT_NMI},
			{VMCS_GUEST_INTERRUPTIBILITY_STATE, ENTRY_BREAK_WHOLE,
				INTERRUPTIBILITY_BLOCKING_BY_MOV_SS},
			{VMCS_GUEST_RFLAGS, RFLAGS_TF, 0}},
	},
	{
		.name = "guest_pending_debug_reserved_bit",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0, BIT(13)}},
	},
	{
		.name = "guest_link_pointer_not_aligned",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_LINK_POINTER, ENTRY_BREAK_WHOLE, MISALIGNED_PAGE}},
	},
	{
		.name = "guest_link_pointer_beyond_physical_width",
		.area = ENTRY_CHECK_GUEST_STATE,
		.changes = {{VMCS_LINK_POINTER, ENTRY_BREAK_WHOLE, ENTRY_BREAK_BEYOND_WIDTH}},
	},
};

const struct entry_break_table entry_break_guest = {guest_rows, ARRAY_COUNT(guest_rows)};
