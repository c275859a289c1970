/* SPDX-License-Identifier: MIT */
#ifndef CPU_GDT_H
#define CPU_GDT_H

#include "lib/types.h"

/* The host's segment selectors. */
enum {
	GDT_CODE_SELECTOR = 0x08,
	GDT_DATA_SELECTOR = 0x10,
	GDT_TSS_SELECTOR = 0x18,
	GDT_ENTRY_COUNT = 5, /* The TSS descriptor takes two. */
};

/*
 * Interrupt-stack-table entries. Every vector has one, since the VM-exit path has RSP inside the
 * vCPU's registers for some instructions. Events that may come while another is handled have a
 * stack of their own.
 */
enum ist {
	IST_DOUBLE_FAULT = 1,
	IST_NMI = 2,
	IST_MACHINE_CHECK = 3,
	IST_DEBUG = 4,
	IST_EXCEPTION = 5,
	IST_INTERRUPT = 6,
	IST_COUNT = 6,
};

enum { IST_STACK_SIZE_BYTES = 8192 };

/* SDM Vol. 3A "TSS in 64-bit Mode". */
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map_base;
} __attribute__((packed));

_Static_assert(sizeof(struct tss) == 104, "the TSS as the CPU reads it");
_Static_assert(offsetof(struct tss, ist) == 36, "the TSS as the CPU reads it");

/* A stack that grows down towards a page which paging leaves unmapped. */
struct ist_stack {
	uint8_t guard[PAGE_SIZE_4K];
	uint8_t bytes[IST_STACK_SIZE_BYTES];
};

/* One CPU's descriptor tables and interrupt stacks. */
struct gdt_cpu {
	struct ist_stack stacks[IST_COUNT] __attribute__((aligned(PAGE_SIZE_4K)));
	struct tss tss __attribute__((aligned(16)));
	uint64_t gdt[GDT_ENTRY_COUNT] __attribute__((aligned(16)));
};

/* The boot processor's. */
extern struct gdt_cpu gdt_boot_cpu;

/*
 * Fills and loads this CPU's GDT, TSS, segment registers (not FS and GS) and TR. Context: the CPU
 * itself, interrupts off. Source: SDM Vol. 3A "Segment Descriptor Tables in IA-32e Mode".
 */
void gdt_init(struct gdt_cpu *cpu);

#endif
