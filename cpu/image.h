/* SPDX-License-Identifier: MIT */
#ifndef CPU_IMAGE_H
#define CPU_IMAGE_H

#include "lib/types.h"

/* Where the linker script put us: addresses, not objects. All but the fixups are page-aligned. */
extern const uint8_t image_start[];
extern const uint8_t text_start[];
extern const uint8_t text_end[];
extern const uint8_t rodata_start[];
extern const uint8_t rodata_end[];
extern const uint8_t data_start[];
extern const uint8_t image_end[];

/* The page under the boot stack, and the stack's end. */
extern const uint8_t boot_stack_guard[];
extern const uint8_t boot_stack_top[];

#endif
