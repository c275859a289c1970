; SPDX-License-Identifier: MIT
; The multiboot2 header: what GRUB looks for, and what we ask of it.
; Source: Multiboot2 Specification version 2.0, "OS image format".

MULTIBOOT2_HEADER_MAGIC equ 0xe85250d6
ARCHITECTURE_I386       equ 0

TAG_END                 equ 0
TAG_INFORMATION_REQUEST equ 1
TAG_FRAMEBUFFER         equ 5
TAG_MODULE_ALIGNMENT    equ 6
TAG_OPTIONAL            equ 1           ; Flag: a loader that cannot serve the tag ignores it.

INFO_COMMAND_LINE       equ 1
INFO_LOADER_NAME        equ 2
INFO_MODULES            equ 3
INFO_MEMORY_MAP         equ 6
INFO_FRAMEBUFFER        equ 8
INFO_ELF_SECTIONS       equ 9
INFO_ACPI_OLD           equ 14
INFO_ACPI_NEW           equ 15

; A wish only, the loader may choose another mode: enough for 128 columns of 8 by 16 pixels.
WISHED_WIDTH            equ 1024
WISHED_HEIGHT           equ 768
WISHED_DEPTH            equ 32

section .multiboot2 alloc noexec nowrite progbits align=8

header:
	dd MULTIBOOT2_HEADER_MAGIC
	dd ARCHITECTURE_I386
	dd header_end - header
	dd 0x100000000 - (MULTIBOOT2_HEADER_MAGIC + ARCHITECTURE_I386 + (header_end - header))

	align 8, db 0
request:
	dw TAG_INFORMATION_REQUEST, TAG_OPTIONAL
	dd request_end - request
	dd INFO_COMMAND_LINE, INFO_LOADER_NAME, INFO_MODULES, INFO_MEMORY_MAP
	dd INFO_FRAMEBUFFER, INFO_ELF_SECTIONS, INFO_ACPI_OLD, INFO_ACPI_NEW
request_end:

	align 8, db 0
framebuffer:
	dw TAG_FRAMEBUFFER, TAG_OPTIONAL
	dd framebuffer_end - framebuffer
	dd WISHED_WIDTH, WISHED_HEIGHT, WISHED_DEPTH
framebuffer_end:

	align 8, db 0
module_alignment:
	dw TAG_MODULE_ALIGNMENT, 0
	dd module_alignment_end - module_alignment
module_alignment_end:

	align 8, db 0
	dw TAG_END, 0
	dd 8
header_end:
