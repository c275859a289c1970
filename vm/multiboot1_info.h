/* SPDX-License-Identifier: MIT */
#ifndef VM_MULTIBOOT1_INFO_H
#define VM_MULTIBOOT1_INFO_H

#include "vm/loader.h"
#include "vm/memory_layout.h"

/* What the information tells. */
struct multiboot1_contents {
	uint64_t memory_size_bytes; /* RAM, laid out by memory_layout_make(). */
	const char *program;        /* First word of the command line. */
	const char *arguments;      /* The rest; NULL or "" for none. */
	const struct image_module *modules;
	size_t module_count; /* At most IMAGE_MODULES_MAX. */
	uint64_t module_starts[IMAGE_MODULES_MAX];
};

/* Returns the bytes that multiboot1_info_write() needs. Context: any; pure. */
uint64_t multiboot1_info_size(const struct multiboot1_contents *contents);

/*
 * Writes the information structure to `address` (4 KiB-aligned) and all that it points to behind
 * it, all below 4 GiB. Returns STATUS_OK; STATUS_RANGE where the guest has no RAM.
 * Context: before the guest runs.
 * Source: Multiboot Specification version 0.6.96, "Boot information format".
 */
must_use enum status multiboot1_info_write(
	struct guest_memory *memory, gpa_t address, const struct multiboot1_contents *contents);

#endif
