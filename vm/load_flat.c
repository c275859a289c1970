/* SPDX-License-Identifier: MIT */
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/load_plan.h"

/* Where a PC's firmware puts a boot sector, and how much of low memory an image may take. */
#define FLAT_ADDRESS  0x7c00u
#define FLAT_SIZE_MAX KIB(512)

enum status load_flat(struct guest_memory *memory, uint64_t memory_size_bytes,
	const struct image *image, struct load_result *result)
{
	struct load_context context = {memory, memory_size_bytes, image, result};
	unsigned long long size_bytes = image->size_bytes;

	memset(result, 0, sizeof(*result));
	if (size_bytes == 0) {
		return load_fail(&context, STATUS_INVALID, "it is empty");
	}
	if (size_bytes > FLAT_SIZE_MAX) {
		return load_fail(&context, STATUS_RANGE,
			"it is too large for a flat image: size=0x%llx, at most 0x%llx", size_bytes,
			(unsigned long long)FLAT_SIZE_MAX);
	}
	if (!range_fits(FLAT_ADDRESS, size_bytes, memory_size_bytes) ||
		guest_memory_write(memory, gpa(FLAT_ADDRESS), image->bytes, size_bytes) !=
			STATUS_OK) {
		return load_fail(&context, STATUS_RANGE,
			"it does not fit memory=0x%llx: at=0x%x size=0x%llx, mem= gives more",
			(unsigned long long)memory_size_bytes, FLAT_ADDRESS, size_bytes);
	}
	result->entry = FLAT_ADDRESS;
	result->image_start = FLAT_ADDRESS;
	result->image_end = FLAT_ADDRESS + size_bytes;
	return STATUS_OK;
}
