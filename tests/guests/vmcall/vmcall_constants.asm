; SPDX-License-Identifier: MIT
; The constants of trivet_guest.inc, in the order of the table in guest_vmcall.c.

%include "guest/trivet_guest.inc"

global vmcall_constants, vmcall_macro_ping, vmcall_macro_find

section .rodata
align 8
vmcall_constants:
	dq	KVM_CPUID_SIGNATURE_LEAF, KVM_CPUID_FEATURES_LEAF, TRIVET_CPUID_SIGNATURE_LEAF
	dq	TRIVET_CPUID_VERSION_LEAF, TRIVET_INTERFACE_VERSION
	dq	TRIVET_EPERM, TRIVET_E2BIG, TRIVET_EFAULT, TRIVET_EINVAL, TRIVET_EOPNOTSUPP
	dq	TRIVET_ENOSYS, KVM_CALL_VAPIC_POLL_IRQ, TRIVET_CALL_BASE, TRIVET_CALL_PING
	dq	TRIVET_CALL_LOG, TRIVET_CALL_END, TRIVET_PING_RESULT, TRIVET_LOG_MAX

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
