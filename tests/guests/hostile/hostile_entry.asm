; SPDX-License-Identifier: MIT
; Entries for all vectors, for INT n and interrupts with any of them.

VECTOR_COUNT		equ 256

global hostile_entries, hostile_nmi
extern guest_trap_common

section .text
bits 64
; hostile_entry_N: makes the frame of guest_trap_common.
; In: the processor's frame, with or without an error code: the frame begins at a multiple of 16
; (SDM Vol. 3A "64-Bit Mode Stack Frame"), so that RSP tells. Out: see guest_trap_common.
%macro hostile_entry 1
hostile_entry_%1:
	test	spl, 8
	jz	.has_error_code
	push	0
.has_error_code:
	push	%1
	jmp	guest_trap_common
%endmacro

%assign vector 0
%rep VECTOR_COUNT
	hostile_entry vector
	%assign vector vector + 1
%endrep

; hostile_nmi: does nothing. In: the processor's frame. Clobbers: nothing.
hostile_nmi:
	iretq

section .rodata
align 8
hostile_entries:
%assign vector 0
%rep VECTOR_COUNT
	dq	hostile_entry_ %+ vector
	%assign vector vector + 1
%endrep
