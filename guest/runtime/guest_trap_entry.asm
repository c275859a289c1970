; SPDX-License-Identifier: MIT
; Exception entries, and the way into and out of a probe. The order of the pushes is
; struct guest_trap_frame in guest_trap.h.

%include "guest/runtime/guest_preserved.inc"

VECTOR_COUNT		equ 32
VECTOR_PROBE_END	equ 0x80
; Vectors that push an error code: SDM Vol. 3A Table "Protected-Mode Exceptions and Interrupts".
ERROR_CODE_VECTORS	equ 1<<8 | 1<<10 | 1<<11 | 1<<12 | 1<<13 | 1<<14 | 1<<17 | 1<<21
RFLAGS_FIXED		equ 2

global guest_trap_stubs, guest_trap_probe_end, guest_probe_enter, guest_probe_leave
global guest_syscall_entry, guest_trap_common
extern guest_trap

%macro push_registers 0
	push	r15
	push	r14
	push	r13
	push	r12
	push	r11
	push	r10
	push	r9
	push	r8
	push	rbp
	push	rdi
	push	rsi
	push	rdx
	push	rcx
	push	rbx
	push	rax
%endmacro

%macro pop_registers 0
	pop	rax
	pop	rbx
	pop	rcx
	pop	rdx
	pop	rsi
	pop	rdi
	pop	rbp
	pop	r8
	pop	r9
	pop	r10
	pop	r11
	pop	r12
	pop	r13
	pop	r14
	pop	r15
%endmacro

%macro trap_stub 1
trap_stub_%1:
	%if (ERROR_CODE_VECTORS >> %1) & 1 = 0
	push	0
	%endif
	push	%1
	jmp	guest_trap_common
%endmacro

section .text
bits 64
%assign vector 0
%rep VECTOR_COUNT
	trap_stub vector
	%assign vector vector + 1
%endrep

; guest_trap_probe_end: INT 0x80, with which every probe's code ends.
; In: the processor's frame without an error code. Out: see guest_trap_common.
guest_trap_probe_end:
	push	0
	push	VECTOR_PROBE_END
	jmp	guest_trap_common

; guest_syscall_entry: where LSTAR may point while a probe executes SYSCALL: the registers as
; SYSCALL left them reach the probe. In, out: as the probe's code.
guest_syscall_entry:
	int	VECTOR_PROBE_END

; guest_trap_common: calls guest_trap(frame), then goes on with the frame as that left it.
; In: vector and error code on the stack above the processor's frame. Clobbers: nothing.
guest_trap_common:
	push_registers
	cld
	mov	rdi, rsp
	call	guest_trap
	pop_registers
	add	rsp, 16
	iretq

; guest_probe_enter: continues with the registers, RIP, CS, RFLAGS, RSP and SS of a frame; returns
; when something jumps to guest_probe_leave.
; In: RDI struct guest_trap_frame *, RSI where RSP is kept until then. Out: none. Clobbers: as a C
; function.
guest_probe_enter:
	push_preserved
	mov	[rsi], rsp
	mov	rsp, rdi
	pop_registers
	add	rsp, 16
	iretq

; guest_probe_leave: the second half of guest_probe_enter.
; In: RSP as guest_probe_enter kept it, CPL 0 in 64-bit code. Out: to the caller of
; guest_probe_enter.
guest_probe_leave:
	push	RFLAGS_FIXED
	popfq
	pop_preserved
	ret

section .rodata
align 8
guest_trap_stubs:
%assign vector 0
%rep VECTOR_COUNT
	dq	trap_stub_ %+ vector
	%assign vector vector + 1
%endrep
