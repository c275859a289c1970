/* SPDX-License-Identifier: MIT */
#include "vm/multiboot1_header.h"

#include "lib/string.h"

/* Multiboot Specification version 0.6.96, "OS image format". */
enum { SEARCH_LIMIT = 8192, SEARCH_STEP = 4 };

struct header_start {
	uint32_t magic;
	uint32_t flags;
	uint32_t checksum;
};

struct header_addresses {
	uint32_t header_address;
	uint32_t load_address;
	uint32_t load_end_address;
	uint32_t bss_end_address;
	uint32_t entry_address;
};

_Static_assert(sizeof(struct header_start) == 12, "the address fields follow");
_Static_assert(sizeof(struct header_addresses) == 20, "as in the specification");

bool multiboot1_header_find(const struct image *image, struct multiboot1_header *header)
{
	uint64_t limit = image->size_bytes < SEARCH_LIMIT ? image->size_bytes : SEARCH_LIMIT;
	struct header_start start;

	for (uint64_t at = 0; range_fits(at, sizeof(start), limit); at += SEARCH_STEP) {
		memcpy(&start, image->bytes + at, sizeof(start));
		if (start.magic == MULTIBOOT1_HEADER_MAGIC &&
			start.checksum == 0u - start.magic - start.flags) {
			header->file_offset = at;
			header->flags = start.flags;
			return true;
		}
	}
	return false;
}

/* A kernel for the newer protocol is a likely mistake that deserves its own sentence. */
static bool has_multiboot2_magic(const struct image *image)
{
	uint64_t limit = image->size_bytes < SEARCH_LIMIT ? image->size_bytes : SEARCH_LIMIT;
	uint32_t magic;

	for (uint64_t at = 0; range_fits(at, sizeof(magic), limit); at += SEARCH_STEP) {
		memcpy(&magic, image->bytes + at, sizeof(magic));
		if (magic == MULTIBOOT2_HEADER_MAGIC) {
			return true;
		}
	}
	return false;
}

enum status multiboot1_header_read(
	struct multiboot1_header *header, const struct load_context *context)
{
	uint64_t not_served;

	if (!multiboot1_header_find(context->image, header)) {
		return load_fail(context, STATUS_INVALID,
			"it has no multiboot1 header in its first %d bytes%s", SEARCH_LIMIT,
			has_multiboot2_magic(context->image) ? ", only a multiboot2 one" : "");
	}
	not_served = header->flags & MULTIBOOT1_DEMANDS_MASK & ~MULTIBOOT1_DEMANDS_SERVED;
	if (not_served != 0) {
		return load_fail(context, STATUS_INVALID,
			"its multiboot header demands what is not known here: flags=0x%llx",
			(unsigned long long)not_served);
	}
	return STATUS_OK;
}

static enum status read_addresses(const struct multiboot1_header *header,
	struct header_addresses *addresses, const struct load_context *context)
{
	const struct image *image = context->image;
	uint64_t offset = header->file_offset + sizeof(struct header_start);

	if (!range_fits(offset, sizeof(*addresses), image->size_bytes)) {
		return load_fail(context, STATUS_TRUNCATED, "its multiboot header is cut off");
	}
	if (!range_fits(offset, sizeof(*addresses), SEARCH_LIMIT)) {
		return load_fail(context, STATUS_INVALID,
			"its multiboot header does not end in the first %d bytes", SEARCH_LIMIT);
	}
	memcpy(addresses, image->bytes + offset, sizeof(*addresses));
	if (addresses->load_address > addresses->header_address ||
		addresses->header_address - addresses->load_address > header->file_offset) {
		return load_fail(context, STATUS_INVALID,
			"its load_addr 0x%x and header_addr 0x%x do not match the file",
			(unsigned)addresses->load_address, (unsigned)addresses->header_address);
	}
	return STATUS_OK;
}

static enum status make_segment(const struct header_addresses *addresses, uint64_t file_offset,
	struct load_segment *segment, const struct load_context *context)
{
	uint64_t load = addresses->load_address;
	uint64_t load_end = addresses->load_end_address;
	uint64_t bss_end = addresses->bss_end_address;

	if (load_end == 0) {
		load_end = load + (context->image->size_bytes - file_offset);
	}
	if (load_end < load) {
		return load_fail(context, STATUS_INVALID,
			"its load_end_addr 0x%llx lies below its load_addr 0x%llx",
			(unsigned long long)load_end, (unsigned long long)load);
	}
	if (bss_end == 0) {
		bss_end = load_end;
	}
	if (bss_end < load_end) {
		return load_fail(context, STATUS_INVALID,
			"its bss_end_addr 0x%llx lies below the end of its data 0x%llx",
			(unsigned long long)bss_end, (unsigned long long)load_end);
	}
	*segment = (struct load_segment){
		.file_offset = file_offset,
		.file_size_bytes = load_end - load,
		.virtual_address = load,
		.physical_address = load,
		.memory_size_bytes = bss_end - load,
	};
	return STATUS_OK;
}

enum status multiboot1_header_plan(const struct multiboot1_header *header, struct load_plan *plan,
	const struct load_context *context)
{
	struct header_addresses addresses = {.header_address = 0};
	struct load_segment segment;
	enum status status = read_addresses(header, &addresses, context);

	if (status != STATUS_OK) {
		return status;
	}
	status = make_segment(&addresses,
		header->file_offset - (addresses.header_address - addresses.load_address), &segment,
		context);
	if (status != STATUS_OK) {
		return status;
	}
	status = load_plan_add(plan, &segment, context);
	if (status != STATUS_OK) {
		return status;
	}
	if (load_plan_physical(plan, addresses.entry_address) == NULL) {
		return load_fail(context, STATUS_INVALID, "its entry_addr 0x%x lies outside it",
			(unsigned)addresses.entry_address);
	}
	plan->entry = addresses.entry_address;
	return STATUS_OK;
}
