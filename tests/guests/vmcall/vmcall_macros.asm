; SPDX-License-Identifier: MIT
; The macros of trivet_guest.inc, for guest_vmcall.c to call.

%include "guest/trivet_guest.inc"

global vmcall_macro_ping, vmcall_macro_find

section .text
bits 64
; vmcall_macro_ping: a ping by the include file's macro. Out: RAX. Clobbers: nothing else.
vmcall_macro_ping:
	push	rbx
	trivet_call TRIVET_CALL_PING, 0, 0, 0, 0
	pop	rbx
	ret

; vmcall_macro_find: the include file's search. Out: EAX 1 if found, else 0. Clobbers: RCX, RDX.
vmcall_macro_find:
	push	rbx
	trivet_find_or .missing
	mov	eax, 1
	pop	rbx
	ret
.missing:
	xor	eax, eax
	pop	rbx
	ret
