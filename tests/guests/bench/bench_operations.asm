; SPDX-License-Identifier: MIT
; The timed operations. Each routine: no input; RAX the ticks from one RDTSC to the next;
; clobbers RCX, RDX, R8. Between the two RDTSCs lie always the same six moves and shifts, so that
; with nothing else in between an emulator that counts one tick for each instruction shows 7.

%include "guest/trivet_guest.inc"

MSR_BIOS_SIGN_ID	equ 0x8b
MSR_TSC_DEADLINE	equ 0x6e0
MSR_X2APIC_EOI		equ 0x80b
FAR_HIGH		equ 0x1000 ; In bits 63:32 of a deadline.
TICK_DISTANCE		equ 20000
UART_LSR_PORT		equ 0x3fd
UNKNOWN_CALL		equ 0x1234

; operation NAME, EAX, ECX, EDX, INSTRUCTION...
%macro operation 4-*
global %1
%1:
	push	rbx
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mov	r8, rax
	mov	eax, %2
	mov	ecx, %3
	mov	edx, %4
	%if %0 > 4
	%{5:-1}
	%endif
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	sub	rax, r8
	pop	rbx
	ret
%endmacro

section .text
bits 64
operation bench_empty, 0, 0, 0
operation bench_vmcall_1, KVM_CALL_VAPIC_POLL_IRQ, 0, 0, vmcall
operation bench_vmcall_unknown, UNKNOWN_CALL, 0, 0, vmcall
operation bench_vmcall_ping, TRIVET_CALL_PING, 0, 0, vmcall
operation bench_cpuid, 0, 0, 0, cpuid
operation bench_rdmsr, 0, MSR_BIOS_SIGN_ID, 0, rdmsr
operation bench_in_uart, 0, 0, UART_LSR_PORT, in al, dx
operation bench_wrmsr_deadline, r8d, MSR_TSC_DEADLINE, FAR_HIGH, wrmsr
operation bench_wrmsr_eoi, 0, MSR_X2APIC_EOI, 0, wrmsr

; bench_vmcall_batch: as an operation, with one VMCALL for the batch of all entries in bench_batch.
global bench_vmcall_batch
extern bench_batch
bench_vmcall_batch:
	push	rbx
	mov	ebx, bench_batch
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mov	r8, rax
	mov	eax, TRIVET_CALL_BATCH
	mov	ecx, TRIVET_BATCH_MAX
	mov	edx, 0
	vmcall
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	sub	rax, r8
	pop	rbx
	ret

; bench_timer_tick: as an operation, from the moment at which the local APIC's timer is due to the
; first RDTSC of its handler. The timer is in TSC-deadline mode, its vector leads to the handler.
global bench_timer_tick
bench_timer_tick:
	mov	qword [tick_tsc], 0
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	add	rax, TICK_DISTANCE
	mov	r8, rax
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, MSR_TSC_DEADLINE
	wrmsr
	sti
.wait:
	cmp	qword [tick_tsc], 0
	je	.wait
	cli
	mov	rax, [tick_tsc]
	sub	rax, r8
	ret

; bench_tick_handler: the timer's handler.
; In: the processor's frame without an error code. Out: tick_tsc. Clobbers: nothing.
global bench_tick_handler
bench_tick_handler:
	push	rax
	push	rcx
	push	rdx
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mov	[tick_tsc], rax
	mov	eax, 0
	mov	edx, 0
	mov	ecx, MSR_X2APIC_EOI
	wrmsr
	pop	rdx
	pop	rcx
	pop	rax
	iretq

section .bss
alignb 8
tick_tsc:
	resq	1
