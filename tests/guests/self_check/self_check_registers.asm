; SPDX-License-Identifier: MIT
; General registers that hold a pattern while time passes.

%include "guest/runtime/guest_preserved.inc"

FLAG_DIRECTION	equ 1 << 10
ROUNDS		equ 0			; On the stack.
PATTERN		equ 8
CHANGED		equ 16
FRAME_BYTES	equ 24

global self_check_registers

section .text
bits 64

%macro fill 2
	mov	%1, [rsp + PATTERN]
	add	%1, %2
%endmacro

%macro check 2
	sub	%1, %2
	sub	%1, [rsp + PATTERN]
	or	[rsp + CHANGED], %1
%endmacro

; self_check_registers: fills all general registers but RSP with a pattern, sets the direction flag,
; and looks at them again after a number of rounds of PAUSE.
; In: RDI rounds, at least 1; RSI pattern. Out: RAX 0 if all hold what they held.
; Clobbers: what a C function may. Stack on entry: as C's.
self_check_registers:
	push_preserved
	sub	rsp, FRAME_BYTES
	mov	[rsp + ROUNDS], rdi
	mov	[rsp + PATTERN], rsi
	mov	qword [rsp + CHANGED], 0
	fill	rax, 1
	fill	rbx, 2
	fill	rcx, 3
	fill	rdx, 4
	fill	rsi, 5
	fill	rdi, 6
	fill	rbp, 7
	fill	r8, 8
	fill	r9, 9
	fill	r10, 10
	fill	r11, 11
	fill	r12, 12
	fill	r13, 13
	fill	r14, 14
	fill	r15, 15
	std
.wait:
	pause
	dec	qword [rsp + ROUNDS]
	jnz	.wait
	check	rax, 1
	check	rbx, 2
	check	rcx, 3
	check	rdx, 4
	check	rsi, 5
	check	rdi, 6
	check	rbp, 7
	check	r8, 8
	check	r9, 9
	check	r10, 10
	check	r11, 11
	check	r12, 12
	check	r13, 13
	check	r14, 14
	check	r15, 15
	pushfq
	pop	rax
	cld
	and	eax, FLAG_DIRECTION
	xor	eax, FLAG_DIRECTION
	or	rax, [rsp + CHANGED]
	add	rsp, FRAME_BYTES
	pop_preserved
	ret
