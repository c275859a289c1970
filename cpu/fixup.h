/* SPDX-License-Identifier: MIT */
#ifndef CPU_FIXUP_H
#define CPU_FIXUP_H

#include "lib/types.h"

/*
 * Looks up an instruction that is allowed to fault (insn_rdmsr_safe() and its like) and stores
 * where to go on. Returns false if the address is not one. Context: any.
 */
bool fixup_find(uint64_t rip, uint64_t *resume);

#endif
