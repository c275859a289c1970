/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_SEGMENTS_H
#define GUEST_RUNTIME_GUEST_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The selectors of the guests' GDT. SYSCALL takes SELECTOR_KERNEL_CODE and the next, SYSRET counts
 * from SELECTOR_USER_CODE32: the order is what IA32_STAR demands.
 */
enum guest_selector {
	SELECTOR_KERNEL_CODE = 0x08,
	SELECTOR_KERNEL_DATA = 0x10,
	SELECTOR_USER_CODE32 = 0x18 | 3,
	SELECTOR_USER_DATA = 0x20 | 3,
	SELECTOR_USER_CODE = 0x28 | 3,
	SELECTOR_KERNEL_CODE32 = 0x30,
	SELECTOR_LOW_CODE16 = 0x38, /* 64 KiB at GUEST_LOW_BASE, as real mode needs them. */
	SELECTOR_LOW_DATA16 = 0x40,
	SELECTOR_TSS = 0x48, /* Two entries. */
	SELECTOR_TSS32 = 0x58,
	SELECTOR_TASK = 0x60, /* The TSS of a task to switch to; a test fills it. */
	SELECTOR_NOT_PRESENT = 0x68,
	SELECTOR_END = 0x70,
};

/* 16-bit code runs in this segment of 64 KiB; its real-mode value is GUEST_LOW_SEGMENT. */
#define GUEST_LOW_BASE    0x10000u
#define GUEST_LOW_SEGMENT (GUEST_LOW_BASE >> 4)

/* Stacks of the interrupt-stack table. */
enum guest_ist {
	GUEST_IST_TRAP = 1, /* All but those below. */
	GUEST_IST_DOUBLE_FAULT = 2,
	GUEST_IST_NMI = 3,
	GUEST_IST_SPARE = 4, /* Unset: a test may point it anywhere. */
};

/* Loads our GDT, TSS and IDT. Context: once, CPL 0. */
void guest_segments_init(void);

/* The same for an application processor, with a GDT, a TSS and stacks of its own; cpu from 1 to 15.
 * Context: on that processor, each time that it starts. */
void guest_segments_init_cpu(unsigned cpu);

/* The index of the calling processor, by its GDT; 0 before it has one of its own. */
unsigned guest_segments_cpu(void);

/* Loads GDTR, IDTR, TR and the segment registers again, after another mode used its own. */
void guest_segments_reload(void);

/* Writes a descriptor of eight bytes. selector as in enum guest_selector. */
void guest_segments_set(unsigned selector, uint64_t descriptor);

/* Makes an available 32-bit TSS descriptor. base below 4 GiB, size_bytes up to 64 KiB. */
uint64_t guest_segments_tss32(uint32_t base, uint32_t size_bytes);

/* Loads TR again with our 64-bit TSS cut to a size, for #TS; guest_segments_reload() undoes it. */
void guest_segments_cut_tss(uint32_t size_bytes);

/* Sets the stack-table index (0 to 7) with which a vector is delivered, and an entry's top. */
void guest_segments_set_vector_ist(unsigned vector, unsigned ist);
void guest_segments_set_ist(unsigned ist, uint64_t stack_top);

/* Marks a vector's gate present or not. */
void guest_segments_set_vector_present(unsigned vector, bool is_present);

/* Sets the 64-bit handler of a vector: an interrupt gate with the DPL given. */
void guest_segments_set_gate(unsigned vector, uint64_t handler, unsigned dpl);

#endif
