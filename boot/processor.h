/* SPDX-License-Identifier: MIT */
#ifndef BOOT_PROCESSOR_H
#define BOOT_PROCESSOR_H

#include "cpu/gdt.h"
#include "cpu/percpu.h"
#include "cpu/tsc_sync.h"
#include "cpu/xsave_layout.h"
#include "vmx/capability.h"

enum { PROCESSOR_STACK_BYTES = 8 * 4096 };

/* Where another processor is on its way; each step is made by one of the two only. */
enum processor_state {
	PROCESSOR_STARTING,  /* It was sent the start-up IPI. */
	PROCESSOR_READY,     /* It is set up, and waits. */
	PROCESSOR_LEFT_OUT,  /* It cannot be used, and has said why. */
	PROCESSOR_ABANDONED, /* It came too late. */
	PROCESSOR_RUNNING,   /* It counts. */
	PROCESSOR_ENDED,     /* It is out of VMX operation, and halted. */
};

/* What all processors are set up for; the boot processor's own settings. */
struct processor_setup {
	const struct vmx_capability *capability; /* NULL: no VMX operation. */
	const struct xsave_layout *xsave_layout; /* NULL: no guests. */
	void (*ap_main)(struct cpu *cpu);
	bool is_x2apic;
	bool has_timer;
};

/* A processor that is not the boot processor: all the memory that it has for itself. */
struct processor {
	uint8_t guard[PAGE_SIZE_4K];
	uint8_t stack[PROCESSOR_STACK_BYTES];
	struct gdt_cpu gdt;
	uint8_t vmx_region[PAGE_SIZE_4K] __attribute__((aligned(PAGE_SIZE_4K)));
	struct tsc_sync sync;
	struct cpu cpu;
	const struct processor_setup *setup;
	uint32_t state;
};

_Static_assert(sizeof(struct processor) % PAGE_SIZE_4K == 0, "whole pages");

/*
 * What such a processor does from its first instruction of C to its last: sets itself up as the
 * boot processor is, enters VMX root operation, waits until it counts, compares its TSC, calls
 * ap_main(), leaves VMX operation, and halts for ever. `argument` is its struct processor. Context:
 * the processor itself, on its own stack, our page tables, interrupts off.
 */
void processor_main(void *argument);

#endif
