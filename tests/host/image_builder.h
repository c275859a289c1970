/* SPDX-License-Identifier: MIT */
#ifndef HOST_IMAGE_BUILDER_H
#define HOST_IMAGE_BUILDER_H

#include "vm/loader.h"

enum {
	BUILDER_SIZE_MAX = 0x6000,
	BUILDER_ENTRY = 24, /* Offsets of the ELF header's fields. */
	BUILDER_PHOFF = 28,
	BUILDER_PHENTSIZE = 42,
	BUILDER_PHNUM = 44,
	BUILDER_PROGRAM_HEADERS = 52,
	BUILDER_MULTIBOOT = 0x400,
	BUILDER_CODE = 0x1000, /* File offset of the bytes that the first segment loads. */
};

/* A guest image in the making; all of it that nobody writes is a pattern without zeros. */
struct builder {
	uint8_t bytes[BUILDER_SIZE_MAX];
	size_t size_bytes;
};

struct builder_segment {
	uint32_t type;
	uint32_t offset;
	uint32_t virtual_address;
	uint32_t physical_address;
	uint32_t file_size;
	uint32_t memory_size;
};

/* A guest with `size_bytes` of RAM from 0 on, each byte of it 0xa5. */
struct builder_guest {
	struct guest_memory memory;
	uint8_t *ram;
	uint64_t size_bytes;
};

void builder_put16(struct builder *builder, size_t offset, uint16_t value);
void builder_put32(struct builder *builder, size_t offset, uint32_t value);

/* The pattern, of this size. */
void builder_start(struct builder *builder, size_t size_bytes);

/* These bytes as they are, up to BUILDER_SIZE_MAX of them. */
void builder_raw(struct builder *builder, const uint8_t *bytes, size_t size_bytes);

/* An ELF32 header with no program header yet. */
void builder_elf(struct builder *builder, uint32_t entry);
void builder_add_segment(struct builder *builder, struct builder_segment segment);

/* A multiboot1 header with a right checksum; addresses: header, load, load end, bss end, entry. */
void builder_multiboot(struct builder *builder, size_t offset, uint32_t flags);
void builder_addresses(struct builder *builder, size_t offset, const uint32_t addresses[5]);

/* A sound kernel: 0x500 bytes of code at 1 MiB with bss up to 0x800, entry 1 MiB + 0x10. */
void builder_kernel(struct builder *builder);

/* The first size_bytes in memory of just that size, so that ASan sees each read behind it. */
struct image builder_image(const struct builder *builder, size_t size_bytes);
void builder_free(struct image *image);

struct builder_guest builder_guest_new(uint64_t size_bytes);
void builder_guest_free(struct builder_guest *guest);
uint32_t builder_guest_get32(const struct builder_guest *guest, uint64_t address);

#endif
