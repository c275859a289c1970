/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUESTS_SHARED_EMULATED_H
#define TESTS_GUESTS_SHARED_EMULATED_H

#include "guest/runtime/guest_probe.h"

enum { EMULATED_CODE_MAX = 16 };

/* An instruction that exits, and that the hypervisor completes in the processor's place. */
struct emulated {
	const char *name;
	char code[EMULATED_CODE_MAX];
	uint8_t code_size_bytes;
	bool is_vmcall;   /* #UD without a hypervisor. */
	bool is_unmapped; /* Touches an address without memory. */
	struct guest_registers in;
};

/*
 * Calls `check` for each such instruction that makes sense on this machine, with the instruction's
 * name as the scope of the report.
 */
void emulated_for_each(void (*check)(const struct emulated *instruction));

/*
 * A probe of the instruction between other code: before, the instruction, after (each may be
 * empty).
 */
struct guest_probe emulated_probe(
	const struct emulated *instruction, const char *before, const char *after);

#endif
