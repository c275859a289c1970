; SPDX-License-Identifier: MIT
; The self-test's guests: flat real-mode images, position-independent but for nothing.

section .rodata
bits 16

DEBUG_EXIT_PORT equ 0xf4
SPIN_TICKS equ 50000000
LOCAL_APIC_ICR_LOW equ 0x300
LOCAL_APIC_ICR_HIGH equ 0x310
ICR_NMI equ 0x4400		; Delivery mode NMI, level assert, physical destination.

; Waits SPIN_TICKS by the TSC and ends with code 0. Clobbers EAX, EBX, EDX.
%macro SPIN_AND_END 0
	rdtsc
	mov	ebx, eax
%%again:
	rdtsc
	sub	eax, ebx
	cmp	eax, SPIN_TICKS
	jb	%%again
	xor	eax, eax
	out	DEBUG_EXIT_PORT, al
%endmacro

; Spins with interrupts disabled: external-interrupt exiting does not care.
global selftest_spin_masked_start, selftest_spin_masked_end
selftest_spin_masked_start:
	cli
	SPIN_AND_END
selftest_spin_masked_end:

; Spins with interrupts enabled; its interrupt table is empty, so an interrupt that reached it
; would crash it.
global selftest_spin_open_start, selftest_spin_open_end
selftest_spin_open_start:
	sti
	SPIN_AND_END
selftest_spin_open_end:

; Sends an NMI to its own CPU. In: DS base = the local APIC's page, EAX = the CPU's APIC ID in
; bits 31:24.
global selftest_nmi_start, selftest_nmi_end
selftest_nmi_start:
	mov	[LOCAL_APIC_ICR_HIGH], eax
	mov	dword [LOCAL_APIC_ICR_LOW], ICR_NMI
	mov	ecx, 100
.wait:
	dec	ecx
	jnz	.wait
	xor	eax, eax
	out	DEBUG_EXIT_PORT, al
selftest_nmi_end:

section .note.GNU-stack noalloc noexec nowrite progbits
