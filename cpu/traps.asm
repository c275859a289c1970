; SPDX-License-Identifier: MIT
; Where the IDT leads: one stub for each vector, and the way to trap_handle() and back.

%include "asm_offsets.inc"

VECTOR_COUNT equ 256
STUB_SIZE    equ 16

extern trap_handle

global trap_stubs
global segment_load

bits 64
section .text alloc exec nowrite progbits align=16

; Purpose: gives every vector the same stack layout, struct trap_frame. Those for which the CPU
;   pushes no error code push 0 in its place: SDM Vol. 3A "Exception and Interrupt Vectors".
; Inputs: what the CPU pushed, on an IST stack. Outputs: the vector on top. Clobbers: nothing.
align STUB_SIZE
trap_stubs:
%assign vector 0
%rep VECTOR_COUNT
	align STUB_SIZE
	%if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && \
		vector != 29 && vector != 30
	push 0
	%endif
	push vector
	jmp near trap_common
	%assign vector vector + 1
%endrep

; Purpose: saves the general registers, calls trap_handle(frame), and returns to where the frame
;   then says.
; Inputs: vector, error code and the CPU's five words on the stack. Outputs: none.
; Clobbers: nothing. Stack: 16-byte aligned before the CPU pushed, so aligned again at the call.
trap_common:
	push rax
	push rbx
	push rcx
	push rdx
	push rsi
	push rdi
	push rbp
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	cld
	mov rdi, rsp
	call trap_handle
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rbp
	pop rdi
	pop rsi
	pop rdx
	pop rcx
	pop rbx
	pop rax
	add rsp, TRAP_FRAME_RIP - TRAP_FRAME_VECTOR
	iretq

; Purpose: segment_load(code_selector, data_selector): loads every segment register.
; Inputs: EDI, ESI. Outputs: CS, DS, ES, SS; FS and GS stay. Clobbers: RAX. Stack: return address.
segment_load:
	mov ds, esi
	mov es, esi
	mov ss, esi
	pop rax
	movzx edi, di
	push rdi
	push rax
	retfq

section .note.GNU-stack noalloc noexec nowrite progbits
