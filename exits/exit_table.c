/* SPDX-License-Identifier: MIT */
#include "exits/exit_table.h"

/*
 * The one list of what is handled. A reason without a row ends its guest with a report: it cannot
 * occur with the controls that we set, or (INIT, SIPI, SMI) its cause lies outside of the guest.
 */
const struct exit_table_row exit_table[EXIT_REASON_COUNT] = {
	[EXIT_REASON_EXCEPTION_OR_NMI] = {exit_handle_exception_or_nmi, true},
	[EXIT_REASON_EXTERNAL_INTERRUPT] = {exit_handle_external_interrupt, false},
	[EXIT_REASON_TRIPLE_FAULT] = {exit_handle_triple_fault, false},
	[EXIT_REASON_INTERRUPT_WINDOW] = {exit_handle_window, false},
	[EXIT_REASON_NMI_WINDOW] = {exit_handle_window, false},
	[EXIT_REASON_TASK_SWITCH] = {exit_handle_task_switch, true},
	[EXIT_REASON_CPUID] = {exit_handle_cpuid, false},
	[EXIT_REASON_GETSEC] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_HLT] = {exit_handle_hlt, false},
	[EXIT_REASON_INVD] = {exit_handle_nothing_to_do, false},
	[EXIT_REASON_RDPMC] = {exit_handle_general_protection, false},
	[EXIT_REASON_RSM] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_VMCLEAR] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_VMLAUNCH] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_VMPTRLD] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_VMPTRST] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_VMREAD] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_VMRESUME] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_VMWRITE] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_VMXOFF] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_VMXON] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_CR_ACCESS] = {exit_handle_control_register, false},
	[EXIT_REASON_IO_INSTRUCTION] = {exit_handle_io_instruction, false},
	[EXIT_REASON_RDMSR] = {exit_handle_rdmsr, false},
	[EXIT_REASON_WRMSR] = {exit_handle_wrmsr, false},
	[EXIT_REASON_MWAIT] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_MONITOR] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_PAUSE] = {exit_handle_nothing_to_do, false},
	[EXIT_REASON_EPT_VIOLATION] = {exit_handle_ept_violation, true},
	[EXIT_REASON_EPT_MISCONFIGURATION] = {exit_handle_ept_misconfiguration, true},
	[EXIT_REASON_INVEPT] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_INVVPID] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_WBINVD] = {exit_handle_nothing_to_do, false},
	[EXIT_REASON_XSETBV] = {exit_handle_xsetbv, false},
	[EXIT_REASON_VMFUNC] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_ENCLS] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_XSAVES] = {exit_handle_invalid_opcode, false},
	[EXIT_REASON_XRSTORS] = {exit_handle_invalid_opcode, false},
};
