; SPDX-License-Identifier: MIT
; The interrupt of which smp_bench takes the time: the first instruction of its handler is RDTSC.

global smp_bench_handler, smp_bench_came_tsc
extern guest_lapic_end_interrupt

section .text
bits 64
; smp_bench_handler: writes down the TSC and ends the interrupt.
; In: the processor's frame without an error code. Out: smp_bench_came_tsc. Clobbers: nothing.
smp_bench_handler:
	push	rax
	push	rdx
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mov	[smp_bench_came_tsc], rax
	push	rcx
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	cld
	call	guest_lapic_end_interrupt
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rcx
	pop	rdx
	pop	rax
	iretq

section .bss
alignb 8
smp_bench_came_tsc:
	resq	1
