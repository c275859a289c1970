/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/load_multiboot.c vm/multiboot1_header.c vm/multiboot1_info.c vm/elf32.c
 * vm/load_plan.c vm/memory_layout.c vm/guest_memory.c lib/format.c tests/host/image_builder.c */
#include "lib/bits.h"
#include "tests/fuzz/require.h"
#include "tests/host/image_builder.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MEMORY_SIZE = 4 << 20,
	HOLE_START = 0x9fc00,
	HOLE_END = 0x100000,
	INFO_SIZE = 116,
	INFO_MODS_ADDR = 24,
	LOAD_ADDRESSES = 0x10000,
};

/* How the image is made; the rest of the input is patches, or the image itself. */
struct plan {
	uint8_t is_raw;
	uint8_t has_load_addresses;
	uint8_t memory_pages;
	uint8_t module_pages;
	uint16_t size_bytes;
};

struct patch {
	uint16_t offset;
	uint32_t value;
} __attribute__((packed));

static void make_image(
	struct builder *builder, const struct plan *plan, const uint8_t *data, size_t size)
{
	static const uint32_t addresses[5] = {0x200400, 0x200000, 0x200600, 0x201000, 0x200500};
	struct patch patch;

	if ((plan->is_raw & 1) != 0) {
		builder_raw(builder, data, size);
		return;
	}
	builder_kernel(builder);
	if ((plan->has_load_addresses & 1) != 0) {
		builder_multiboot(builder, BUILDER_MULTIBOOT, LOAD_ADDRESSES);
		builder_addresses(builder, BUILDER_MULTIBOOT, addresses);
	}
	for (; size >= sizeof(patch); data += sizeof(patch), size -= sizeof(patch)) {
		memcpy(&patch, data, sizeof(patch));
		builder_put32(builder, patch.offset % (BUILDER_MULTIBOOT + 64), patch.value);
	}
	if (plan->size_bytes != 0 && plan->size_bytes < builder->size_bytes) {
		builder->size_bytes = plan->size_bytes;
	}
}

static void check_place(const struct load_result *result, uint64_t start, uint64_t size_bytes,
	uint64_t memory_size_bytes)
{
	require(start >= PAGE_SIZE_4K && range_fits(start, size_bytes, memory_size_bytes));
	require(!ranges_overlap(start, size_bytes, HOLE_START, HOLE_END - HOLE_START));
	require(!ranges_overlap(
		start, size_bytes, result->image_start, result->image_end - result->image_start));
}

static void check_result(const struct builder_guest *guest, const struct load_result *result,
	uint64_t memory_size_bytes, uint64_t module_size_bytes)
{
	uint32_t mods = builder_guest_get32(guest, result->information + INFO_MODS_ADDR);
	uint32_t start = builder_guest_get32(guest, mods);

	require(result->image_start >= PAGE_SIZE_4K && result->image_start < result->image_end);
	require(result->image_end <= memory_size_bytes);
	require(result->entry >= result->image_start && result->entry < result->image_end);
	check_place(result, result->information, INFO_SIZE, memory_size_bytes);
	check_place(result, start, module_size_bytes, memory_size_bytes);
	require(start >= result->image_end && start % PAGE_SIZE_4K == 0);
	require(builder_guest_get32(guest, mods + 4) == start + module_size_bytes);
	require(!ranges_overlap(start, module_size_bytes, result->information, INFO_SIZE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct builder builder;
	static struct builder_guest guest;
	static uint8_t module_bytes[256 * PAGE_SIZE_4K];
	struct plan plan;
	struct image image;
	struct image_module module = {{"module", module_bytes, 0}, "text"};
	struct load_result result;
	uint64_t memory_size_bytes;
	enum status status;

	if (size < sizeof(plan)) {
		return 0;
	}
	if (guest.ram == NULL) {
		guest = builder_guest_new(MEMORY_SIZE);
	}
	memcpy(&plan, data, sizeof(plan));
	make_image(&builder, &plan, data + sizeof(plan), size - sizeof(plan));
	memory_size_bytes = MEMORY_SIZE - plan.memory_pages * (uint64_t)PAGE_SIZE_4K;
	module.image.size_bytes = plan.module_pages * (uint64_t)PAGE_SIZE_4K;
	image = builder_image(&builder, builder.size_bytes);
	status = load_multiboot(
		&guest.memory, memory_size_bytes, &image, "arguments", &module, 1, &result);
	require((status == STATUS_OK) == (result.error[0] == 0));
	require(load_multiboot_is_candidate(&image) || status != STATUS_OK);
	if (status == STATUS_OK) {
		check_result(&guest, &result, memory_size_bytes, module.image.size_bytes);
	}
	builder_free(&image);
	return 0;
}
