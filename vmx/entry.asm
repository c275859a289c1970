; SPDX-License-Identifier: MIT
%include "asm_offsets.inc"

; The one door between the hypervisor and its guests, both ways.

bits 64
default rel
section .text

REGISTER_BYTES equ 8

; Moves every guest register but RSP (which is in the VMCS) from or to the frame at RSP.
%macro SAVE_GUEST_REGISTERS 0
	mov	[rsp + VMX_FRAME_REGISTERS + 0 * REGISTER_BYTES], rax
	mov	[rsp + VMX_FRAME_REGISTERS + 1 * REGISTER_BYTES], rcx
	mov	[rsp + VMX_FRAME_REGISTERS + 2 * REGISTER_BYTES], rdx
	mov	[rsp + VMX_FRAME_REGISTERS + 3 * REGISTER_BYTES], rbx
	mov	[rsp + VMX_FRAME_REGISTERS + 5 * REGISTER_BYTES], rbp
	mov	[rsp + VMX_FRAME_REGISTERS + 6 * REGISTER_BYTES], rsi
	mov	[rsp + VMX_FRAME_REGISTERS + 7 * REGISTER_BYTES], rdi
	mov	[rsp + VMX_FRAME_REGISTERS + 8 * REGISTER_BYTES], r8
	mov	[rsp + VMX_FRAME_REGISTERS + 9 * REGISTER_BYTES], r9
	mov	[rsp + VMX_FRAME_REGISTERS + 10 * REGISTER_BYTES], r10
	mov	[rsp + VMX_FRAME_REGISTERS + 11 * REGISTER_BYTES], r11
	mov	[rsp + VMX_FRAME_REGISTERS + 12 * REGISTER_BYTES], r12
	mov	[rsp + VMX_FRAME_REGISTERS + 13 * REGISTER_BYTES], r13
	mov	[rsp + VMX_FRAME_REGISTERS + 14 * REGISTER_BYTES], r14
	mov	[rsp + VMX_FRAME_REGISTERS + 15 * REGISTER_BYTES], r15
%endmacro

%macro LOAD_PRESERVED_REGISTERS 0
	mov	rbx, [rsp + VMX_FRAME_REGISTERS + 3 * REGISTER_BYTES]
	mov	rbp, [rsp + VMX_FRAME_REGISTERS + 5 * REGISTER_BYTES]
	mov	r12, [rsp + VMX_FRAME_REGISTERS + 12 * REGISTER_BYTES]
	mov	r13, [rsp + VMX_FRAME_REGISTERS + 13 * REGISTER_BYTES]
	mov	r14, [rsp + VMX_FRAME_REGISTERS + 14 * REGISTER_BYTES]
	mov	r15, [rsp + VMX_FRAME_REGISTERS + 15 * REGISTER_BYTES]
%endmacro

%macro LOAD_SCRATCH_REGISTERS 0
	mov	rax, [rsp + VMX_FRAME_REGISTERS + 0 * REGISTER_BYTES]
	mov	rcx, [rsp + VMX_FRAME_REGISTERS + 1 * REGISTER_BYTES]
	mov	rdx, [rsp + VMX_FRAME_REGISTERS + 2 * REGISTER_BYTES]
	mov	rsi, [rsp + VMX_FRAME_REGISTERS + 6 * REGISTER_BYTES]
	mov	rdi, [rsp + VMX_FRAME_REGISTERS + 7 * REGISTER_BYTES]
	mov	r8, [rsp + VMX_FRAME_REGISTERS + 8 * REGISTER_BYTES]
	mov	r9, [rsp + VMX_FRAME_REGISTERS + 9 * REGISTER_BYTES]
	mov	r10, [rsp + VMX_FRAME_REGISTERS + 10 * REGISTER_BYTES]
	mov	r11, [rsp + VMX_FRAME_REGISTERS + 11 * REGISTER_BYTES]
%endmacro

; vmx_run - see vmx/entry.h.
; In: RDI = the frame. Out: EAX = enum vmx_result. Clobbers: as the C calling convention allows.
; Stack on entry: the return address.
global vmx_run
vmx_run:
	push	rbp
	mov	rbp, rsp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[rdi + VMX_FRAME_RETURN_RSP], rsp
	mov	rsp, rdi
	LOAD_PRESERVED_REGISTERS
	LOAD_SCRATCH_REGISTERS
	cmp	qword [rsp + VMX_FRAME_IS_LAUNCHED], 0
	jne	.resume
	vmlaunch
	jmp	vm_entry_failed
.resume:
	vmresume
	jmp	vm_entry_failed

; vmx_exit_entry - where the VMCS's host RIP points.
; In: RSP = the frame; all other general registers are the guest's.
; Clobbers: all but RBX, RBP, R12 to R15, which C preserves; all are in the frame while C runs.
; Stack on entry: empty; it grows down from the frame, which is 16-byte aligned.
global vmx_exit_entry
vmx_exit_entry:
	SAVE_GUEST_REGISTERS
	mov	rdi, rsp
	call	[rsp + VMX_FRAME_HANDLE_EXIT]
	cmp	eax, VMX_RESUME_ALL
	jb	.call
	ja	guest_stopped
	LOAD_PRESERVED_REGISTERS
.call:
	LOAD_SCRATCH_REGISTERS
	vmresume

; A VMLAUNCH or VMRESUME that fell through. In: the flags of the VMX instruction; RSP = the frame.
vm_entry_failed:
	mov	eax, VMX_RESULT_FAIL_VALID
	jz	return_to_caller
	mov	eax, VMX_RESULT_FAIL_INVALID
	jmp	return_to_caller

guest_stopped:
	mov	eax, VMX_RESULT_SUCCEED

return_to_caller:
	mov	rsp, [rsp + VMX_FRAME_RETURN_RSP]
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
