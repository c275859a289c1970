; SPDX-License-Identifier: MIT
; The way of an application processor from its start-up IPI to C in long mode. The first part runs
; in real mode from a copy that lies at the page of the IPI's vector; it is position-independent and
; first writes down, in that page, the state that it finds: struct guest_ap_state in guest_smp.h.

%define IN_PAGE(label) (label - guest_ap_start)

CR0_PE			equ 1 << 0
CR0_CD_NW		equ 3 << 29
CR0_PG			equ 1 << 31
CR4_PAE			equ 1 << 5
MSR_APIC_BASE		equ 0x1b
MSR_EFER		equ 0xc0000080
EFER_SCE		equ 1 << 0
EFER_LME		equ 1 << 8
EFER_NXE		equ 1 << 11
CPUID_TOPOLOGY		equ 0xb
CPU_MAX			equ 16 ; As GUEST_CPU_MAX.
AP_STACK_BYTES		equ 8192

; In the page, below the extended BIOS data area of a PC whose page 0x9f is taken.
PAGE_STACK_TOP		equ 0xb00
VECTOR_GP		equ 13
VECTOR_BYTES		equ 4
BEYOND_64K		equ 0x10000

CODE32			equ 0x08
DATA32			equ 0x10
CODE64			equ 0x18

global guest_ap_start, guest_ap_state, guest_ap_end, guest_ap_ids
extern guest_pml4, guest_ap_main

section .rodata align=16
ap_gdt:
	dq	0
	dq	0x00cf9b000000ffff ; 32-bit code.
	dq	0x00cf93000000ffff ; Data.
	dq	0x00af9b000000ffff ; 64-bit code.
ap_gdt_end:

section .bss
alignb 16
; The APIC ID of each processor, in the order of their indexes.
guest_ap_ids:
	resd	CPU_MAX
alignb 16
ap_stacks:
	resb	CPU_MAX * AP_STACK_BYTES

section .text
bits 16
align 16
; guest_ap_start: where a start-up IPI leads, in the copy.
; In: what the architecture says. Out: to ap_entry32. Stack: none; afterwards in the page.
guest_ap_start:
	mov	[cs:IN_PAGE(guest_ap_state.eax)], eax
	mov	[cs:IN_PAGE(guest_ap_state.ebx)], ebx
	mov	[cs:IN_PAGE(guest_ap_state.ecx)], ecx
	mov	[cs:IN_PAGE(guest_ap_state.edx)], edx
	mov	[cs:IN_PAGE(guest_ap_state.esi)], esi
	mov	[cs:IN_PAGE(guest_ap_state.edi)], edi
	mov	[cs:IN_PAGE(guest_ap_state.ebp)], ebp
	mov	[cs:IN_PAGE(guest_ap_state.esp)], esp
	mov	[cs:IN_PAGE(guest_ap_state.cs)], cs
	mov	[cs:IN_PAGE(guest_ap_state.ds)], ds
	mov	[cs:IN_PAGE(guest_ap_state.es)], es
	mov	[cs:IN_PAGE(guest_ap_state.fs)], fs
	mov	[cs:IN_PAGE(guest_ap_state.gs)], gs
	mov	[cs:IN_PAGE(guest_ap_state.ss)], ss
	mov	ax, cs
	mov	ss, ax
	mov	esp, PAGE_STACK_TOP
	pushfd
	pop	dword [cs:IN_PAGE(guest_ap_state.eflags)]
	call	.here
