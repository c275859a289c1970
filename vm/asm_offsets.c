/* SPDX-License-Identifier: MIT */
#include "lib/asm_offsets.h"
#include "cpu/trap.h"
#include "vmx/entry.h"

/* cpu/traps.asm */
OFFSET(TRAP_FRAME_RIP, struct trap_frame, rip);
OFFSET(TRAP_FRAME_VECTOR, struct trap_frame, vector);

/* vmx/entry.asm */
OFFSET(VMX_FRAME_REGISTERS, struct vmx_frame, registers);
OFFSET(VMX_FRAME_HANDLE_EXIT, struct vmx_frame, handle_exit);
OFFSET(VMX_FRAME_IS_LAUNCHED, struct vmx_frame, is_launched);
OFFSET(VMX_FRAME_RETURN_RSP, struct vmx_frame, return_rsp);
ASM_CONSTANT(VMX_RESULT_SUCCEED, VMX_SUCCEED);
ASM_CONSTANT(VMX_RESULT_FAIL_INVALID, VMX_FAIL_INVALID);
ASM_CONSTANT(VMX_RESULT_FAIL_VALID, VMX_FAIL_VALID);
ASM_CONSTANT(VMX_RESUME_ALL, VMX_RESUME_ALL);
