/* SPDX-License-Identifier: MIT */
#ifndef VMX_ENTRY_BREAK_ROWS_H
#define VMX_ENTRY_BREAK_ROWS_H

/* The tables of vmx/entry_break.c, one file for each area. */

#include "vmx/control_bits.h"
#include "vmx/entry_break.h"

struct entry_break_table {
	const struct entry_break *rows;
	size_t count;
};

extern const struct entry_break_table entry_break_controls;
extern const struct entry_break_table entry_break_host;
extern const struct entry_break_table entry_break_guest;

/* Clears a field of any width, so that `set` is its whole value. */
#define ENTRY_BREAK_WHOLE UINT64_MAX

/* An address bit that no CPU has: physical addresses have at most 52 bits. */
#define ENTRY_BREAK_BEYOND_WIDTH BIT(55)

/* Not canonical with 48 nor with 57 linear-address bits. */
#define ENTRY_BREAK_NOT_CANONICAL BIT(63)

/* A memory type that is reserved, in byte 0 of IA32_PAT. */
#define ENTRY_BREAK_BAD_PAT 2

/* Reserved in IA32_EFER on every CPU. */
#define ENTRY_BREAK_BAD_EFER BIT(1)

/* A selector's RPL and table indicator: SDM Vol. 3A "Segment Selectors". */
#define SELECTOR_RPL_3 3
#define SELECTOR_TI    BIT(2)

/* An address that is on no page's boundary. */
#define MISALIGNED_PAGE 0x800

/* A valid VM-entry interruption-information field. */
#define INJECT(type, vector)     (INTERRUPTION_VALID | (type) << INTERRUPTION_TYPE_LOW | (vector))
#define INJECT_EXCEPTION(vector) INJECT(INTERRUPTION_HARDWARE_EXCEPTION, vector)

#endif
