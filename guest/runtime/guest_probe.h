/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_PROBE_H
#define GUEST_RUNTIME_GUEST_PROBE_H

#include "guest/runtime/guest_trap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A probe runs a few bytes of machine code with chosen registers, in a chosen mode and privilege
 * level, and tells all that came of it: the registers, or the exception with its error code and
 * where it struck, and each single-step trap on the way. The code ends with INT 0x80, which
 * guest_probe_run() appends.
 */

enum guest_probe_mode {
	PROBE_KERNEL, /* 64-bit code, CPL 0. */
	PROBE_USER,   /* 64-bit code, CPL 3. */
	PROBE_COMPATIBILITY,
	PROBE_COMPATIBILITY_USER,
	/* Outside long mode: only the low halves of the first seven registers count. */
	PROBE_PROTECTED32,
	PROBE_PROTECTED32_PAGING, /* 32-bit paging. */
	PROBE_PROTECTED32_PAE,
	PROBE_PROTECTED32_USER,
	PROBE_PROTECTED16,
	PROBE_REAL,
	PROBE_VIRTUAL8086, /* CPL 3, IOPL 3. */
	PROBE_MODE_COUNT,
};

enum { PROBE_CODE_MAX = 64, PROBE_STEPS_MAX = 8 };

struct guest_probe_step {
	int64_t rip_offset; /* From the start of the code. */
	uint64_t dr6;
};

struct guest_probe {
	enum guest_probe_mode mode;
	const void *code;
	size_t code_size_bytes;
	struct guest_registers in;
	uint64_t rflags_in;
	/* Results. */
	struct guest_registers out;
	uint64_t rflags_out;
	uint64_t rsp_out; /* 64-bit modes only. */
	uint64_t vector;  /* VECTOR_PROBE_END if the code ran to its end. */
	uint64_t error_code;
	uint64_t cr2;
	int64_t rip_offset; /* Of the exception, from the start of the code. */
	unsigned step_count;
	struct guest_probe_step steps[PROBE_STEPS_MAX]; /* The first #DBs. */
};

/* RFLAGS: SDM Vol. 1 "EFLAGS Register". */
#define RFLAGS_CF    (1ull << 0)
#define RFLAGS_FIXED (1ull << 1)
#define RFLAGS_TF    (1ull << 8)
#define RFLAGS_IF    (1ull << 9)
#define RFLAGS_DF    (1ull << 10)
#define RFLAGS_OF    (1ull << 11)
#define RFLAGS_IOPL3 (3ull << 12)
#define RFLAGS_NT    (1ull << 14)
#define RFLAGS_RF    (1ull << 16)
#define RFLAGS_VM    (1ull << 17)
#define RFLAGS_AC    (1ull << 18)
/* CF, PF, AF, ZF, SF and OF. */
#define RFLAGS_STATUS 0x8d5ull

#define DR6_B0 (1ull << 0)
#define DR6_BD (1ull << 13)
#define DR6_BS (1ull << 14)

/* Machine code written as a string, for the two arguments of guest_probe_make(). */
#define PROBE_CODE(string) (string), sizeof(string) - 1

/*
 * A probe with a different pattern in every register and no flags set. code_size_bytes at most
 * PROBE_CODE_MAX.
 */
struct guest_probe guest_probe_make(
	enum guest_probe_mode mode, const void *code, size_t code_size_bytes);

/*
 * Runs it. Context: CPL 0; not from a hook; processors 0 and 1, which have a code page and a stack
 * each; outside of 64-bit and compatibility mode processor 0 alone.
 */
void guest_probe_run(struct guest_probe *probe);

/* For a processor that may have been started again in the middle of a probe: that one is given up.
 * Context: before it sets IF. */
void guest_probe_forget(void);

/* True if it ran to its end. */
bool guest_probe_is_done(const struct guest_probe *probe);

/* True if all registers but RAX, and the status flags, are as they were. */
bool guest_probe_only_rax_changed(const struct guest_probe *probe);

/* "kernel64" and so on: a word for the names of rules. */
const char *guest_probe_mode_name(enum guest_probe_mode mode);

/* Where a probe's code and stack lie, for code that must know; below 4 GiB. */
uint64_t guest_probe_code_address(void);
uint64_t guest_probe_stack_top(void);

/* RDMSR and WRMSR; false if they raised an exception, which `vector` then tells. */
bool guest_probe_rdmsr(uint32_t msr, uint64_t *value, uint64_t *vector);
bool guest_probe_wrmsr(uint32_t msr, uint64_t value, uint64_t *vector);

/* For guest_trap(): takes the exception if a probe runs. */
bool guest_probe_trap(struct guest_trap_frame *frame);

#endif
