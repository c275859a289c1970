/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUESTS_SHARED_SWITCH_PIECES_H
#define TESTS_GUESTS_SHARED_SWITCH_PIECES_H

#include <stdbool.h>
#include <stdint.h>

/* The pieces of a processor's state, and what became of each of them on one processor. */

enum { SWITCH_PIECES_MAX = 64 };

struct switch_result {
	unsigned bad_count;
	uint64_t got; /* What was wrong first. */
	uint64_t want;
};

struct switch_results {
	struct switch_result of[SWITCH_PIECES_MAX];
};

/* Counts it where `got` is not what it must be. */
void switch_expect(struct switch_result *result, uint64_t got, uint64_t want);

/* A pseudo-random word for a seed and a place. */
uint64_t switch_word(uint64_t seed, uint64_t place);

/*
 * Registers that hold one word each: debug registers, CR2, CR8 and MSRs. Results stand at the
 * indexes 0 to switch_register_count() - 1.
 */
unsigned switch_register_count(void);
const char *switch_register_name(unsigned index);
bool switch_register_is_there(unsigned index);
void switch_registers_fill(uint64_t seed);
void switch_registers_check(uint64_t seed, struct switch_result *results);
/* Against what a processor has at its start; what the runtime sets is left out. */
void switch_registers_check_fresh(struct switch_result *results);

/*
 * The state components of XCR0, all of them at once by XRSTOR and XSAVE. Results stand at the
 * indexes 0 to switch_component_count() - 1.
 */
enum { SWITCH_AREA_BYTES = 4096 };

struct switch_area {
	uint8_t bytes[SWITCH_AREA_BYTES];
} __attribute__((aligned(64)));

unsigned switch_component_count(void);
const char *switch_component_name(unsigned index); /* 0: it is not tried. */
bool switch_component_is_there(unsigned index);
/* XCR0's bits in all; 0 without XSAVE. Sets CR0, CR4 and finds the components. Each processor. */
uint64_t switch_components_enable(void);
void switch_components_fill(uint64_t seed, struct switch_area *area);
void switch_components_check(
	const struct switch_area *want, struct switch_area *got, struct switch_result *results);
void switch_components_check_fresh(struct switch_area *got, struct switch_result *results);

/* switch_hold.asm: general registers, in this order, and flags. */
enum switch_hold_register {
	HOLD_RAX,
	HOLD_RBX,
	HOLD_RCX,
	HOLD_RDX,
	HOLD_RSI,
	HOLD_RDI,
	HOLD_RBP,
	HOLD_R8,
	HOLD_R15 = HOLD_R8 + 7,
	HOLD_RFLAGS,
	HOLD_WORDS,
};

/*
 * Loads the words, gives the processor away in one of three ways, and stores them: the call
 * SCHED_YIELD (RAX is the call's number, RBX an APIC ID); HLT with interrupts on; or PAUSE, as many
 * times as RCX says. Context: interrupts off, as afterwards.
 */
void switch_hold_yield(uint64_t words[HOLD_WORDS]);
void switch_hold_halt(uint64_t words[HOLD_WORDS]);
void switch_hold_spin(uint64_t words[HOLD_WORDS]);

#endif
