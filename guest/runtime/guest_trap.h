/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_TRAP_H
#define GUEST_RUNTIME_GUEST_TRAP_H

#include <stdbool.h>
#include <stdint.h>

enum guest_vector {
	VECTOR_DE = 0,
	VECTOR_DB = 1,
	VECTOR_NMI = 2,
	VECTOR_BP = 3,
	VECTOR_OF = 4,
	VECTOR_BR = 5,
	VECTOR_UD = 6,
	VECTOR_NM = 7,
	VECTOR_DF = 8,
	VECTOR_TS = 10,
	VECTOR_NP = 11,
	VECTOR_SS = 12,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
	VECTOR_MF = 16,
	VECTOR_AC = 17,
	VECTOR_MC = 18,
	VECTOR_XM = 19,
	VECTOR_EXCEPTION_COUNT = 32,
	VECTOR_PROBE_END = 0x80,
};

/* In the order in which guest_trap_entry.asm pushes them. */
struct guest_registers {
	uint64_t rax;
	uint64_t rbx;
	uint64_t rcx;
	uint64_t rdx;
	uint64_t rsi;
	uint64_t rdi;
	uint64_t rbp;
	uint64_t r8;
	uint64_t r9;
	uint64_t r10;
	uint64_t r11;
	uint64_t r12;
	uint64_t r13;
	uint64_t r14;
	uint64_t r15;
};

struct guest_trap_frame {
	struct guest_registers registers;
	uint64_t vector;
	uint64_t error_code; /* 0 where the vector has none. */
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
};
_Static_assert(sizeof(struct guest_trap_frame) == 22 * sizeof(uint64_t), "guest_trap_entry.asm");

/*
 * A hook sees every exception that no probe takes. It returns true if the frame, which it may
 * change, is to be resumed; false ends the guest with a report. 0 takes the hook away.
 */
typedef bool (*guest_trap_hook)(struct guest_trap_frame *frame);
void guest_trap_set_hook(guest_trap_hook hook);

/* Called by the entry stubs. */
void guest_trap(struct guest_trap_frame *frame);

#endif
