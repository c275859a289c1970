; SPDX-License-Identifier: MIT
; Entries of the vectors from 32 on.

FIRST_VECTOR		equ 32
VECTOR_COUNT		equ 256
SAVED_BYTES		equ 9 * 8 + 8 ; What irq_common pushes, and 8 for the stack's alignment.

global guest_irq_stubs
extern guest_irq

section .text
bits 64
%assign vector FIRST_VECTOR
%rep VECTOR_COUNT - FIRST_VECTOR
irq_stub_ %+ vector:
	push	vector
	jmp	irq_common
	%assign vector vector + 1
%endrep

; irq_common: calls guest_irq(vector).
; In: the vector on the stack above the processor's frame. Clobbers: nothing.
irq_common:
	push	rax
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	sub	rsp, 8
	cld
	movzx	edi, byte [rsp + SAVED_BYTES]
	call	guest_irq
	add	rsp, 8
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rax
	add	rsp, 8
	iretq

section .rodata
align 8
guest_irq_stubs:
%assign vector FIRST_VECTOR
%rep VECTOR_COUNT - FIRST_VECTOR
	dq	irq_stub_ %+ vector
	%assign vector vector + 1
%endrep
