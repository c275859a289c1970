/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/load_linux.c vm/linux_setup_header.c vm/linux_boot_area.c vm/load_plan.c vm/e820.c
 * vm/memory_layout.c vm/guest_memory.c lib/format.c tests/host/image_builder.c
 * tests/host/linux_image_builder.c */
#include "lib/bits.h"
#include "tests/fuzz/require.h"
#include "tests/host/linux_image_builder.h"
#include "vm/linux_boot_area.h"
#include "vm/load_linux.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MEMORY_SIZE = 4 << 20,
	INITRD_SIZE_MAX = 256 * 4096,
};

/* How the image is made; the rest of the input is patches, or the image itself. */
struct plan {
	uint8_t is_raw;
	uint8_t memory_pages;
	uint8_t initrd_pages;
	uint8_t command_line_size;
	uint16_t size_bytes;
};

struct patch {
	uint8_t offset; /* From the header's start. */
	uint8_t byte;
} __attribute__((packed));

static void make_image(
	struct builder *builder, const struct plan *plan, const uint8_t *data, size_t size)
{
	struct patch patch;

	if ((plan->is_raw & 1) != 0) {
		builder_raw(builder, data, size);
		return;
	}
	linux_image_builder(builder);
	for (; size >= sizeof(patch); data += sizeof(patch), size -= sizeof(patch)) {
		memcpy(&patch, data, sizeof(patch));
		builder->bytes[LINUX_SETUP_SECTS + patch.offset] = patch.byte;
	}
	if (plan->size_bytes != 0 && plan->size_bytes < builder->size_bytes) {
		builder->size_bytes = plan->size_bytes;
	}
}

static void check_result(const struct load_result *result, const struct linux_boot *boot)
{
	const uint64_t initrd_size_bytes = result->initrd_end - result->initrd_start;

	require(result->image_start >= MIB(1) && result->image_start < result->image_end);
	require(result->image_end <= boot->memory_size_bytes);
	require(result->entry > result->image_start && result->entry < result->image_end);
	require(result->page_tables >= KIB(64) && result->page_tables < LOW_MEMORY_END);
	require(result->gdt >= KIB(64) && result->gdt < LOW_MEMORY_END);
	require(initrd_size_bytes == boot->initrd.size_bytes);
	require(initrd_size_bytes == 0 || result->initrd_start >= result->image_end);
	require(result->initrd_end <= boot->memory_size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct builder builder;
	static struct builder_guest guest;
	static uint8_t initrd[INITRD_SIZE_MAX];
	char command_line[UINT8_MAX + 1] = "";
	struct linux_boot boot = {.initrd = {"initrd", initrd, 0}, .command_line = command_line};
	struct load_result result;
	struct plan plan;
	enum status status;

	if (size < sizeof(plan)) {
		return 0;
	}
	if (guest.ram == NULL) {
		guest = builder_guest_new(MEMORY_SIZE);
	}
	memcpy(&plan, data, sizeof(plan));
	make_image(&builder, &plan, data + sizeof(plan), size - sizeof(plan));
	memset(command_line, 'a', plan.command_line_size);
	boot.memory_size_bytes = MEMORY_SIZE - plan.memory_pages * (uint64_t)PAGE_SIZE_4K;
	boot.initrd.size_bytes = plan.initrd_pages * (uint64_t)PAGE_SIZE_4K;
	boot.kernel = builder_image(&builder, builder.size_bytes);
	status = load_linux(&guest.memory, &boot, &result);
	require((status == STATUS_OK) == (result.error[0] == 0));
	require(load_linux_is_candidate(&boot.kernel) || status != STATUS_OK);
	if (status == STATUS_OK) {
		check_result(&result, &boot);
	}
	builder_free(&boot.kernel);
	return 0;
}
