; SPDX-License-Identifier: MIT
; The timed operations. Each routine: no input; RAX the ticks from one RDTSC to the next;
; clobbers RCX, RDX, R8. Between the two RDTSCs lie always the same six moves and shifts, so that
; with nothing else in between an emulator that counts one tick for each instruction shows 7.

%include "guest/trivet_guest.inc"

MSR_BIOS_SIGN_ID	equ 0x8b
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
