/* SPDX-License-Identifier: MIT */
#ifndef CPU_MTRR_H
#define CPU_MTRR_H

#include "cpu/msr.h"
#include "lib/status.h"
#include "lib/types.h"

/*
 * The machine's memory type range registers, which the firmware has set: the hypervisor reads them
 * and never writes them. Source: SDM Vol. 3A "Memory Type Range Registers (MTRRs)".
 */

enum {
	/* IA32_MTRR_PHYSBASE40 would have the number of IA32_MTRR_FIX64K_00000. */
	MTRR_VARIABLE_MAX = 40,
	MTRR_FIXED_COUNT = 11,
};

struct mtrr_variable {
	uint64_t base; /* IA32_MTRR_PHYSBASEn. */
	uint64_t mask; /* IA32_MTRR_PHYSMASKn: V is set. */
};

struct mtrr {
	bool is_fixed_enabled;
	unsigned physical_address_bits;
	uint64_t default_type;
	struct mtrr_variable variables[MTRR_VARIABLE_MAX]; /* Those that are valid. */
	unsigned variable_count;
	uint64_t fixed[MTRR_FIXED_COUNT]; /* In the order of their addresses. */
};

/*
 * Reads this processor's MTRRs. Returns STATUS_OK; STATUS_NOT_FOUND if it has none; STATUS_RANGE if
 * they cannot be what the manual describes: more variable ranges than have numbers, or a register
 * that IA32_MTRRCAP tells of and RDMSR does not know; STATUS_UNSUPPORTED if they are off
 * (IA32_MTRR_DEF_TYPE.E is 0). Context: boot, with an IDT.
 */
must_use enum status mtrr_read(struct mtrr *mtrr);

/*
 * Returns the memory type of an address, and in *end (exclusive, above the address) how far that
 * type goes at least. Where ranges overlap, UC wins, then WT over WB; for what the manual leaves
 * undefined it is UC. Context: any; pure.
 */
enum memory_type mtrr_type(const struct mtrr *mtrr, uint64_t address, uint64_t *end);

#endif
