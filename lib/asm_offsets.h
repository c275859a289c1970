/* SPDX-License-Identifier: MIT */
#ifndef LIB_ASM_OFFSETS_H
#define LIB_ASM_OFFSETS_H

#include "lib/types.h"

/*
 * For vm/asm_offsets.c only: the Makefile compiles that file apart, reads these arrays' sizes and
 * writes them to build/asm_offsets.inc, where nasm finds the constant NAME. Nothing of it is
 * linked.
 */
#define ASM_CONSTANT(name, value)     const uint8_t asm_offset_##name[(value) + 1] = {0}
#define OFFSET(name, struct_, member) ASM_CONSTANT(name, offsetof(struct_, member))
#define SIZE(name, struct_)           ASM_CONSTANT(name, sizeof(struct_))

#endif
