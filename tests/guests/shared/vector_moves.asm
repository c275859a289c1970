; SPDX-License-Identifier: MIT
; Loads and stores of the x87, SSE and AVX registers for vector_state.c.

MXCSR_OFFSET	equ 16 * 32 + 108
X87_OFFSET	equ 16 * 32
YMM_BYTES	equ 32
UART_LSR_PORT	equ 0x3fd
CALL_1		equ 1

global vector_load_sse, vector_store_sse, vector_load_avx, vector_store_avx
global vector_repeat_vmcall, vector_repeat_cpuid, vector_repeat_in

section .text
bits 64
; vector_load_sse, vector_load_avx: load x87, MXCSR and XMM or YMM registers.
; In: RDI struct vector_state *. Out: the registers. Clobbers: nothing else.
vector_load_sse:
	frstor	[rdi + X87_OFFSET]
	ldmxcsr	[rdi + MXCSR_OFFSET]
	%assign i 0
	%rep 16
	movdqu	xmm %+ i, [rdi + i * YMM_BYTES]
	%assign i i + 1
	%endrep
	ret

vector_load_avx:
	frstor	[rdi + X87_OFFSET]
	ldmxcsr	[rdi + MXCSR_OFFSET]
	%assign i 0
	%rep 16
	vmovdqu	ymm %+ i, [rdi + i * YMM_BYTES]
	%assign i i + 1
	%endrep
	ret

; vector_store_sse, vector_store_avx: the reverse.
; In: RDI struct vector_state *. Out: the memory; the x87 is reset. Clobbers: nothing else.
vector_store_sse:
	%assign i 0
	%rep 16
	movdqu	[rdi + i * YMM_BYTES], xmm %+ i
	%assign i i + 1
	%endrep
	stmxcsr	[rdi + MXCSR_OFFSET]
	fnsave	[rdi + X87_OFFSET]
	ret

vector_store_avx:
	%assign i 0
	%rep 16
	vmovdqu	[rdi + i * YMM_BYTES], ymm %+ i
	%assign i i + 1
	%endrep
	stmxcsr	[rdi + MXCSR_OFFSET]
	fnsave	[rdi + X87_OFFSET]
	ret

; vector_repeat_*: an instruction that exits, again and again.
; In: RDI count, not 0. Out: nothing. Clobbers: RAX, RCX, RDX, RDI.
vector_repeat_vmcall:
	mov	eax, CALL_1
	vmcall
	dec	rdi
	jnz	vector_repeat_vmcall
	ret

vector_repeat_cpuid:
	push	rbx
.again:
	xor	eax, eax
	xor	ecx, ecx
	cpuid
	dec	rdi
	jnz	.again
	pop	rbx
	ret

vector_repeat_in:
	mov	edx, UART_LSR_PORT
	in	al, dx
	dec	rdi
	jnz	vector_repeat_in
	ret
