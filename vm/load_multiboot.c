/* SPDX-License-Identifier: MIT */
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/elf32.h"
#include "vm/multiboot1_header.h"
#include "vm/multiboot1_info.h"

/*
 * Where the search for a place below 640 KiB starts: kernels that take low memory without asking
 * (start-up code for other processors, a real-mode stack) do so in the first 64 KiB.
 */
#define INFORMATION_PREFERRED KIB(64)

/* What modules and information must stay off: the image, the hole below 1 MiB, the modules. */
struct occupied {
	struct {
		uint64_t start;
		uint64_t size_bytes;
	} blocks[2 + IMAGE_MODULES_MAX];
	size_t count;
};

bool load_multiboot_is_candidate(const struct image *image)
{
	struct multiboot1_header header;

	return elf32_has_magic(image) || multiboot1_header_find(image, &header);
}

static void occupy(struct occupied *occupied, uint64_t start, uint64_t size_bytes)
{
	occupied->blocks[occupied->count].start = start;
	occupied->blocks[occupied->count].size_bytes = size_bytes;
	occupied->count++;
}

/* Returns the first 4 KiB-aligned place in [from, end) that is free, or 0; end <= 4 GiB. */
static uint64_t find_free(
	const struct occupied *occupied, uint64_t size_bytes, uint64_t from, uint64_t end)
{
	uint64_t at = align_up(from, PAGE_SIZE_4K);
	size_t i = 0;

	while (i < occupied->count && range_fits(at, size_bytes, end)) {
		uint64_t start = occupied->blocks[i].start;
		uint64_t block_size_bytes = occupied->blocks[i].size_bytes;

		i++;
		if (ranges_overlap(at, size_bytes, start, block_size_bytes)) {
			at = align_up(start + block_size_bytes, PAGE_SIZE_4K);
			i = 0;
		}
	}
	return range_fits(at, size_bytes, end) ? at : 0;
}

static enum status make_plan(struct load_plan *plan, const struct load_context *context)
{
	struct multiboot1_header header;
	enum status status = multiboot1_header_read(&header, context);

	if (status != STATUS_OK) {
		return status;
	}
	if ((header.flags & MULTIBOOT1_LOAD_ADDRESSES) != 0) {
		return multiboot1_header_plan(&header, plan, context);
	}
	if (!elf32_has_magic(context->image)) {
		return load_fail(context, STATUS_INVALID,
			"it is no ELF file, and its multiboot header has no load addresses");
	}
	return elf32_plan(plan, context);
}

static uint64_t address_end(const struct load_context *context)
{
	uint64_t size_bytes = context->memory_size_bytes;

	return size_bytes < LOAD_ADDRESS_LIMIT ? size_bytes : LOAD_ADDRESS_LIMIT;
}

static enum status place_module(struct multiboot1_contents *contents, size_t index, uint64_t from,
	struct occupied *occupied, const struct load_context *context)
{
	const struct image *module = &contents->modules[index].image;
	/* An empty module takes a byte, so that no two start at one address. */
	uint64_t size_bytes = module->size_bytes != 0 ? module->size_bytes : 1;
	uint64_t start = find_free(occupied, size_bytes, from, address_end(context));

	if (start == 0) {
		return load_fail(context, STATUS_NO_MEMORY,
			"no room behind it for its module %.40s: size=0x%llx, mem= gives more",
			module->name, (unsigned long long)module->size_bytes);
	}
	if (guest_memory_write(context->memory, gpa(start), module->bytes, module->size_bytes) !=
		STATUS_OK) {
		return load_fail(context, STATUS_NO_MEMORY,
			"the guest has no RAM for its module %.40s at 0x%llx", module->name,
			(unsigned long long)start);
	}
	occupy(occupied, start, size_bytes);
	contents->module_starts[index] = start;
	return STATUS_OK;
}

static enum status place_modules(struct multiboot1_contents *contents, struct occupied *occupied,
	const struct load_context *context)
{
	uint64_t from = context->result->image_end;

	if (contents->module_count > IMAGE_MODULES_MAX) {
		return load_fail(context, STATUS_NO_MEMORY, "it has more than %d modules",
			IMAGE_MODULES_MAX);
	}
	for (size_t i = 0; i < contents->module_count; i++) {
		enum status status = place_module(contents, i, from, occupied, context);

		if (status != STATUS_OK) {
			return status;
		}
		from = contents->module_starts[i];
	}
	return STATUS_OK;
}

static enum status place_information(const struct multiboot1_contents *contents,
	const struct occupied *occupied, const struct load_context *context)
{
	uint64_t size_bytes = multiboot1_info_size(contents);
	uint64_t end = address_end(context);
	uint64_t low_end = end < LOW_MEMORY_END ? end : LOW_MEMORY_END;
	uint64_t at = find_free(occupied, size_bytes, INFORMATION_PREFERRED, low_end);

	if (at == 0) {
		at = find_free(occupied, size_bytes, LOAD_ADDRESS_MIN, low_end);
	}
	if (at == 0) {
		at = find_free(occupied, size_bytes, context->result->image_end, end);
	}
	if (at == 0) {
		return load_fail(context, STATUS_NO_MEMORY,
			"no room for its multiboot information: size=0x%llx, mem= gives more",
			(unsigned long long)size_bytes);
	}
	context->result->information = at;
	if (multiboot1_info_write(context->memory, gpa(at), contents) != STATUS_OK) {
		return load_fail(context, STATUS_NO_MEMORY,
			"the guest has no RAM for its multiboot information at 0x%llx",
			(unsigned long long)at);
	}
	return STATUS_OK;
}

static enum status load_image(const struct load_context *context)
{
	struct load_plan plan = {.count = 0};
	enum status status = make_plan(&plan, context);

	if (status != STATUS_OK) {
		return status;
	}
	context->result->entry = plan.entry;
	context->result->image_start = plan.start;
	context->result->image_end = plan.end;
	return load_plan_copy(&plan, context);
}

enum status load_multiboot(struct guest_memory *memory, uint64_t memory_size_bytes,
	const struct image *image, const char *arguments, const struct image_module *modules,
	size_t module_count, struct load_result *result)
{
	struct load_context context = {
		memory, memory_layout_low_end(memory_size_bytes), image, result};
	struct multiboot1_contents contents = {
		.memory_size_bytes = memory_size_bytes,
		.program = image->name,
		.arguments = arguments,
		.modules = modules,
		.module_count = module_count,
	};
	struct occupied occupied = {.count = 0};
	enum status status;

	memset(result, 0, sizeof(*result));
	status = load_image(&context);
	if (status != STATUS_OK) {
		return status;
	}
	occupy(&occupied, result->image_start, result->image_end - result->image_start);
	occupy(&occupied, LOW_MEMORY_END, HIGH_MEMORY_START - LOW_MEMORY_END);
	status = place_modules(&contents, &occupied, &context);
	if (status != STATUS_OK) {
		return status;
	}
	return place_information(&contents, &occupied, &context);
}
