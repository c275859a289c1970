; SPDX-License-Identifier: MIT
; General registers and flags, held while the processor is given away: switch_pieces.h.

%include "guest/runtime/guest_preserved.inc"

WORD_BYTES	equ 8
WORD_RDI	equ 5
WORD_RFLAGS	equ 15
RFLAGS_FIXED	equ 2

; hold NAME, INSTRUCTIONS: a routine that has the registers of the words while it executes them.
; In: RDI uint64_t words[16]. Out: the words. Clobbers: what a C function may. Stack: 8 words.
%macro hold_begin 1
global %1
%1:
	push_preserved
	push	rdi
	push	qword [rdi + WORD_RFLAGS * WORD_BYTES]
	popfq
	mov	rax, [rdi]
	mov	rbx, [rdi + 1 * WORD_BYTES]
	mov	rcx, [rdi + 2 * WORD_BYTES]
	mov	rdx, [rdi + 3 * WORD_BYTES]
	mov	rsi, [rdi + 4 * WORD_BYTES]
	mov	rbp, [rdi + 6 * WORD_BYTES]
	%assign i 8
	%rep 8
	mov	r%+i, [rdi + (i - 1) * WORD_BYTES]
	%assign i i + 1
	%endrep
	mov	rdi, [rdi + WORD_RDI * WORD_BYTES]
%endmacro

; No instruction here changes a flag before they are stored.
%macro hold_end 0
	push	rdi
	mov	rdi, [rsp + WORD_BYTES]
	mov	[rdi], rax
	mov	[rdi + 1 * WORD_BYTES], rbx
	mov	[rdi + 2 * WORD_BYTES], rcx
	mov	[rdi + 3 * WORD_BYTES], rdx
	mov	[rdi + 4 * WORD_BYTES], rsi
	pop	qword [rdi + WORD_RDI * WORD_BYTES]
	mov	[rdi + 6 * WORD_BYTES], rbp
	%assign i 8
	%rep 8
	mov	[rdi + (i - 1) * WORD_BYTES], r%+i
	%assign i i + 1
	%endrep
	pushfq
	pop	qword [rdi + WORD_RFLAGS * WORD_BYTES]
	push	RFLAGS_FIXED
	popfq
	pop	rdi
	pop_preserved
	ret
%endmacro

section .text
bits 64
hold_begin switch_hold_yield
	vmcall
hold_end

; STI's shadow holds the interrupt off until the processor has halted.
hold_begin switch_hold_halt
	sti
	hlt
	cli
hold_end

; LOOP changes no flag.
hold_begin switch_hold_spin
.again:
	pause
	loop	.again
hold_end
