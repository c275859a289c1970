/* SPDX-License-Identifier: MIT */
#ifndef HOST_BLOB_BUILDER_H
#define HOST_BLOB_BUILDER_H

#include <stddef.h>
#include <stdint.h>

enum { BLOB_MAX = 16384, BLOB_RSDP_V1 = 20, BLOB_RSDP_V2 = 36 };

/* A multiboot2 boot information in the making. */
struct blob {
	uint8_t bytes[BLOB_MAX];
	size_t size_bytes;
};

struct blob_range {
	uint64_t base;
	uint64_t length;
	uint32_t type;
};

struct blob_screen {
	uint64_t address;
	uint32_t pitch;
	uint32_t width;
	uint32_t height;
	uint8_t bits;
	uint8_t type;
	uint8_t colours[6];
};

extern const struct blob_screen blob_rgb_screen;
extern const struct blob_screen blob_text_screen;

void blob_put(struct blob *blob, const void *bytes, size_t size_bytes);
void blob_put32(struct blob *blob, uint32_t value);
void blob_put64(struct blob *blob, uint64_t value);
void blob_set32(struct blob *blob, size_t offset, uint32_t value);

/* Room for the header; the end tag and the total size in it. */
void blob_start(struct blob *blob);
void blob_finish(struct blob *blob);

/* Each appends a tag, padded to 8 bytes, and returns the offset of its first byte. */
size_t blob_tag(struct blob *blob, uint32_t type, const void *payload, size_t size_bytes);
size_t blob_tag_module(struct blob *blob, uint32_t from, uint32_t to, const char *text);
size_t blob_tag_memory(
	struct blob *blob, const struct blob_range *ranges, size_t count, uint32_t entry_size);
size_t blob_tag_screen(struct blob *blob, const struct blob_screen *screen);

/* The tag has room for three headers of 64 bytes, whatever its fields say. */
size_t blob_tag_elf(struct blob *blob, uint32_t count, uint32_t entry_size, uint32_t strings);

/* An RSDP of ACPI 2.0, both checksums right for 20 and 36 bytes. */
void blob_make_rsdp(uint8_t rsdp[BLOB_RSDP_V2], uint32_t length);

/* One tag of each kind, two modules, one unknown tag. */
void blob_make_full(struct blob *blob);

#endif
