/* SPDX-License-Identifier: MIT */
/* SOURCES: vm/guest_memory.c */
#include "tests/fuzz/require.h"
#include "vm/guest_memory.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The model is a byte map of 16 pages of guest-physical addresses, from `base` on: what each byte
 * holds, and whether it is RAM, read-only or neither.
 */
enum { PAGE = 0x1000, PAGES = 16, SPACE = PAGE * PAGES };

enum page_kind {
	PAGE_NONE,
	PAGE_RAM,
	PAGE_ROM,
};

struct model {
	uint64_t base;
	enum page_kind kinds[PAGES];
	uint8_t bytes[SPACE];
	uint8_t *hosts[GUEST_MEMORY_REGIONS_MAX];
	size_t host_count;
};

/* One step of the input. */
struct operation {
	uint8_t kind;
	uint8_t byte;
	uint16_t offset;
	uint16_t size_bytes;
};

static bool allowed(const struct model *model, const struct operation *operation, bool is_write)
{
	for (size_t i = 0; i < operation->size_bytes; i++) {
		size_t at = (size_t)operation->offset + i;

		if (at >= SPACE || model->kinds[at / PAGE] == PAGE_NONE ||
			(is_write && model->kinds[at / PAGE] == PAGE_ROM)) {
			return false;
		}
	}
	return true;
}

static enum status wanted_of_add(
	const struct model *model, size_t first, size_t count, uint64_t size_bytes)
{
	if (size_bytes == 0 || size_bytes % PAGE != 0) {
		return STATUS_ALIGNMENT;
	}
	if (model->base + first * PAGE > UINT64_MAX - size_bytes) {
		return STATUS_RANGE;
	}
	for (size_t i = first; i < first + count && i < PAGES; i++) {
		if (model->kinds[i] != PAGE_NONE) {
			return STATUS_OVERLAP;
		}
	}
	return model->host_count == GUEST_MEMORY_REGIONS_MAX ? STATUS_NO_MEMORY : STATUS_OK;
}

static void add(struct model *model, struct guest_memory *memory, const struct operation *operation)
{
	size_t first = operation->offset % PAGES;
	size_t count = operation->size_bytes % (PAGES - first + 1);
	uint64_t size_bytes = count * PAGE + (operation->byte == 1 ? 1 : 0);
	uint8_t *host = calloc(1, size_bytes + 1);
	bool is_read_only = (operation->byte & 2) != 0;
	enum status want = wanted_of_add(model, first, count, size_bytes);
	struct guest_memory_region region = {
		gpa(model->base + first * PAGE), size_bytes, host, is_read_only};

	require(host != NULL);
	require(guest_memory_add(memory, region) == want);
	if (want != STATUS_OK) {
		free(host);
		return;
	}
	model->hosts[model->host_count++] = host;
	for (size_t i = first; i < first + count; i++) {
		model->kinds[i] = is_read_only ? PAGE_ROM : PAGE_RAM;
		memset(model->bytes + i * PAGE, 0, PAGE);
	}
}

static void check_read(
	const struct model *model, const struct guest_memory *memory, const struct operation *op)
{
	uint8_t *bytes = malloc((size_t)op->size_bytes + 1);
	bool is_allowed = allowed(model, op, false);
	enum status status =
		guest_memory_read(memory, gpa(model->base + op->offset), bytes, op->size_bytes);

	require(status == (is_allowed ? STATUS_OK : STATUS_RANGE));
	require(!is_allowed || memcmp(bytes, model->bytes + op->offset, op->size_bytes) == 0);
	free(bytes);
}

static void check_write(
	struct model *model, struct guest_memory *memory, const struct operation *op, bool is_fill)
{
	uint8_t *bytes = malloc((size_t)op->size_bytes + 1);
	bool is_allowed = allowed(model, op, true);
	gpa_t to = gpa(model->base + op->offset);
	enum status status;

	require(bytes != NULL);
	for (size_t i = 0; i < op->size_bytes; i++) {
		bytes[i] = (uint8_t)(op->byte + (is_fill ? 0 : i));
	}
	status = is_fill ? guest_memory_fill(memory, to, op->byte, op->size_bytes)
			 : guest_memory_write(memory, to, bytes, op->size_bytes);
	require(status == (is_allowed ? STATUS_OK : STATUS_RANGE));
	if (is_allowed) {
		memcpy(model->bytes + op->offset, bytes, op->size_bytes);
	}
	free(bytes);
}

static void check_all(const struct model *model, const struct guest_memory *memory)
{
	for (int page = 0; page < PAGES; page++) {
		check_read(model, memory,
			&(struct operation){.offset = (uint16_t)(page * PAGE), .size_bytes = PAGE});
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model model;
	struct guest_memory memory = {.region_count = 0};
	struct operation operation;

	memset(&model, 0, sizeof(model));
	if (size > 0) {
		model.base = (data[0] & 1) != 0 ? 0ull - SPACE : 0;
	}
	for (size_t at = 1; at < size && size - at >= sizeof(operation); at += sizeof(operation)) {
		memcpy(&operation, data + at, sizeof(operation));
		switch (operation.kind % 4) {
		case 0:
			add(&model, &memory, &operation);
			break;
		case 1:
			check_read(&model, &memory, &operation);
			break;
		default:
			check_write(&model, &memory, &operation, operation.kind % 4 == 3);
			break;
		}
	}
	check_all(&model, &memory);
	for (size_t i = 0; i < model.host_count; i++) {
		free(model.hosts[i]);
	}
	return 0;
}
