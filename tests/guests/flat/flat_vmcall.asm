; SPDX-License-Identifier: MIT
; A flat real-mode image, at 0x7c00: how it is entered, and calls from real mode and from 32-bit
; protected mode. Prints PASS and FAIL lines, ends by the debug-exit port.

%include "guest/trivet_guest.inc"

UART_DATA	equ 0x3f8
UART_LSR	equ 0x3fd
LSR_EMPTY	equ 0x20
DEBUG_EXIT	equ 0xf4
LOAD_ADDRESS	equ 0x7c00
CR0_PE		equ 1
CODE32		equ 0x08
DATA32		equ 0x10

; verdict CONDITION, NAME: prints PASS if the flags hold, else FAIL and counts.
%macro verdict 2
	mov	si, %%pass
	j%1	%%print
	mov	si, %%fail
	inc	byte [failures]
%%print:
	call	print
	jmp	%%end
%%pass:	db	"PASS ", %2, 10, 0
%%fail:	db	"FAIL ", %2, ": got=other want=as named", 10, 0
%%end:
%endmacro

org LOAD_ADDRESS
bits 16
	call	.here
.here:
	pop	bp
	mov	di, cs
	xor	ax, ax
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	sp, LOAD_ADDRESS
	cld
	cmp	bp, .here
	verdict	e, "entered_at_7c00"
	test	di, di
	verdict	z, "cs_is_0"
	smsw	ax
	test	al, CR0_PE
	verdict	z, "entered_in_real_mode"

	trivet_find_or missing
	trivet_call TRIVET_CALL_PING
	cmp	eax, TRIVET_PING_RESULT
	verdict	e, "ping_from_real_mode"
	trivet_call 0x1234
	cmp	eax, -TRIVET_ENOSYS
	verdict	e, "enosys_from_real_mode"
	trivet_call TRIVET_CALL_LOG, text, text_end - text
	test	eax, eax
	verdict	z, "log_from_real_mode"

	lgdt	[gdt_pointer]
	mov	eax, cr0
	or	al, CR0_PE
	mov	cr0, eax
	jmp	CODE32:protected
bits 32
protected:
	mov	eax, DATA32
	mov	ds, eax
	trivet_call TRIVET_CALL_PING
	mov	[ping_result], eax
	mov	eax, cr0
	and	al, ~CR0_PE
	jmp	CODE16:back
bits 16
back:
	mov	cr0, eax
	jmp	0:.real
.real:
	xor	ax, ax
	mov	ds, ax
	cmp	dword [ping_result], TRIVET_PING_RESULT
	verdict	e, "ping_from_protected_mode"
finish:
	movzx	eax, byte [failures]
	cmp	al, 1
	jb	.exit
	mov	al, 1
.exit:
	mov	dx, DEBUG_EXIT
	out	dx, eax
.stop:
	cli
	hlt
	jmp	.stop
missing:
	mov	si, skip
	call	print
	jmp	finish

; print: a text on the serial line. In: SI text, 0 at its end. Clobbers: AX, DX, SI.
print:
	mov	dx, UART_LSR
.wait:
	in	al, dx
	test	al, LSR_EMPTY
	jz	.wait
	lodsb
	test	al, al
	jz	.end
	mov	dx, UART_DATA
	out	dx, al
	jmp	print
.end:
	ret

skip:		db "SKIP calls: not under Trivet", 10, 0
text:		db "a flat guest logs from real mode"
text_end:
failures:	db 0
align 4
ping_result:	dd 0
align 8
gdt:
	dq	0
	dq	0x00cf9b000000ffff
	dq	0x00cf93000000ffff
	dq	0x00009b000000ffff
CODE16		equ 0x18
gdt_pointer:
	dw	gdt_pointer - gdt - 1
	dd	gdt
