/* SPDX-License-Identifier: MIT */
#ifndef BOOT_LOADED_SECTIONS_H
#define BOOT_LOADED_SECTIONS_H

#include "boot/multiboot2.h"

/*
 * Calls `visit` for each section that GRUB put into memory beside the image (symbols and strings),
 * below 4 GiB as GRUB does. Headers too small to be ELF64 ones are not read. Context: boot; pure.
 */
void loaded_sections_each(const struct boot_elf_sections *sections,
	void (*visit)(uint64_t address, uint64_t size_bytes));

#endif
