/* SPDX-License-Identifier: MIT */
#include "tests/host/image_builder.h"

#include <stdlib.h>
#include <string.h>

void builder_put16(struct builder *builder, size_t offset, uint16_t value)
{
	memcpy(builder->bytes + offset, &value, sizeof(value));
}

void builder_put32(struct builder *builder, size_t offset, uint32_t value)
{
	memcpy(builder->bytes + offset, &value, sizeof(value));
}

void builder_start(struct builder *builder, size_t size_bytes)
{
	for (size_t i = 0; i < BUILDER_SIZE_MAX; i++) {
		builder->bytes[i] = (uint8_t)(i % 251 + 1);
	}
	builder->size_bytes = size_bytes;
}

void builder_raw(struct builder *builder, const uint8_t *bytes, size_t size_bytes)
{
	builder_start(builder, size_bytes < BUILDER_SIZE_MAX ? size_bytes : BUILDER_SIZE_MAX);
	memcpy(builder->bytes, bytes, builder->size_bytes);
}

void builder_elf(struct builder *builder, uint32_t entry)
{
	static const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 1, 1, 1};

	memcpy(builder->bytes, ident, sizeof(ident));
	builder_put16(builder, 16, 2);
	builder_put16(builder, 18, 3);
	builder_put32(builder, 20, 1);
	builder_put32(builder, BUILDER_ENTRY, entry);
	builder_put32(builder, BUILDER_PHOFF, BUILDER_PROGRAM_HEADERS);
	builder_put16(builder, BUILDER_PHENTSIZE, 32);
	builder_put16(builder, BUILDER_PHNUM, 0);
}

void builder_add_segment(struct builder *builder, struct builder_segment segment)
{
	uint16_t count;
	size_t at;

	memcpy(&count, builder->bytes + BUILDER_PHNUM, sizeof(count));
	at = BUILDER_PROGRAM_HEADERS + (size_t)count * 32;
	builder_put32(builder, at, segment.type);
	builder_put32(builder, at + 4, segment.offset);
	builder_put32(builder, at + 8, segment.virtual_address);
	builder_put32(builder, at + 12, segment.physical_address);
	builder_put32(builder, at + 16, segment.file_size);
	builder_put32(builder, at + 20, segment.memory_size);
	builder_put16(builder, BUILDER_PHNUM, (uint16_t)(count + 1));
}

void builder_multiboot(struct builder *builder, size_t offset, uint32_t flags)
{
	builder_put32(builder, offset, 0x1badb002u);
	builder_put32(builder, offset + 4, flags);
	builder_put32(builder, offset + 8, 0u - 0x1badb002u - flags);
}

void builder_addresses(struct builder *builder, size_t offset, const uint32_t addresses[5])
{
	for (size_t i = 0; i < 5; i++) {
		builder_put32(builder, offset + 12 + 4 * i, addresses[i]);
	}
}

void builder_kernel(struct builder *builder)
{
	builder_start(builder, BUILDER_CODE + 0x500);
	builder_elf(builder, 0x100010);
	builder_add_segment(builder,
		(struct builder_segment){1, BUILDER_CODE, 0x100000, 0x100000, 0x500, 0x800});
	builder_multiboot(builder, BUILDER_MULTIBOOT, 3);
}

struct image builder_image(const struct builder *builder, size_t size_bytes)
{
	uint8_t *bytes = malloc(size_bytes);

	if (bytes == NULL && size_bytes != 0) {
		abort();
	}
	if (size_bytes != 0) {
		memcpy(bytes, builder->bytes, size_bytes);
	}
	return (struct image){"kernel", bytes, size_bytes};
}

void builder_free(struct image *image)
{
	free((void *)(uintptr_t)image->bytes);
	image->bytes = NULL;
}

struct builder_guest builder_guest_new(uint64_t size_bytes)
{
	struct builder_guest guest = {.ram = malloc(size_bytes), .size_bytes = size_bytes};

	if (guest.ram == NULL) {
		abort();
	}
	memset(guest.ram, 0xa5, size_bytes);
	if (guest_memory_add(&guest.memory, (struct guest_memory_region){gpa(0), size_bytes,
						    guest.ram, false}) != STATUS_OK) {
		abort();
	}
	return guest;
}

void builder_guest_free(struct builder_guest *guest)
{
	free(guest->ram);
	guest->ram = NULL;
}

uint32_t builder_guest_get32(const struct builder_guest *guest, uint64_t address)
{
	uint32_t value;

	if (address > guest->size_bytes - sizeof(value)) {
		abort();
	}
	memcpy(&value, guest->ram + address, sizeof(value));
	return value;
}
