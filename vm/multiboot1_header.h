/* SPDX-License-Identifier: MIT */
#ifndef VM_MULTIBOOT1_HEADER_H
#define VM_MULTIBOOT1_HEADER_H

#include "lib/bits.h"
#include "vm/load_plan.h"

/* Multiboot Specification version 0.6.96, "The layout of Multiboot header". */
#define MULTIBOOT1_HEADER_MAGIC 0x1badb002u
#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6u

/* "The magic fields of Multiboot header": bits 0 to 15 demand, the others only tell. */
#define MULTIBOOT1_ALIGN_MODULES  BIT(0)
#define MULTIBOOT1_MEMORY_INFO    BIT(1)
#define MULTIBOOT1_VIDEO_MODE     BIT(2)
#define MULTIBOOT1_LOAD_ADDRESSES BIT(16)
#define MULTIBOOT1_DEMANDS_MASK   BITS_MASK(15, 0)
#define MULTIBOOT1_DEMANDS_SERVED                                                                  \
	(MULTIBOOT1_ALIGN_MODULES | MULTIBOOT1_MEMORY_INFO | MULTIBOOT1_VIDEO_MODE)

struct multiboot1_header {
	uint64_t file_offset;
	uint32_t flags;
};

/*
 * Finds the first multiboot1 header (magic, flags and a checksum that makes them add up to 0) in
 * the first 8192 bytes, on a 4-byte boundary. Returns false if there is none. Context: any; pure.
 */
bool multiboot1_header_find(const struct image *image, struct multiboot1_header *header);

/*
 * As multiboot1_header_find(), and checks that we can serve the flags. Returns STATUS_OK or
 * STATUS_INVALID, told by load_fail().
 */
must_use enum status multiboot1_header_read(
	struct multiboot1_header *header, const struct load_context *context);

/*
 * Fills an empty plan with the one segment and the entry that the header's address fields give
 * (flag 16): a load_end_addr of 0 means all of the file, a bss_end_addr of 0 no bss.
 *
 * Returns STATUS_OK; STATUS_INVALID (addresses out of order, entry outside); STATUS_TRUNCATED (the
 * fields, or what they name, lie outside the file); and what load_plan_add() returns. Errors are
 * told by load_fail(). Context: any; pure.
 * Source: Multiboot Specification version 0.6.96, "The address fields of Multiboot header".
 */
must_use enum status multiboot1_header_plan(const struct multiboot1_header *header,
	struct load_plan *plan, const struct load_context *context);

#endif
