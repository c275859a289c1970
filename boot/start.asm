; SPDX-License-Identifier: MIT
; From GRUB's 32-bit hand-over to boot_main() in long mode.

MULTIBOOT2_BOOT_MAGIC equ 0x36d76289

CODE64_SELECTOR       equ 0x08
DATA_SELECTOR         equ 0x10

EFLAGS_ID             equ 1 << 21
CR0_PE                equ 1 << 0
CR0_MP                equ 1 << 1
CR0_ET                equ 1 << 4        ; Always 1.
CR0_NE                equ 1 << 5
CR0_PG                equ 1 << 31
CR4_PAE               equ 1 << 5
MSR_EFER              equ 0xc0000080
EFER_LME              equ 1 << 8
CPUID_EXTENDED_MAX    equ 0x80000000
CPUID_EXTENDED        equ 0x80000001
CPUID_EXTENDED_LM     equ 1 << 29       ; EDX: Intel 64 architecture.
CPUID_FEATURES_RDRAND equ 1 << 30       ; Leaf 1, ECX.

PAGE_PRESENT_WRITE    equ 3
PAGE_LARGE            equ 1 << 7
PAGE_SIZE             equ 4096
LARGE_PAGE_SIZE       equ 2 << 20
ENTRIES_PER_TABLE     equ 512
DIRECTORY_COUNT       equ 4             ; One page directory maps 1 GiB.

BOOT_STACK_SIZE       equ 32768

COM1                  equ 0x3f8
UART_IER              equ 1
UART_FCR              equ 2
UART_LCR              equ 3
UART_LSR              equ 5
UART_LCR_DLAB_8N1     equ 0x83
UART_LCR_8N1          equ 0x03
UART_FCR_ENABLE       equ 0x07
UART_LSR_THRE         equ 0x20
UART_WAIT_LIMIT       equ 100000        ; Reads of the LSR: an absent UART must not hang us.
VGA_TEXT              equ 0xb8000
VGA_ATTRIBUTE         equ 0x0f
VGA_CELLS             equ 80 * 25

RDRAND_TRIES          equ 10            ; SDM Vol. 1 "Random Number Generator Instructions".
CANARY_MIX            equ 0x9e3779b97f4a7c15

extern boot_main

global boot_entry
global boot_stack_guard
global boot_stack_top
global __stack_chk_guard

section .text.boot alloc exec nowrite progbits align=16
bits 32

; Purpose: entry from a multiboot2 loader; finds out whether we can run at all.
; Inputs: EAX the loader's magic, EBX the boot information; protected mode, paging off, flat
;   segments. Source: Multiboot2 Specification version 2.0, "I386 machine state".
; Outputs: does not return. Clobbers: everything. Stack on entry: none.
boot_entry:
	cli
	cld
	mov esp, boot_stack_top
	xor ebp, ebp
	mov [boot_magic], eax
	mov [boot_information], ebx
	mov esi, text_no_loader
	cmp eax, MULTIBOOT2_BOOT_MAGIC
	jne stop_with_message

	; CPUID exists if EFLAGS.ID can be changed: SDM Vol. 2A "CPUID".
	mov esi, text_no_long_mode
	pushfd
	pop eax
	mov ecx, eax
	xor eax, EFLAGS_ID
	push eax
	popfd
	pushfd
	pop eax
	cmp eax, ecx
	je stop_with_message

	mov eax, CPUID_EXTENDED_MAX
	cpuid
	cmp eax, CPUID_EXTENDED
	jb stop_with_message
	mov eax, CPUID_EXTENDED
	cpuid
	test edx, CPUID_EXTENDED_LM
	jz stop_with_message

	call build_early_tables
	; SDM Vol. 3A "Initializing IA-32e Mode": PAE, CR3, EFER.LME, then CR0.PG. All three are
	; written whole, as firmware and loaders leave in them what they like: LA57 would make five
	; levels of our four, CD would switch the caches off.
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, early_pml4
	mov cr3, eax
	mov ecx, MSR_EFER
	mov eax, EFER_LME
	xor edx, edx
	wrmsr
	mov eax, CR0_PG + CR0_NE + CR0_ET + CR0_MP + CR0_PE
	mov cr0, eax
	lgdt [early_gdt_register]
	jmp CODE64_SELECTOR:enter_long_mode

; Purpose: maps the first 4 GiB one to one by 2 MiB pages, writable and executable, until our own
;   page tables take over.
; Inputs: zeroed tables. Outputs: the tables. Clobbers: EAX, ECX, EDX, EDI. Stack: return address.
build_early_tables:
	mov dword [early_pml4], early_pdpt + PAGE_PRESENT_WRITE
	mov edi, early_pdpt
	mov eax, early_directories + PAGE_PRESENT_WRITE
	mov ecx, DIRECTORY_COUNT
