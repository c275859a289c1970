/* SPDX-License-Identifier: MIT */
#ifndef VM_SCHEDULER_H
#define VM_SCHEDULER_H

#include "cpu/percpu.h"
#include "cpu/spinlock.h"
#include "vm/run_queue.h"
#include "vm/vcpu.h"

/*
 * Who has a CPU. Each CPU has a scheduler of its own, and each vCPU is placed on one CPU for as
 * long as its guest runs: nothing moves between CPUs, and no CPU waits for another's queue. A
 * CPU's loop is scheduler_run() while there is somebody to run, else scheduler_sleep().
 *
 * vCPUs give the CPU up where an exit's handler says so: they halt, sleep, yield, their slice is
 * over, or somebody asks for a look. Handlers never wait.
 */
struct scheduler {
	struct cpu *cpu;
	struct spinlock lock; /* Guards the queue, and who is placed here. */
	struct run_queue queue;
	struct vcpu *members; /* Linked by next_member. */
	unsigned member_count;
	unsigned weight;    /* Of all members. */
	bool is_look_due;   /* Atomic: the loop is to look who runs. */
	bool is_loop_asked; /* Atomic: the loop has more to do. */
	/* The CPU's own. */
	/* Whose state the CPU holds, and whose VMCS is current: one of the members, set up. NULL:
	 * nobody's. */
	struct vcpu *loaded;
	bool is_in_guest;    /* Or in the handling of an exit. */
	uint64_t wake_tsc;   /* When the first of the blocked ones is to be woken. */
	uint64_t loop_tsc;   /* When the CPU's loop wants to be back; HOST_TIMER_NEVER. */
	uint64_t look_tsc;   /* When a guest that runs is left to look after the host. */
	uint64_t look_ticks; /* From one such look to the next. */
	void (*poll)(void);  /* Looks for what comes from outside, where that is this CPU's. */
};

/* Makes this CPU's scheduler; poll may be NULL. Context: the CPU itself, in VMX root operation,
 * interrupts off. */
void scheduler_init(struct scheduler *scheduler, void (*poll)(void));

/* Returns the scheduler of a CPU; cpu_index < CPUS_MAX. */
struct scheduler *scheduler_of(unsigned cpu_index);

/* True if that CPU has called scheduler_init(). */
bool scheduler_is_started(const struct scheduler *scheduler);

/*
 * Chooses for a new vCPU, of those in the mask `cpus` (bit n: CPU n; 0: all), the CPU with the
 * least weight on it, the first of equals. Returns NULL if none of them runs.
 */
struct scheduler *scheduler_choose(uint64_t cpus);

/* Places a vCPU, which then waits for scheduler_start() or what is posted. Context: any CPU. */
void scheduler_place(struct scheduler *scheduler, struct vcpu *vcpu, uint32_t weight);

/* Lets a placed vCPU run for the first time. Context: any CPU. */
void scheduler_start(struct vcpu *vcpu);

/*
 * Makes a vCPU look at what is posted for it; is_look_due: from its CPU's loop, not within an exit.
 * Context: any CPU, behind the posting.
 */
void scheduler_notify(struct vcpu *vcpu, bool is_look_due);

/* The same for a vector in the posted-interrupt descriptor of a vCPU whose CPU takes it in by
 * itself, if it runs: it does not exit. */
void scheduler_notify_posted(struct vcpu *vcpu);

/*
 * The vCPU that runs here gives its CPU to another, if that is ready on the same CPU; NULL: to any
 * other of its guest. Returns true if so: then the exit's handler is to leave the guest. Source:
 * what KVM's directed yield does.
 */
bool scheduler_yield_to(struct vcpu *vcpu, struct vcpu *other);

/* True if the exit's handler is to leave the guest for a look at who runs. */
static inline bool scheduler_must_leave(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->scheduler->is_look_due, __ATOMIC_RELAXED);
}

/* Runs who is to run until it gives the CPU up. Returns false if nobody is ready. Context: the CPU
 * itself; not within an exit. */
bool scheduler_run(struct scheduler *scheduler);

/* The CPU does something else from here on: nobody runs, and who could waits. The next
 * scheduler_run() ends that. Context: as above. */
void scheduler_put_back(struct scheduler *scheduler);

/*
 * Lets who is ready run for a slice at most, and is as scheduler_put_back() then: for what takes
 * long in the CPU's loop, between its pieces. Context: as above; what scheduler_is_loop_asked()
 * tells of waits.
 */
void scheduler_relax(struct scheduler *scheduler);

/* Lets the CPU sleep until somebody is to be woken, or an interrupt comes. Context: as above. */
void scheduler_sleep(struct scheduler *scheduler);

/* Makes a CPU's loop look who runs. Context: any CPU. */
void scheduler_poke(struct scheduler *scheduler);

/* Makes a CPU's loop do what it has to do besides. Context: any CPU. */
void scheduler_ask_loop(struct scheduler *scheduler);

/* True if the loop was asked since the last time, or its time has come. Context: the CPU itself. */
bool scheduler_is_loop_asked(struct scheduler *scheduler);

#endif
