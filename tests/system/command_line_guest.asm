; SPDX-License-Identifier: MIT
; A multiboot1 guest that writes its command line to its serial line, byte for byte, then the
; strings of its modules, a line each, and ends with code 7. One flat file: nasm -f bin.
; Source: Multiboot Specification version 0.6.96, "The layout of Multiboot header",
; "Boot information format".

LOAD_ADDRESS      equ 0x100000
MAGIC             equ 0x1badb002
FLAG_ADDRESSES    equ 1 << 16           ; The header's own load addresses are valid.
INFO_COMMAND_LINE equ 16
INFO_MODULE_COUNT equ 20
INFO_MODULES      equ 24
MODULE_STRING     equ 8
MODULE_BYTES      equ 16
UART              equ 0x3f8
UART_LINE_STATUS  equ UART + 5
LINE_STATUS_READY equ 0x20
DEBUG_EXIT        equ 0xf4
EXIT_CODE         equ 7

	bits 32
	org LOAD_ADDRESS

header:
	dd MAGIC, FLAG_ADDRESSES, -(MAGIC + FLAG_ADDRESSES)
	dd header, LOAD_ADDRESS, image_end, memory_end, start

; In: EBX = multiboot information. Never returns.
start:
	mov esp, memory_end
	mov esi, [ebx + INFO_COMMAND_LINE]
	call write_line
	mov ecx, [ebx + INFO_MODULE_COUNT]
	mov edi, [ebx + INFO_MODULES]
	jecxz .end
.module:
	mov esi, [edi + MODULE_STRING]
	call write_line
	add edi, MODULE_BYTES
	loop .module
.end:
	mov al, EXIT_CODE
	out DEBUG_EXIT, al
.halt:
	cli
	hlt
	jmp .halt

; Writes a string and a line feed. In: ESI = string, ended by a NUL. Clobbers: EAX, EDX, ESI.
write_line:
	lodsb
	test al, al
	jz .last
	call write_byte
	jmp write_line
.last:
	mov al, `\n`

; Writes one byte. In: AL. Clobbers: AH, EDX.
write_byte:
	mov ah, al
	mov edx, UART_LINE_STATUS
.wait:
	in al, dx
	test al, LINE_STATUS_READY
	jz .wait
	mov al, ah
	mov edx, UART
	out dx, al
	ret

image_end:

STACK_BYTES equ 4096
memory_end equ image_end + STACK_BYTES
