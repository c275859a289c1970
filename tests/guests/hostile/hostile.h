/* SPDX-License-Identifier: MIT */
#ifndef HOSTILE_HOSTILE_H
#define HOSTILE_HOSTILE_H

#include "guest/runtime/guest_probe.h"

#include <stdbool.h>
#include <stdint.h>

/* What the attacks of the hostile guest share. Each attack is a function that makes one random
 * operation on the calling processor, 0 or 1. */

enum { HOSTILE_CPUS = 2, HOSTILE_RACE_PAGES = 8, HOSTILE_PAGE_BYTES = 4096 };

#define HOSTILE_LOW_HALF 0xffffffffull
/* More than the image takes, and the record that outlives a reset: no attack writes below it. */
#define HOSTILE_OWN_END    0x400000ull
#define HOSTILE_RECORD     0x3f0000ull
#define HOSTILE_ARENA      0x800000ull
#define HOSTILE_ARENA_END  0xe00000ull
#define HOSTILE_MAPPED_END 0x3fe00000ull
/* Linear addresses: for each processor 2 MiB that it maps as it likes, and the pages whose entries
 * the other one changes. */
#define HOSTILE_WINDOW      0x26000000ull
#define HOSTILE_RACE_WINDOW 0x2c000000ull

/* Code in a string, as PROBE_CODE. */
struct hostile_code {
	const char *code;
	size_t code_size_bytes;
};

/* hostile_machine.c: what the guest lives by, and how it gets it back. */

/* Takes the vectors. Context: once, before any attack. */
void hostile_take_vectors(void);
bool hostile_is_trivet(void);
bool hostile_has_apic(void);
/* Sets on the calling processor what the attacks need, and hostile_keep(). */
void hostile_begin(void);
/* Notes the state of the calling processor that hostile_restore() brings back. */
void hostile_keep(void);
void hostile_restore(void);
/* The same for the local APIC alone, which costs exits: for attacks that may have changed it. */
void hostile_restore_apic(void);
/*
 * Maps 2 MiB without memory, or with a device, until the next probe of this processor has run: an
 * instruction other than MOV that touches them ends the guest, so nothing else may find them. Two
 * at most.
 */
void hostile_map_absent(uint64_t linear, uint64_t physical);
/* Makes the memory below HOSTILE_OWN_END read-only for user code until hostile_restore(). */
void hostile_protect_own(void);
/* Runs a probe with random flags, and restores. Returns whether it ran to its end. */
bool hostile_run(struct guest_probe *probe);
/* From now on prints the probes of processor 0 before they run. */
void hostile_trace(void);
bool hostile_is_traced(void);
/* A probe of a code from a table, in 64-bit mode at CPL 0 or 3. */
struct guest_probe hostile_probe(const struct hostile_code *code, bool is_user);
/* The 2 MiB that are the calling processor's, of two such windows of which the first is given. */
uint64_t hostile_window(uint64_t first);
/* An address for an attack: in the arena, a window, or at an edge of memory. */
uint64_t hostile_address(void);
/* An address of RAM that no code of this guest needs. */
uint64_t hostile_arena_address(void);
/* "Delivery mode INIT" in a value for the ICR, made NMI. */
uint64_t hostile_without_init(uint64_t icr);
/* A port for an attack: not the 8254's unless "timer_min=0", whose shortest periods leave a guest
 * no time between two interrupts. */
uint16_t hostile_port(void);
/* An initial count of the APIC timer that is 0, or at least "timer_min=N". */
uint64_t hostile_timer_count(uint64_t count);
/* For what the hypervisor writes to: an address outside of the guest's own code and data. */
uint64_t hostile_away_from_own(uint64_t address);
/* For what is jumped to: an address that no page table of this guest maps. */
uint64_t hostile_unmapped(uint64_t address);

/* The attacks. Each returns whether all of its code was executed. */
bool hostile_instruction(void); /* hostile_instruction.c: everything that exits. */
bool hostile_system(void);      /* hostile_system.c: rarer instructions, in kernel and user mode. */
bool hostile_vector(void);      /* hostile_vector.c: XCR0, XSAVE, AVX-512, PKRU. */
bool hostile_memory(void);      /* hostile_memory.c: PAT, MTRRs, page splits, code that changes. */
bool hostile_debug(void);       /* hostile_debug.c: DEBUGCTL, debug registers, events. */
bool hostile_apic(void);        /* hostile_apic.c: modes, registers, timers, HLT. */
bool hostile_call(void);        /* hostile_call.c: batches, records in memory. */
bool hostile_race(void);        /* hostile_race.c: what the other processor changes meanwhile. */

/* hostile_race.c. How often an entry that was cleared has come back. */
unsigned hostile_race_failures(void);

/* hostile_other.c: the other processor, if there is one. */
void hostile_other_find(void);
/* Starts it; it makes no more operations than so many. */
void hostile_other_start(uint64_t operations_max);
/* INIT, start-up IPIs and more to it, from processor 0. Does nothing without one. */
bool hostile_other_strike(void);
bool hostile_other_is_there(void);
/* How many operations it has made, in this life. */
uint64_t hostile_other_operations(void);
/* One random operation of any kind: guest_hostile.c. */
bool hostile_step(void);

/* hostile_life.c: the operations are counted over resets, each of which begins a life. */
struct hostile_life {
	uint64_t seed;
	uint64_t number;
	uint64_t operations; /* Of the lives before. */
};
struct hostile_life hostile_life_begin(uint64_t seed);
/* Writes the sum down, where a reset leaves it. */
void hostile_life_note(const struct hostile_life *life, uint64_t operations);
/* Ends the life by a reset, or a crash. */
__attribute__((noreturn)) void hostile_life_end(void);

#endif
