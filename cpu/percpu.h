/* SPDX-License-Identifier: MIT */
#ifndef CPU_PERCPU_H
#define CPU_PERCPU_H

#include "cpu/insn.h"
#include "lib/types.h"

enum {
	CPUS_MAX = 64,
	CPU_KICK_VECTOR = 0xf1,
	CPU_POSTED_VECTOR = 0xf2, /* The posted-interrupt notification vector. */
};

struct gdt_cpu;

/* This processor's local APIC timer: cpu/host_timer.c. */
enum host_timer_kind {
	HOST_TIMER_NONE,
	HOST_TIMER_TSC_DEADLINE,
	HOST_TIMER_ONE_SHOT,
};

struct host_timer {
	enum host_timer_kind kind;
	uint64_t counts_per_measure;
	uint64_t ticks_per_measure;
};

/* What a processor has for itself. Others read index and apic_id only, which do not change. */
struct cpu {
	struct cpu *self; /* First: what insn_read_this_cpu() reads. */
	unsigned index;   /* 0 is the boot processor. */
	uint32_t apic_id;
	struct gdt_cpu *gdt;
	uint32_t held_locks; /* BIT(rank) of each lock it holds; kept while locks are checked. */
	uint64_t apic_base;  /* IA32_APIC_BASE, read once; 0 without an enabled local APIC. */
	struct host_timer timer;
	void *vmx_region; /* For VMXON: a page. NULL on the boot processor. */
	const void *vmcs; /* That may be used: vmx/current_vmcs.h. NULL: none. */
};

_Static_assert(offsetof(struct cpu, self) == 0, "insn_read_this_cpu() reads GS:0");

/* The boot processor's. */
extern struct cpu percpu_boot;

/* Makes this_cpu() work on this processor, in the host. Context: the processor itself; cpu is
 * zeroed but for what is known already. */
void percpu_init(struct cpu *cpu);

/* Counts a processor in that has started, with index cpu_count(). Context: boot processor. */
void percpu_add(struct cpu *cpu);

/* Returns the processor that runs this. Context: any, after percpu_init(). */
static inline struct cpu *this_cpu(void)
{
	return insn_read_this_cpu();
}

/* Returns how many processors run, at least 1. Context: any. */
unsigned cpu_count(void);

/* Returns a processor; index < cpu_count(). Context: any. */
struct cpu *cpu_of(unsigned index);

/*
 * Interrupts a processor with CPU_KICK_VECTOR: it leaves HLT or its guest, and looks at what there
 * is to do. Does nothing without a local APIC. Context: any; what the kick is for has been written.
 */
void cpu_kick(const struct cpu *cpu);

/* Interrupts a processor with CPU_POSTED_VECTOR: a guest that it runs takes in what is posted, with
 * no exit where the CPU does that. Otherwise as cpu_kick(). */
void cpu_notify_posted(const struct cpu *cpu);

/* Sends an NMI to all processors that run but this one. Context: any. */
void cpu_send_nmi_to_others(void);

#endif
