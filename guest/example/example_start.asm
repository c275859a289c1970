; SPDX-License-Identifier: MIT
; The way into the example guest. Linked first, so that the header is at the file's start.

MULTIBOOT_MAGIC	equ 0x1badb002
MULTIBOOT_FLAGS	equ 0
STACK_BYTES	equ 16 * 1024

section .text
bits 32
	dd	MULTIBOOT_MAGIC
	dd	MULTIBOOT_FLAGS
	dd	-(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

; _start: the multiboot entry point. In: 32-bit protected mode at CPL 0, flat segments, paging and
; interrupts off. Never returns. Stack on entry: none.
global _start
extern example_main
_start:
	mov	esp, stack_top
	call	example_main
.stop:
	cli
	hlt
	jmp	.stop

section .bss
alignb 16
	resb	STACK_BYTES
stack_top:
