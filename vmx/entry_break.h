/* SPDX-License-Identifier: MIT */
#ifndef VMX_ENTRY_BREAK_H
#define VMX_ENTRY_BREAK_H

#include "lib/types.h"
#include "vmx/capability.h"
#include "vmx/control_word.h"
#include "vmx/entry_check.h"

enum { ENTRY_BREAK_CHANGES_MAX = 3 };

/* One field's change: (present value & ~clear) | set. With both 0 the change is not there. */
struct entry_break_change {
	uint32_t field; /* Encoding. */
	uint64_t clear;
	uint64_t set;
};

/* The guest that a breakage needs in the VMCS, seen in its guest-state area and controls. */
enum entry_break_guest {
	ENTRY_BREAK_ANY_GUEST,
	ENTRY_BREAK_PROTECTED_MODE, /* CR0.PE is 1. */
	ENTRY_BREAK_IA32E_MODE,     /* The IA-32e mode guest control is 1. */
	ENTRY_BREAK_NOT_IA32E_MODE, /* It is 0. */
};

/* Controls that the CPU must have, so that the breakage breaks its own rule and no other. */
struct entry_break_needs {
	enum control_word word;
	uint32_t mask; /* 0: none. */
};

/*
 * A way to break a VMCS that every CPU with the needed controls refuses, and with which area's
 * answer. It starts from a VMCS that can be entered, with unrestricted guest, EPT, VPID, MSR and
 * I/O bitmaps, debug controls loaded, SS usable outside IA-32e mode, and no event to inject.
 */
struct entry_break {
	const char *name; /* The rule, in snake_case. */
	enum entry_check_area area;
	struct entry_break_change changes[ENTRY_BREAK_CHANGES_MAX];
	struct entry_break_needs needs;
	enum entry_break_guest guest;
	/* The CPU ties error codes to vectors: IA32_VMX_BASIC[56] is 0. */
	bool needs_strict_error_codes;
};

/* Returns how many rows there are. Context: any; pure. */
size_t entry_break_count(void);

/* Returns the row; index < entry_break_count(). Context: any; pure. */
const struct entry_break *entry_break_get(size_t index);

/*
 * True if the row means something on this CPU and with the guest in the current VMCS; else it is
 * to be skipped. Context: VMX root operation with the VMCS current.
 */
bool entry_break_applies(const struct entry_break *row, const struct vmx_capability *capability);

/* Writes the row's changes to the current VMCS. Context: as entry_break_applies(). */
void entry_break_apply(const struct entry_break *row);

#endif
