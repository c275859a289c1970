/* SPDX-License-Identifier: MIT */
#ifndef CPU_TRAP_H
#define CPU_TRAP_H

#include "lib/types.h"

/* What lies on the interrupt stack when C runs, lowest address first. */
struct trap_frame {
	uint64_t r15;
	uint64_t r14;
	uint64_t r13;
	uint64_t r12;
	uint64_t r11;
	uint64_t r10;
	uint64_t r9;
	uint64_t r8;
	uint64_t rbp;
	uint64_t rdi;
	uint64_t rsi;
	uint64_t rdx;
	uint64_t rcx;
	uint64_t rbx;
	uint64_t rax;
	uint64_t vector;
	uint64_t error_code; /* 0 where the CPU gives none. */
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
};

_Static_assert(sizeof(struct trap_frame) % 16 == 0, "the stack is aligned when C is called");

enum { TRAP_VECTOR_COUNT = 256 };

/*
 * Handles an exception, NMI or interrupt of the host. NMI and #BP are counted (an NMI while another
 * processor panics stops this one); a #GP in the fixup
 * table goes on where that says; an interrupt is counted and gets its EOI; any other exception is
 * reported and ends the run. Context: called by the stubs in traps.asm on an IST stack.
 */
void trap_handle(struct trap_frame *frame);

/*
 * Does for an interrupt that a VM exit acknowledged what its handler would have done: counts it and
 * ends it at its controller. Context: any, interrupts disabled.
 */
void trap_external_interrupt(uint8_t vector);

/* How often a vector came, on all CPUs together. Context: any. */
uint64_t trap_count(uint8_t vector);

#endif