.here:
	pop	ax
	sub	ax, IN_PAGE(.here)
	mov	[cs:IN_PAGE(guest_ap_state.ip)], ax
	mov	eax, cr0
	mov	[cs:IN_PAGE(guest_ap_state.cr0)], eax
	mov	eax, cr2
	mov	[cs:IN_PAGE(guest_ap_state.cr2)], eax
	mov	eax, cr3
	mov	[cs:IN_PAGE(guest_ap_state.cr3)], eax
	mov	eax, cr4
	mov	[cs:IN_PAGE(guest_ap_state.cr4)], eax
	mov	eax, dr6
	mov	[cs:IN_PAGE(guest_ap_state.dr6)], eax
	mov	eax, dr7
	mov	[cs:IN_PAGE(guest_ap_state.dr7)], eax
	o32 sgdt	[cs:IN_PAGE(guest_ap_state.gdtr)]
	o32 sidt	[cs:IN_PAGE(guest_ap_state.idtr)]
	mov	ecx, MSR_EFER
	rdmsr
	mov	[cs:IN_PAGE(guest_ap_state.efer)], eax
	mov	[cs:IN_PAGE(guest_ap_state.efer) + 4], edx
	mov	ecx, MSR_APIC_BASE
	rdmsr
	mov	[cs:IN_PAGE(guest_ap_state.apic_base)], eax
	mov	[cs:IN_PAGE(guest_ap_state.apic_base) + 4], edx
	cmp	byte [cs:IN_PAGE(guest_ap_state.wants_limits)], 0
	je	.go_on
	; A data segment of more than 64 KiB has no #GP for us. Whose memory it is does not matter.
	xor	ax, ax
	mov	ds, ax
	mov	word [VECTOR_GP * VECTOR_BYTES], IN_PAGE(.beyond)
	mov	[VECTOR_GP * VECTOR_BYTES + 2], cs
	mov	al, [0xffff]
	mov	al, [dword BEYOND_64K]
	jmp	.go_on
.beyond:
	mov	byte [cs:IN_PAGE(guest_ap_state.has_limits)], 1
.go_on:
	o32 lgdt	[cs:IN_PAGE(.gdt_pointer)]
	mov	eax, cr0
	and	eax, ~CR0_CD_NW
	or	eax, CR0_PE
	mov	cr0, eax
	jmp	dword CODE32:ap_entry32
.gdt_pointer:
	dw	ap_gdt_end - ap_gdt - 1
	dd	ap_gdt

align 8
guest_ap_state:
.efer:		dq 0
.apic_base:	dq 0
.eax:		dd 0
.ebx:		dd 0
.ecx:		dd 0
.edx:		dd 0
.esi:		dd 0
.edi:		dd 0
.ebp:		dd 0
.esp:		dd 0
.eflags:	dd 0
.cr0:		dd 0
.cr2:		dd 0
.cr3:		dd 0
.cr4:		dd 0
.dr6:		dd 0
.dr7:		dd 0
.ip:		dw 0
.cs:		dw 0
.ds:		dw 0
.es:		dw 0
.fs:		dw 0
.gs:		dw 0
.ss:		dw 0
.gdtr:		times 6 db 0
.idtr:		times 6 db 0
.wants_limits:	db 0
.has_limits:	db 0
guest_ap_end:

; ap_entry32: from 32-bit protected mode to guest_ap_main(index).
; In: flat CODE32, paging off. Out: never returns; a processor that is not in guest_ap_ids halts.
bits 32
ap_entry32:
	mov	eax, DATA32
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	; SDM Vol. 3A "Initializing IA-32e Mode": PAE, CR3, LME, then paging.
	mov	eax, cr4
	or	eax, CR4_PAE
	mov	cr4, eax
	mov	eax, guest_pml4
	mov	cr3, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_LME | EFER_NXE | EFER_SCE
	wrmsr
	mov	eax, cr0
	or	eax, CR0_PG
	mov	cr0, eax
	jmp	CODE64:.long_mode

bits 64
.long_mode:
	xor	eax, eax
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	fs, eax
	mov	gs, eax
	; The initial APIC ID says whose stack is ours: leaf 0xb has 32 bits of it, leaf 1 has 8.
	cpuid
	cmp	eax, CPUID_TOPOLOGY
	jb	.leaf_1
	mov	eax, CPUID_TOPOLOGY
	xor	ecx, ecx
	cpuid
	test	ebx, ebx
	jnz	.look_up
.leaf_1:
	mov	eax, 1
	cpuid
	mov	edx, ebx
	shr	edx, 24
.look_up:
	xor	edi, edi
.next:
	cmp	edx, [guest_ap_ids + edi * 4]
	je	.found
	inc	edi
	cmp	edi, CPU_MAX
	jne	.next
.stop:
	cli
	hlt
	jmp	.stop
.found:
	lea	eax, [edi + 1]
	imul	eax, eax, AP_STACK_BYTES
	lea	rsp, [rax + ap_stacks]
	xor	ebp, ebp
	call	guest_ap_main
	jmp	.stop
