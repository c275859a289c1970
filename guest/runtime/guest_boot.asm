; SPDX-License-Identifier: MIT
; From the multiboot loader's 32-bit protected mode to C in long mode.

MULTIBOOT_HEADER_MAGIC	equ 0x1badb002
MULTIBOOT_PAGE_ALIGN	equ 1 << 0
MULTIBOOT_MEMORY_INFO	equ 1 << 1
MULTIBOOT_FLAGS		equ MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO

CR0_PG			equ 1 << 31
CR4_PAE			equ 1 << 5
MSR_EFER		equ 0xc0000080
EFER_SCE		equ 1 << 0
EFER_LME		equ 1 << 8
EFER_NXE		equ 1 << 11

PAGE_PRESENT		equ 1 << 0
PAGE_WRITABLE		equ 1 << 1
PAGE_USER		equ 1 << 2
PAGE_SIZE_2M		equ 1 << 7
PAGE_ALL		equ PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER
PAGE_ENTRY_BYTES	equ 8
PAGE_ENTRY_COUNT	equ 512
PAGE_2M_SHIFT		equ 21

BOOT_CODE64		equ 0x08
STACK_BYTES		equ 32 * 1024

global guest_entry, guest_pml4, guest_page_directory
extern guest_start

section .multiboot progbits alloc noexec nowrite align=4
	dd	MULTIBOOT_HEADER_MAGIC
	dd	MULTIBOOT_FLAGS
	dd	-(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_FLAGS)

section .rodata align=8
boot_gdt:
	dq	0
	dq	0x00af9b000000ffff	; 64-bit code, present, accessed, DPL 0
boot_gdt_pointer:
	dw	boot_gdt_pointer - boot_gdt - 1
	dd	boot_gdt

section .bss align=4096
alignb 4096
guest_pml4:
	resb	4096
guest_page_directory_pointers:
	resb	4096
guest_page_directory:
	resb	4096
boot_stack:
	resb	STACK_BYTES
boot_stack_top:

; guest_entry: the multiboot entry point.
; In: EAX the loader's magic, EBX the information structure; 32-bit flat segments, paging off.
; Out: guest_start(magic, information) in long mode; never returns. Stack on entry: none.
section .text
bits 32
guest_entry:
	cli
	cld
	mov	esp, boot_stack_top
	mov	esi, eax
	; Identity map of the first GiB; which addresses hold memory is the hypervisor's business.
	mov	dword [guest_pml4], guest_page_directory_pointers + PAGE_ALL
	mov	dword [guest_page_directory_pointers], guest_page_directory + PAGE_ALL
	xor	ecx, ecx
.map:
	mov	eax, ecx
	shl	eax, PAGE_2M_SHIFT
	or	eax, PAGE_ALL | PAGE_SIZE_2M
	mov	[guest_page_directory + ecx * PAGE_ENTRY_BYTES], eax
	inc	ecx
	cmp	ecx, PAGE_ENTRY_COUNT
	jne	.map

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
	lgdt	[boot_gdt_pointer]
	jmp	BOOT_CODE64:.long_mode

bits 64
.long_mode:
	xor	eax, eax
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	fs, eax
	mov	gs, eax
	mov	rsp, boot_stack_top
	xor	ebp, ebp
	mov	edi, esi
	mov	esi, ebx
	call	guest_start
.stop:
	cli
	hlt
	jmp	.stop
