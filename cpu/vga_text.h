/* SPDX-License-Identifier: MIT */
#ifndef CPU_VGA_TEXT_H
#define CPU_VGA_TEXT_H

#include "lib/status.h"
#include "lib/types.h"

/*
 * Takes over the VGA text screen: columns and rows as the boot loader left it. Returns STATUS_OK;
 * STATUS_RANGE if it cannot be one (0 columns or rows, or more cells than its 32 KiB hold).
 * Context: boot, with the VGA memory mapped uncacheable.
 */
must_use enum status vga_text_init(uint64_t columns, uint64_t rows);

/* Shows text; nothing before vga_text_init(). */
void vga_text_write(const uint8_t *bytes, size_t size_bytes);

#endif
