; SPDX-License-Identifier: MIT
; A multiboot guest that prints CPUID leaf 0x40000001 EAX as eight hexadecimal digits and its
; command line. Its last character says how it ends: H halts for good, S spins, T is a triple fault,
; L prints LINES lines more, of one letter each, any other is code 5 at the debug-exit port.

MULTIBOOT_MAGIC	equ 0x1badb002
LOAD_ADDRESSES	equ 1 << 16
LOAD_ADDRESS	equ 0x100000
COMMAND_LINE	equ 16			; Offset in the multiboot information.
KVM_FEATURES	equ 0x40000001
COM1		equ 0x3f8
DEBUG_EXIT	equ 0xf4
EXIT_CODE	equ 5
LINES		equ 10000

bits 32
org LOAD_ADDRESS

header:
	dd	MULTIBOOT_MAGIC, LOAD_ADDRESSES, -(MULTIBOOT_MAGIC + LOAD_ADDRESSES)
	dd	header, header, end, end, entry

entry:
	mov	ebp, [ebx + COMMAND_LINE]
	mov	eax, KVM_FEATURES
	cpuid
	mov	ebx, eax
	mov	ecx, 8
	mov	edx, COM1
.digit:
	rol	ebx, 4
	mov	eax, ebx
	and	eax, 0xf
	mov	al, [digits + eax]
	out	dx, al
	loop	.digit
	mov	al, ' '
.text:
	out	dx, al
	mov	ah, al
	mov	al, [ebp]
	inc	ebp
	test	al, al
	jnz	.text
	mov	al, 10
	out	dx, al
	cmp	ah, 'H'
	je	.halt
	cmp	ah, 'S'
	je	.spin
	cmp	ah, 'T'
	je	.triple_fault
	cmp	ah, 'L'
	je	.lines
.end:
	mov	al, EXIT_CODE
	out	DEBUG_EXIT, al
.halt:
	hlt
	jmp	.halt
.spin:
	sti				; In Bochs nothing takes a guest out that spins with IF=0.
.forever:
	jmp	.forever
.lines:					; From "a" to "p", again and again.
	xor	ecx, ecx
.line:
	mov	al, cl
	and	al, 0xf
	add	al, 'a'
	out	dx, al
	mov	al, 10
	out	dx, al
	inc	ecx
	cmp	ecx, LINES
	jne	.line
	jmp	.end
.triple_fault:				; The IDT is empty.
	int3

digits:	db	"0123456789abcdef"
end:
