/* SPDX-License-Identifier: MIT */
#ifndef CPU_SEGMENT_LOAD_H
#define CPU_SEGMENT_LOAD_H

#include "lib/types.h"

/* Loads CS, and DS, ES and SS, from the current GDT. FS and GS, null since the start, stay: a load
 * would clear the GS base. */
void segment_load(uint16_t code_selector, uint16_t data_selector);

#endif
