/* SPDX-License-Identifier: MIT */
#include "tests/host/blob_builder.h"

#include <stdlib.h>
#include <string.h>

void blob_put(struct blob *blob, const void *bytes, size_t size_bytes)
{
	if (size_bytes > BLOB_MAX - blob->size_bytes) {
		abort();
	}
	memcpy(blob->bytes + blob->size_bytes, bytes, size_bytes);
	blob->size_bytes += size_bytes;
}

void blob_put32(struct blob *blob, uint32_t value)
{
	blob_put(blob, &value, sizeof(value));
}

void blob_put64(struct blob *blob, uint64_t value)
{
	blob_put(blob, &value, sizeof(value));
}

void blob_set32(struct blob *blob, size_t offset, uint32_t value)
{
	memcpy(blob->bytes + offset, &value, sizeof(value));
}

void blob_start(struct blob *blob)
{
	memset(blob, 0, sizeof(*blob));
	blob_put64(blob, 0);
}

size_t blob_tag(struct blob *blob, uint32_t type, const void *payload, size_t size_bytes)
{
	static const uint8_t padding[8];
	size_t at = blob->size_bytes;

	blob_put32(blob, type);
	blob_put32(blob, (uint32_t)(8 + size_bytes));
	blob_put(blob, payload, size_bytes);
	blob_put(blob, padding, -blob->size_bytes % 8);
	return at;
}

void blob_finish(struct blob *blob)
{
	blob_tag(blob, 0, "", 0);
	blob_set32(blob, 0, (uint32_t)blob->size_bytes);
}

size_t blob_tag_module(struct blob *blob, uint32_t from, uint32_t to, const char *text)
{
	struct blob payload = {.size_bytes = 0};

	blob_put32(&payload, from);
	blob_put32(&payload, to);
	blob_put(&payload, text, strlen(text) + 1);
	return blob_tag(blob, 3, payload.bytes, payload.size_bytes);
}

size_t blob_tag_memory(
	struct blob *blob, const struct blob_range *ranges, size_t count, uint32_t entry_size)
{
	struct blob payload = {.size_bytes = 0};

	blob_put32(&payload, entry_size);
	blob_put32(&payload, 0);
	for (size_t i = 0; i < count; i++) {
		blob_put64(&payload, ranges[i].base);
		blob_put64(&payload, ranges[i].length);
		blob_put32(&payload, ranges[i].type);
		blob_put32(&payload, 0);
		payload.size_bytes += entry_size - 24;
	}
	return blob_tag(blob, 6, payload.bytes, payload.size_bytes);
}

const struct blob_screen blob_rgb_screen = {
	0xc0000000, 4096, 1024, 768, 32, 1, {16, 8, 8, 8, 0, 8}};
const struct blob_screen blob_text_screen = {0xb8000, 160, 80, 25, 16, 2, {0}};

size_t blob_tag_screen(struct blob *blob, const struct blob_screen *screen)
{
	struct blob payload = {.size_bytes = 0};
	const uint8_t tail[4] = {screen->bits, screen->type};

	blob_put64(&payload, screen->address);
	blob_put32(&payload, screen->pitch);
	blob_put32(&payload, screen->width);
	blob_put32(&payload, screen->height);
	blob_put(&payload, tail, sizeof(tail));
	if (screen->type == 1) {
		blob_put(&payload, screen->colours, sizeof(screen->colours));
	}
	return blob_tag(blob, 8, payload.bytes, payload.size_bytes);
}

size_t blob_tag_elf(struct blob *blob, uint32_t count, uint32_t entry_size, uint32_t strings)
{
	struct blob payload = {.size_bytes = 0};

	blob_put32(&payload, count);
	blob_put32(&payload, entry_size);
	blob_put32(&payload, strings);
	payload.size_bytes += (size_t)3 * 64;
	return blob_tag(blob, 9, payload.bytes, payload.size_bytes);
}

static uint8_t sum(const uint8_t *bytes, size_t size_bytes)
{
	uint8_t total = 0;

	for (size_t i = 0; i < size_bytes; i++) {
		total = (uint8_t)(total + bytes[i]);
	}
	return total;
}

void blob_make_rsdp(uint8_t rsdp[BLOB_RSDP_V2], uint32_t length)
{
	memset(rsdp, 0, BLOB_RSDP_V2);
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "MAKERS", 6);
	rsdp[15] = 2;
	memcpy(rsdp + 20, &length, sizeof(length));
	rsdp[8] = (uint8_t)-sum(rsdp, BLOB_RSDP_V1);
	rsdp[32] = (uint8_t)-sum(rsdp, BLOB_RSDP_V2);
}

void blob_make_full(struct blob *blob)
{
	static const struct blob_range ranges[] = {
		{0, 0x9fc00, 1}, {0x9fc00, 0x400, 2}, {0x100000, 0x7f00000, 1}};
	uint8_t rsdp[BLOB_RSDP_V2];

	blob_make_rsdp(rsdp, BLOB_RSDP_V2);
	blob_start(blob);
	blob_tag(blob, 1, "mode=run console=com1", 22);
	blob_tag(blob, 2, "GRUB 2.06", 10);
	blob_tag(blob, 4, "12345678", 8);
	blob_tag_module(blob, 0x200000, 0x234567, "guest=one -- arg");
	blob_tag_module(blob, 0x300000, 0x300000, "");
	blob_tag_memory(blob, ranges, 3, 24);
	blob_tag_screen(blob, &blob_rgb_screen);
	blob_tag_elf(blob, 3, 64, 2);
	blob_tag(blob, 14, rsdp, BLOB_RSDP_V1);
	blob_tag(blob, 15, rsdp, BLOB_RSDP_V2);
	blob_tag(blob, 0x12345, "unknown", 7);
	blob_finish(blob);
}
