; SPDX-License-Identifier: MIT
; A multiboot kernel for QEMU's PC that puts a Linux guest's low memory where it belongs and enters
; the kernel as the 64-bit boot protocol wants it: what a vCPU's first state will be, on a bare
; machine. LOW_COPY is where low.bin was put; ENTRY, ZERO_PAGE, PAGE_TABLES, GDT, GDT_LIMIT come
; from tests/host/place_linux.c.

CONFIG_ADDRESS	equ 0xcf8
CONFIG_DATA	equ 0xcfc
PAM_0		equ 0x80000058		; Of the 82441FX: PAM0 is byte 1, PAM1 to 6 follow.
PAM_4		equ 0x8000005c
PAM_RAM		equ 0x33333333		; Reads and writes go to RAM, not to the ROM's copy.
ROM_START	equ 0xe0000
ROM_BYTES	equ 0x20000
LOW_BYTES	equ 0x9fc00 + 0x400
CODE		equ 0x10
DATA		equ 0x18
IA32_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8
CR0_PE_PG	equ (1 << 31) | 1
CR4_PAE		equ 1 << 5

bits 32
section .text
align 4
	dd 0x1badb002, 0, -0x1badb002

global _start
; Purpose: the multiboot entry. Inputs: 32-bit protected mode, paging off, interrupts off.
; Outputs: none, it does not return. Clobbers: all. Stack: none.
_start:
	mov	dx, CONFIG_ADDRESS
	mov	eax, PAM_0
	out	dx, eax
	mov	eax, PAM_RAM
	mov	dx, CONFIG_DATA + 1
	out	dx, al
	inc	dx
	out	dx, ax
	mov	dx, CONFIG_ADDRESS
	mov	eax, PAM_4
	out	dx, eax
	mov	eax, PAM_RAM
	mov	dx, CONFIG_DATA
	out	dx, eax
	cld
	mov	esi, LOW_COPY
	xor	edi, edi
	mov	ecx, LOW_BYTES / 4
	rep movsd
	mov	esi, LOW_COPY + ROM_START
	mov	edi, ROM_START
	mov	ecx, ROM_BYTES / 4
	rep movsd
	lgdt	[gdt_register]
	mov	eax, cr4
	or	eax, CR4_PAE
	mov	cr4, eax
	mov	eax, PAGE_TABLES
	mov	cr3, eax
	mov	ecx, IA32_EFER
	rdmsr
	or	eax, EFER_LME
	wrmsr
	mov	eax, cr0
	or	eax, CR0_PE_PG
	mov	cr0, eax
	mov	eax, DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	esi, ZERO_PAGE
	jmp	CODE:ENTRY

gdt_register:
	dw	GDT_LIMIT
	dd	GDT
