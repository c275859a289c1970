/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_EXIT_INPUT_H
#define FUZZ_EXIT_INPUT_H

#include "vm/vcpu.h"

/* One VM exit as the fuzzer's bytes have it. All values are allowed. */
struct exit_op {
	uint8_t recipe; /* A row of exit_recipes.c, by the remainder. */
	uint8_t mode;   /* Low bits: enum exit_mode, by the remainder; OP_USER. */
	uint8_t flags;
	uint8_t state_flags; /* What state_value changes. */
	uint8_t length;
	uint8_t write_page; /* Where in guest RAM `bytes` go. */
	uint16_t write_offset;
	uint64_t qualification;
	uint64_t address; /* Guest-physical and guest-linear. */
	uint64_t state_value;
	uint64_t registers[8]; /* RAX RCX RDX RBX, one for RSP, RBP RSI RDI. */
	uint32_t vectoring;
	uint32_t interruption;
	uint32_t instruction_info;
	uint32_t error_code;
	uint8_t bytes[16];
	uint8_t race_after; /* After so many reads of RAM another processor writes race_value. */
	uint8_t race_page;
	uint16_t race_offset;
	uint32_t race_value;
};

enum {
	OP_WILD = 1 << 0,      /* The CPU could not have made this exit in this state. */
	OP_WRITES = 1 << 1,    /* `bytes` go to guest RAM before the exit. */
	OP_CODE = 1 << 2,      /* `bytes` go to where RIP points. */
	OP_RACES = 1 << 3,     /* race_value is written in the middle. */
	OP_LEAVES = 1 << 4,    /* The CPU is taken back behind it. */
	OP_VECTORING = 1 << 5, /* The exit broke off an event's delivery. */
	OP_TIME = 1 << 6,      /* Time passes until the next event. */
	OP_TYPED = 1 << 7,     /* Somebody types. */
};

enum exit_mode {
	EXIT_MODE_AS_IT_IS,
	EXIT_MODE_REAL,
	EXIT_MODE_FLAT_32,
	EXIT_MODE_PAGED_32,
	EXIT_MODE_PAE,
	EXIT_MODE_64_BIT,
	EXIT_MODE_COMPATIBILITY,
	EXIT_MODE_VIRTUAL_8086,
	EXIT_MODE_BEFORE_LONG, /* All is set for IA-32e mode but CR0.PG. */
	EXIT_MODE_COUNT,
};

enum { OP_USER = 1 << 4, OP_MODE_MASK = 15 };

enum {
	STATE_RFLAGS = 1 << 0,
	STATE_INTERRUPTIBILITY = 1 << 1,
	STATE_RIP = 1 << 2,
	STATE_RSP = 1 << 3,
	STATE_OWNED = 1 << 4, /* Bits of CR0 and CR4 that the guest owns. */
	STATE_SEGMENT = 1 << 5,
	STATE_CR3 = 1 << 6,
	STATE_DEBUG = 1 << 7,
};

/* The information fields of a VM exit. */
struct exit_event {
	uint32_t reason;
	uint64_t qualification;
	uint64_t address;
	uint32_t length;
	uint32_t instruction_info;
	uint32_t interruption;
	uint32_t error_code;
	bool needs_cpl_0; /* At other levels the instruction faults and does not exit. */
	bool may_vector;  /* IDT-vectoring information can be valid. */
};

/* Makes the exit that an operation stands for, from a table; code and arguments go to RAM. The
 * registers of the operation may be brought near what means something. */
void exit_recipe(struct vcpu *vcpu, struct exit_op *op, struct exit_event *event);

/* Returns how many rows the table has, and the name of an operation's row. */
size_t exit_recipe_count(void);
const char *exit_recipe_name(const struct exit_op *op);

/* Puts bytes where the guest's RIP points, if that is RAM. */
void exit_put_code(const struct vcpu *vcpu, const void *bytes, size_t size_bytes);

/*
 * Gives the guest the state that an operation asks for. What a VM entry would refuse is taken back.
 * needs_cpl_0: the state is one at CPL 0.
 */
void exit_state_apply(struct vcpu *vcpu, const struct exit_op *op, bool needs_cpl_0);

/* Writes the exit's information fields. IDT-vectoring information is what the CPU could have
 * saved in the guest's state, if it is to be valid. */
void exit_event_write(const struct exit_op *op, const struct exit_event *event);

/* True if the current VMCS passes all checks of a VM entry; is_shown: with the broken rules. */
bool exit_state_is_enterable(const struct vcpu *vcpu, bool is_shown);

/* Puts the guest into a mode, by values that pass the checks. */
void exit_state_set_mode(struct vcpu *vcpu, enum exit_mode mode, bool is_user);

#endif
