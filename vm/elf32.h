/* SPDX-License-Identifier: MIT */
#ifndef VM_ELF32_H
#define VM_ELF32_H

#include "vm/load_plan.h"

/* True if the image starts with the four bytes of the ELF magic. Context: any; pure. */
bool elf32_has_magic(const struct image *image);

/*
 * Fills an empty plan with the PT_LOAD segments, at their physical addresses, and the entry of a
 * little-endian 32-bit x86 ELF. The entry is e_entry where a segment lies there physically; else,
 * where it lies in a segment's virtual addresses, it is moved to the physical ones.
 *
 * Returns STATUS_OK; STATUS_INVALID (not an ELF that a 32-bit x86 can run, no PT_LOAD, entry
 * outside all segments); STATUS_TRUNCATED (headers or segments outside the file); and what
 * load_plan_add() returns. Errors are told by load_fail(). Context: any; pure.
 * Source: ELF-32 Object File Format (TIS 1.2), "ELF Header", "Program Header".
 */
must_use enum status elf32_plan(struct load_plan *plan, const struct load_context *context);

#endif
