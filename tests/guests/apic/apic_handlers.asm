; SPDX-License-Identifier: MIT
; The handlers of the interrupts that guest_apic.c lets come: they write down which came, and end
; none.

%include "tests/guests/apic/apic_vectors.inc"

global apic_handler_low, apic_handler_timer, apic_handler_high, apic_handler_level
global apic_handler_spurious, apic_log, apic_log_count, apic_log_masked_count

RFLAGS_IF	equ 1 << 9
FRAME_RFLAGS	equ 4 * 8

section .bss
alignb 8
apic_log:
	resb	APIC_LOG_MAX
apic_log_count:
	resq	1
; Interrupts that struck code with RFLAGS.IF clear: there must be none.
apic_log_masked_count:
	resq	1

section .text
bits 64
; apic_handler_NAME: writes its vector down.
; In: the processor's frame without an error code. Out: the log. Clobbers: nothing.
%macro handler 2
apic_handler_%1:
	push	rax
	mov	al, %2
	jmp	write_down
%endmacro

	handler	low, APIC_VECTOR_LOW
	handler	timer, APIC_VECTOR_TIMER
	handler	high, APIC_VECTOR_HIGH
	handler	level, APIC_VECTOR_LEVEL
	handler	spurious, APIC_VECTOR_SPURIOUS

; The end of each handler. In: AL = vector; RAX of the interrupted code on the stack.
write_down:
	push	rcx
	test	dword [rsp + FRAME_RFLAGS], RFLAGS_IF
	jnz	.open
	inc	qword [apic_log_masked_count]
.open:
	mov	rcx, [apic_log_count]
	and	ecx, APIC_LOG_MAX - 1
	mov	[apic_log + rcx], al
	inc	qword [apic_log_count]
	pop	rcx
	pop	rax
	iretq
