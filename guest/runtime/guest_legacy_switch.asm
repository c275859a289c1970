; SPDX-License-Identifier: MIT
; From long mode into protected, virtual-8086 or real mode, and back by any exception there.
; guest_legacy.c fills the variables first and takes the results from guest_legacy_out, whose order
; is struct legacy_frame.

%include "guest/runtime/guest_low.inc"
%include "guest/runtime/guest_preserved.inc"

SELECTOR_KERNEL_CODE	equ 0x08
SELECTOR_KERNEL_DATA	equ 0x10
SELECTOR_USER_DATA	equ 0x23
SELECTOR_KERNEL_CODE32	equ 0x30
SELECTOR_LOW_CODE16	equ 0x38
SELECTOR_LOW_DATA16	equ 0x40
SELECTOR_TSS32		equ 0x58

CR0_PE			equ 1 << 0
CR0_PG			equ 1 << 31
MSR_EFER		equ 0xc0000080
EFER_LME		equ 1 << 8

VECTOR_COUNT		equ 32
VECTOR_PROBE_END	equ 0x80
ERROR_CODE_VECTORS	equ 1<<8 | 1<<10 | 1<<11 | 1<<12 | 1<<13 | 1<<14 | 1<<17 | 1<<21
REGISTER_COUNT		equ 8
OUT_COUNT		equ REGISTER_COUNT + 5

global guest_legacy_enter, guest_legacy_cr0, guest_legacy_cr3, guest_legacy_cr4
global guest_legacy_is_real, guest_legacy_stack, guest_legacy_idt_pointer, guest_legacy_out
global guest_legacy_stubs, guest_low_start, guest_low_end

section .data
align 8
guest_legacy_idt_pointer:
	dw	0
	dd	0
real_idt_pointer:
	dw	0x3ff
	dd	0

section .bss
alignb 8
saved_rsp:		resq 1
saved_cr0:		resq 1
saved_cr3:		resq 1
saved_cr4:		resq 1
guest_legacy_cr0:	resd 1
guest_legacy_cr3:	resd 1
guest_legacy_cr4:	resd 1
guest_legacy_is_real:	resd 1
guest_legacy_stack:	resd 1
guest_legacy_out:	resd OUT_COUNT

section .text
bits 64
; guest_legacy_enter: runs what the frame at guest_legacy_stack (POPAD's registers, then IRETD's)
; says, in the mode that the variables say.
; In: the variables, interrupts off. Out: guest_legacy_out; GDTR, IDTR, TR and the segment
; registers are not restored. Clobbers: as a C function.
guest_legacy_enter:
	push_preserved
	mov	[saved_rsp], rsp
	mov	rax, cr0
	mov	[saved_cr0], rax
	mov	rax, cr3
	mov	[saved_cr3], rax
	mov	rax, cr4
	mov	[saved_cr4], rax
	push	SELECTOR_KERNEL_CODE32
	push	.compatibility
	retfq

bits 32
.compatibility:
	mov	eax, SELECTOR_KERNEL_DATA
	mov	ss, eax
	mov	ds, eax
	mov	es, eax
	; SDM Vol. 3A "Switching Out of IA-32e Mode Operation": paging first, then LME.
	mov	eax, cr0
	and	eax, ~CR0_PG
	mov	cr0, eax
	mov	ecx, MSR_EFER
	rdmsr
	and	eax, ~EFER_LME
	wrmsr
	mov	eax, [guest_legacy_cr4]
	mov	cr4, eax
	mov	eax, [guest_legacy_cr3]
	mov	cr3, eax
	cmp	dword [guest_legacy_is_real], 0
	jne	.real
	mov	eax, [guest_legacy_cr0]
	mov	cr0, eax
	jmp	.serialized
.serialized:
	lidt	[guest_legacy_idt_pointer]
	mov	eax, SELECTOR_TSS32
	ltr	ax
	mov	esp, [guest_legacy_stack]
	; Data segments that serve any privilege level.
	mov	eax, SELECTOR_USER_DATA
	mov	ds, eax
	mov	es, eax
	popad
	iretd
.real:
	; The segment caches must hold what real mode uses: 64 KiB limits.
	lidt	[real_idt_pointer]
	mov	eax, SELECTOR_LOW_DATA16
	mov	ss, eax
	mov	ds, eax
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	jmp	SELECTOR_LOW_CODE16:(low_to_real - guest_low_start + LOW_BLOB_OFFSET)

