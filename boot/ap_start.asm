; SPDX-License-Identifier: MIT
; Where another processor begins: a copy of this, in a page below 1 MiB. From real mode to a C
; function in long mode. Its words at the end are filled in for each processor.

CODE32_SELECTOR equ ap_gdt_code32 - ap_gdt
DATA_SELECTOR   equ ap_gdt_data - ap_gdt
CODE64_SELECTOR equ ap_gdt_code64 - ap_gdt

CR0_PE          equ 1 << 0
CR0_PG          equ 1 << 31
CR4_PAE         equ 1 << 5
MSR_EFER        equ 0xc0000080

global ap_start_begin
global ap_start_protected
global ap_start_long
global ap_start_end
global ap_start_gdt
global ap_start_gdt_base
global ap_start_protected_address
global ap_start_long_address
global ap_start_efer
global ap_start_cr3
global ap_start_stack
global ap_start_argument
global ap_start_entry

; Not code here, but bytes to copy.
section .rodata alloc noexec nowrite progbits align=16
bits 16

; Purpose: takes a processor that a start-up IPI woke to entry(argument).
; Inputs: real mode, CS the page, IP 0: SDM Vol. 3A "MP Initialization Example"; the words below.
; Outputs: does not return. Clobbers: everything. Stack on entry: none.
ap_start_begin:
	cli
	cld
	xor ebx, ebx
	mov bx, cs
	mov ds, bx
	shl ebx, 4                      ; The page's address, from here to the end.
	o32 lgdt [ap_gdt_register - ap_start_begin]
	mov eax, cr0
	or eax, CR0_PE
	mov cr0, eax
	jmp far dword [ap_start_protected_address - ap_start_begin]

bits 32
ap_start_protected:
	mov eax, DATA_SELECTOR
	mov ds, eax
	mov es, eax
	mov ss, eax
	; SDM Vol. 3A "Initializing IA-32e Mode": PAE, CR3, EFER.LME, then CR0.PG. NXE with them:
	; our tables have pages that are not for execution.
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, [ebx + ap_start_cr3 - ap_start_begin]
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, [ebx + ap_start_efer - ap_start_begin]
	wrmsr
	mov eax, cr0
	or eax, CR0_PG
	mov cr0, eax
	jmp far dword [ebx + ap_start_long_address - ap_start_begin]

bits 64
ap_start_long:
	mov ebx, ebx                    ; The upper half was undefined in the other modes.
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov rsp, [rbx + ap_start_stack - ap_start_begin]
	xor ebp, ebp
	push 2                          ; RFLAGS: all clear, AC too, but the bit that is always 1.
	popfq
	mov rdi, [rbx + ap_start_argument - ap_start_begin]
	call [rbx + ap_start_entry - ap_start_begin]

; The accessed bits are set already: nothing writes to the page once it is read-only.
align 8
ap_start_gdt:
ap_gdt:
	dq 0
ap_gdt_code32:
	dq 0x00cf9b000000ffff
ap_gdt_data:
	dq 0x00cf93000000ffff
ap_gdt_code64:
	dq 0x00af9b000000ffff
ap_gdt_end:

ap_gdt_register:
	dw ap_gdt_end - ap_gdt - 1
ap_start_gdt_base:
	dd 0
ap_start_protected_address:
	dd 0
	dw CODE32_SELECTOR
ap_start_long_address:
	dd 0
	dw CODE64_SELECTOR
ap_start_efer:
	dd 0
ap_start_cr3:
	dd 0
ap_start_stack:
	dq 0
ap_start_argument:
	dq 0
ap_start_entry:
	dq 0
ap_start_end:

section .note.GNU-stack noalloc noexec nowrite progbits
