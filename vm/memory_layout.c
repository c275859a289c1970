/* SPDX-License-Identifier: MIT */
#include "vm/memory_layout.h"

uint64_t memory_layout_low_end(uint64_t memory_size_bytes)
{
	return memory_size_bytes < DEVICE_HOLE_START ? memory_size_bytes : DEVICE_HOLE_START;
}

static void add_block(struct memory_layout *layout, struct memory_block block)
{
	if (block.size_bytes != 0) {
		layout->blocks[layout->block_count++] = block;
	}
}

struct memory_layout memory_layout_make(uint64_t memory_size_bytes)
{
	const uint64_t low_end = memory_layout_low_end(memory_size_bytes);
	struct memory_layout layout = {.block_count = 0};

	add_block(&layout, (struct memory_block){gpa(0), low_end, 0});
	add_block(&layout,
		(struct memory_block){gpa(DEVICE_HOLE_END), memory_size_bytes - low_end, low_end});
	return layout;
}