.directory:
	mov [edi], eax
	add edi, 8
	add eax, PAGE_SIZE
	loop .directory

	mov edi, early_directories
	mov eax, PAGE_PRESENT_WRITE + PAGE_LARGE
	mov ecx, DIRECTORY_COUNT * ENTRIES_PER_TABLE
.page:
	mov [edi], eax
	add edi, 8
	add eax, LARGE_PAGE_SIZE
	loop .page
	ret

; Purpose: says on COM1 and the VGA text screen why we cannot start, and stops the machine.
; Inputs: ESI a NUL-terminated text. Outputs: does not return. Clobbers: everything.
stop_with_message:
	call serial_start
	mov edi, VGA_TEXT
	mov eax, VGA_ATTRIBUTE << 8 | ' '
	mov ecx, VGA_CELLS
	rep stosw
	mov edi, VGA_TEXT
.next:
	lodsb
	test al, al
	jz .stop
	call serial_send
	cmp al, ' '
	jb .next
	mov ah, VGA_ATTRIBUTE
	stosw
	jmp .next
.stop:
	cli
	hlt
	jmp .stop

; Purpose: sets COM1 to 115200 bits a second, 8N1. Clobbers: EAX, EDX. Stack: return address.
serial_start:
	mov dx, COM1 + UART_LCR
	mov al, UART_LCR_DLAB_8N1
	out dx, al
	mov dx, COM1
	mov al, 1
	out dx, al
	mov dx, COM1 + UART_IER
	xor al, al
	out dx, al
	mov dx, COM1 + UART_LCR
	mov al, UART_LCR_8N1
	out dx, al
	mov dx, COM1 + UART_FCR
	mov al, UART_FCR_ENABLE
	out dx, al
	ret

; Purpose: sends AL over COM1, or gives up after a while. Clobbers: ECX, EDX.
; Stack: return address.
serial_send:
	push eax
	mov ecx, UART_WAIT_LIMIT
	mov dx, COM1 + UART_LSR
.wait:
	in al, dx
	test al, UART_LSR_THRE
	loopz .wait
	pop eax
	mov dx, COM1
	out dx, al
	ret

bits 64

; Purpose: sets up what C relies on (segments, stack, RFLAGS, the stack protector's canary) and
;   calls boot_main(magic, information).
; Inputs: long mode, the early page tables. Outputs: does not return. Stack on entry: unused.
enter_long_mode:
	mov eax, DATA_SELECTOR
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov rsp, boot_stack_top
	xor ebp, ebp
	push 2                          ; RFLAGS: all clear, AC too, but the bit that is always 1.
	popfq
	call set_canary
	mov edi, [boot_magic]
	mov esi, [boot_information]
	call boot_main
.stop:
	cli
	hlt
	jmp .stop

; Purpose: fills __stack_chk_guard from RDRAND, or from the TSC where there is none. Its lowest byte
;   is 0, so that no string function can copy past it.
; Outputs: the variable. Clobbers: RAX, RBX, RCX, RDX. Stack: return address.
set_canary:
	mov eax, 1
	cpuid
	test ecx, CPUID_FEATURES_RDRAND
	jz .from_tsc
	mov ecx, RDRAND_TRIES
.again:
	rdrand rax
	jc .store
	loop .again
.from_tsc:
	rdtsc
	shl rdx, 32
	or rax, rdx
	mov rdx, CANARY_MIX
	mul rdx
	xor rax, rdx
.store:
	xor al, al
	mov [rel __stack_chk_guard], rax
	ret

section .rodata alloc noexec nowrite progbits align=16

early_gdt:
	dq 0
	dq 0x00af9b000000ffff           ; 64-bit code.
	dq 0x00cf93000000ffff           ; Data.
early_gdt_end:

early_gdt_register:
	dw early_gdt_end - early_gdt - 1
	dq early_gdt

text_no_loader:
	db "error: trivet: not started by a multiboot2 loader", 13, 10
	db "trivet: end status=125", 13, 10, 0
text_no_long_mode:
	db "error: trivet: this CPU has no 64-bit mode (Intel 64 architecture)", 13, 10
	db "trivet: end status=125", 13, 10, 0

section .data alloc noexec write progbits align=8

; In .data: a canary that is 0 would be right by accident in a zeroed stack.
__stack_chk_guard:
	dq CANARY_MIX & ~0xff

section .bss alloc noexec write nobits align=4096

early_pml4:
	resb PAGE_SIZE
early_pdpt:
	resb PAGE_SIZE
early_directories:
	resb PAGE_SIZE * DIRECTORY_COUNT
boot_stack_guard:
	resb PAGE_SIZE
	resb BOOT_STACK_SIZE
boot_stack_top:
boot_magic:
	resd 1
boot_information:
	resd 1

section .note.GNU-stack noalloc noexec nowrite progbits
