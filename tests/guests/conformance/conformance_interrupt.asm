; SPDX-License-Identifier: MIT
; The handler of the interrupts that conformance_apic.c lets come.

global conformance_interrupt_entry, conformance_interrupt_count, conformance_interrupt_rip

section .bss
alignb 8
conformance_interrupt_count:
	resq	1
conformance_interrupt_rip:
	resq	1

section .text
bits 64
; conformance_interrupt_entry: counts, and keeps where it struck; whoever waits ends the interrupt.
; In: the processor's frame without an error code. Out: the variables. Clobbers: nothing.
conformance_interrupt_entry:
	push	rax
	mov	rax, [rsp + 8]
	mov	[conformance_interrupt_rip], rax
	inc	qword [conformance_interrupt_count]
	pop	rax
	iretq
