/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_SMP_H
#define GUEST_RUNTIME_GUEST_SMP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * More than one processor: finding and starting them, giving them work, and what belongs to each.
 * The processor that calls guest_main() has index 0. Only it prints and reports.
 */
enum { GUEST_CPU_MAX = 16, GUEST_VECTOR_COUNT = 256 };

/* The interrupt that ends the HLT of a processor without work. */
enum { GUEST_VECTOR_WAKE = 0xfe };

typedef void (*guest_work)(void *argument);

struct guest_cpu {
	struct guest_cpu *self; /* At GS:0. */
	unsigned index;
	uint32_t apic_id;
	/* How often it came to guest_ap_main(), and the APIC as it was then. */
	atomic_uint start_count;
	uint32_t svr_at_start;
	uint32_t lint0_at_start;
	uint32_t timer_at_start;
	uint32_t tpr_at_start;
	/* Set by guest_smp_run(), cleared when it is done. */
	_Atomic(guest_work) work;
	void *argument;
	/* Interrupts by vector, since guest_smp_init(); vector 2 is NMI. */
	atomic_uint interrupts[GUEST_VECTOR_COUNT];
};

/* What an application processor found at its first instruction: guest_ap_start.asm. */
struct guest_ap_state {
	uint64_t efer;
	uint64_t apic_base;
	uint32_t eax;
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
	uint32_t esi;
	uint32_t edi;
	uint32_t ebp;
	uint32_t esp;
	uint32_t eflags;
	uint32_t cr0;
	uint32_t cr2;
	uint32_t cr3;
	uint32_t cr4;
	uint32_t dr6;
	uint32_t dr7;
	uint16_t ip;
	uint16_t cs;
	uint16_t ds;
	uint16_t es;
	uint16_t fs;
	uint16_t gs;
	uint16_t ss;
	uint16_t gdtr_limit;
	uint32_t gdtr_base;
	uint16_t idtr_limit;
	uint32_t idtr_base;
	uint8_t wants_limits; /* Set it to have the next one tried. */
	uint8_t has_limits;   /* #GP behind 64 KiB. */
} __attribute__((packed));

/*
 * Finds the processors by the MADT, or by "cpus=N" on the command line fewer of them, and makes the
 * caller ready: its APIC on, the vectors from 32 on counted. Returns how many there are. Context:
 * once, IF clear.
 */
unsigned guest_smp_init(void);

/* Lets processors without work wait with interrupts off: for a guest that sends itself interrupts
 * with the vectors of exceptions. Call it before they start. */
void guest_smp_poll_for_work(void);

/* What a processor does that starts, with its argument, before it waits for work; NULL: nothing.
 * Call it before they start. */
void guest_smp_begin_with(guest_work work);

unsigned guest_cpu_count(void);
struct guest_cpu *guest_cpu_at(unsigned index);
struct guest_cpu *guest_cpu_self(void);
/* Whether the MADT names the calling processor, and how many it has in all. */
bool guest_smp_is_listed(void);
unsigned guest_smp_listed_count(void);

/* The page that start-up IPIs of the vector lead to, filled with the code that goes on to C. Vector
 * 1 to 0x9f. The memory behind it may belong to others: it is not given back. */
struct guest_ap_state *guest_smp_place(unsigned vector);

/* INIT, then the start-up IPI twice, to one processor; the page of the vector is placed. */
void guest_smp_send_init(const struct guest_cpu *cpu);
void guest_smp_send_startup(const struct guest_cpu *cpu, unsigned vector);
/* Both, with the pause between them; true when it runs and has no work. */
bool guest_smp_start(struct guest_cpu *cpu, unsigned vector);
/* All that do not run yet. False if one of them did not come. */
bool guest_smp_start_all(void);

/* Gives a processor that is not the caller work; and waits for its end. */
void guest_smp_run(struct guest_cpu *cpu, guest_work work, void *argument);
bool guest_smp_wait(const struct guest_cpu *cpu);
/* The same work on all, the caller included. False if one did not end. */
bool guest_smp_run_all(guest_work work, void *argument);

/* What is done at an interrupt, instead of an end of interrupt; runs with IF clear. 0: that. */
void guest_smp_set_handler(unsigned vector, void (*handler)(unsigned vector));

/* Waits until the word is at least the value (counted with wrap); false after "limit=TICKS". */
bool guest_wait_for(const atomic_uint *word, unsigned value);
uint64_t guest_limit_ticks(void);
/* Runs for so many ticks of the TSC. */
void guest_spin_ticks(uint64_t ticks);

#endif