%macro legacy_stub 1
legacy_stub_%1:
	%if (ERROR_CODE_VECTORS >> %1) & 1 = 0
	push	0
	%endif
	push	%1
	jmp	legacy_common
%endmacro

%assign vector 0
%rep VECTOR_COUNT
	legacy_stub vector
	%assign vector vector + 1
%endrep
legacy_stub_probe_end:
	push	0
	push	VECTOR_PROBE_END
	; Falls through.

; legacy_common: an exception in protected or virtual-8086 mode.
; In: vector, error code, EIP, CS, EFLAGS on the stack. Out: to legacy_to_long.
legacy_common:
	pushad
	mov	eax, SELECTOR_KERNEL_DATA
	mov	ds, eax
	mov	es, eax
	cld
	mov	esi, esp
	mov	edi, guest_legacy_out
	mov	ecx, OUT_COUNT
	rep movsd
	; Falls through.

; legacy_to_long: back to the caller of guest_legacy_enter.
; In: 32-bit code at CPL 0, flat DS. Out: as guest_legacy_enter.
legacy_to_long:
	mov	eax, cr0
	and	eax, ~CR0_PG
	mov	cr0, eax
	mov	eax, [saved_cr4]
	mov	cr4, eax
	mov	eax, [saved_cr3]
	mov	cr3, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_LME
	wrmsr
	mov	eax, [saved_cr0]
	mov	cr0, eax
	jmp	SELECTOR_KERNEL_CODE:.long

bits 64
.long:
	mov	eax, SELECTOR_KERNEL_DATA
	mov	ss, eax
	mov	rsp, [saved_rsp]
	pop_preserved
	ret

bits 32
; legacy_from_real: the second half of an exception in real mode.
; In: ESP the offset, in the low segment, of POPAD's registers, vector, IP, CS, FLAGS (words).
; Out: to legacy_to_long.
legacy_from_real:
	mov	eax, SELECTOR_KERNEL_DATA
	mov	ds, eax
	mov	es, eax
	movzx	esi, sp
	add	esi, GUEST_LOW_BASE
	cld
	mov	edi, guest_legacy_out
	mov	ecx, REGISTER_COUNT
	rep movsd
	xor	eax, eax
	lodsw
	stosd				; Vector.
	xor	eax, eax
	stosd				; Real mode has no error codes.
	mov	ecx, 3
.word:
	xor	eax, eax
	lodsw
	stosd				; IP, CS, FLAGS.
	loop	.word
	jmp	legacy_to_long

section .rodata
align 4
guest_legacy_stubs:
%assign vector 0
%rep VECTOR_COUNT
	dd	legacy_stub_ %+ vector
	%assign vector vector + 1
%endrep
	dd	legacy_stub_probe_end

; What must lie in the low segment, at LOW_BLOB_OFFSET. The exception entries come first, each
; LOW_STUB_BYTES long: vectors 0 to 31, then 0x80.
bits 16
guest_low_start:
%assign vector 0
%rep VECTOR_COUNT
	push	strict word vector
	jmp	near low_exception
	%assign vector vector + 1
%endrep
	push	strict word VECTOR_PROBE_END
	jmp	near low_exception
; A negative count does not assemble: both lines say that the entries have the length they should.
times LOW_STUB_BYTES * (VECTOR_COUNT + 1) - ($ - guest_low_start) nop
times ($ - guest_low_start) - LOW_STUB_BYTES * (VECTOR_COUNT + 1) nop

; low_to_real: from 16-bit protected mode to real mode. In: the segment registers hold 64-KiB
; segments. Out: to the frame at LOW_FRAME_OFFSET.
low_to_real:
	mov	eax, cr0
	and	eax, ~CR0_PE
	mov	cr0, eax
	jmp	GUEST_LOW_SEGMENT:(.real - guest_low_start + LOW_BLOB_OFFSET)
.real:
	mov	ax, GUEST_LOW_SEGMENT
	mov	ds, ax
	mov	es, ax
	mov	fs, ax
	mov	gs, ax
	mov	ss, ax
	mov	esp, LOW_FRAME_OFFSET
	popad
	iretd

; low_exception: in real mode. In: vector, IP, CS, FLAGS on the stack. Out: to legacy_from_real.
low_exception:
	pushad
	mov	eax, cr0
	or	eax, CR0_PE
	mov	cr0, eax
	jmp	dword SELECTOR_KERNEL_CODE32:legacy_from_real
guest_low_end:
