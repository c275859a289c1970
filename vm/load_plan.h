/* SPDX-License-Identifier: MIT */
#ifndef VM_LOAD_PLAN_H
#define VM_LOAD_PLAN_H

#include "vm/loader.h"

enum { LOAD_SEGMENTS_MAX = 32 };

/* Images are addressed with 32 bits; page 0 is the real-mode vectors' and every NULL pointer's. */
#define LOAD_ADDRESS_LIMIT GIB(4)
#define LOAD_ADDRESS_MIN   PAGE_SIZE_4K

/* A part of the image file and where it goes in guest-physical memory. */
struct load_segment {
	uint64_t file_offset;
	uint64_t file_size_bytes;
	uint64_t virtual_address;
	uint64_t physical_address;
	uint64_t memory_size_bytes; /* What lies behind the file's part is zeroed. */
};

/* Where a whole image goes: checked segments that are not empty and do not overlap. */
struct load_plan {
	struct load_segment segments[LOAD_SEGMENTS_MAX];
	size_t count;
	uint64_t start; /* The lowest byte and the end of the highest. */
	uint64_t end;
	uint64_t entry;
};

/* What every step of a load knows. */
struct load_context {
	struct guest_memory *memory;
	uint64_t memory_size_bytes;
	const struct image *image;
	struct load_result *result;
};

/*
 * Writes the sentence "NAME: fault" to the result (the name cut so that the fault has room) and
 * returns `status`, so that a step can end with it. Context: any; pure.
 */
must_use enum status load_fail(const struct load_context *context, enum status status,
	const char *template, ...) __attribute__((format(printf, 3, 4)));

/*
 * Checks a segment and adds it to the plan; one of no memory is skipped. Returns STATUS_OK;
 * STATUS_INVALID (more in the file than in memory, or too many segments); STATUS_TRUNCATED (outside
 * the file); STATUS_RANGE (wraps around 4 GiB, touches page 0, outside the memory); STATUS_OVERLAP.
 * Errors are told by load_fail(). Context: any; pure.
 */
must_use enum status load_plan_add(struct load_plan *plan, const struct load_segment *segment,
	const struct load_context *context);

/* Returns the segment whose physical or virtual addresses hold `address`; NULL if none does. */
const struct load_segment *load_plan_physical(const struct load_plan *plan, uint64_t address);
const struct load_segment *load_plan_virtual(const struct load_plan *plan, uint64_t address);

/*
 * Copies every segment and zeroes what lies behind its file part. Returns STATUS_OK; STATUS_RANGE
 * where the guest has no RAM, told by load_fail(). Context: before the guest runs.
 */
must_use enum status load_plan_copy(
	const struct load_plan *plan, const struct load_context *context);

#endif
