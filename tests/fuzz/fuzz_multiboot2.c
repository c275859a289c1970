/* SPDX-License-Identifier: MIT */
/* SOURCES: boot/multiboot2.c */
#include "boot/multiboot2.h"
#include "tests/fuzz/require.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads all that the result names: ASan sees what lies outside the input. */
static size_t touch(const uint8_t *bytes, size_t size_bytes)
{
	size_t sum = 0;

	for (size_t i = 0; i < size_bytes; i++) {
		sum += bytes[i];
	}
	return sum;
}

static void check_screen(const struct boot_framebuffer *screen)
{
	uint64_t size_bytes = (uint64_t)screen->pitch_bytes * screen->height;

	if (screen->type == BOOT_FRAMEBUFFER_NONE) {
		return;
	}
	require(screen->address + size_bytes >= screen->address && size_bytes != 0);
	require((uint64_t)screen->width * screen->bits_per_pixel <=
		(uint64_t)screen->pitch_bytes * 8);
	require(screen->type == BOOT_FRAMEBUFFER_TEXT ||
		(screen->red_shift < 32 && screen->green_shift < 32 && screen->blue_shift < 32));
}

static size_t check_info(const struct boot_info *info)
{
	size_t sum = strlen(info->command_line) + strlen(info->loader_name);

	require(info->memory_count <= BOOT_MEMORY_RANGES_MAX);
	require(info->module_count <= BOOT_MODULES_MAX);
	for (size_t i = 0; i < info->module_count; i++) {
		sum += strlen(info->modules[i].command_line);
	}
	for (size_t i = 0; i < info->memory_count; i++) {
		require(info->memory[i].size_bytes != 0);
		require(info->memory[i].base + (info->memory[i].size_bytes - 1) >=
			info->memory[i].base);
	}
	sum += touch(info->rsdp, info->rsdp_size_bytes);
	if (info->elf.headers != NULL) {
		sum += touch(
			info->elf.headers, (size_t)info->elf.count * info->elf.entry_size_bytes);
	}
	check_screen(&info->framebuffer);
	return sum;
}

/* The first byte says whether total_size is made right, so that random input gets to the tags. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct boot_info info;
	enum status status;
	uint8_t *copy;
	uint32_t total_size;

	if (size == 0) {
		return 0;
	}
	total_size = (uint32_t)(size - 1);
	copy = malloc(total_size);
	if (copy == NULL) {
		return 0;
	}
	memcpy(copy, data + 1, total_size);
	if ((data[0] & 1) != 0 && total_size >= sizeof(total_size)) {
		memcpy(copy, &total_size, sizeof(total_size));
	}
	status = multiboot2_parse(copy, total_size, &info);
	require((status == STATUS_OK) == (info.error == NULL));
	require(status == STATUS_OK || status == STATUS_INVALID || status == STATUS_TRUNCATED);
	require(check_info(&info) != SIZE_MAX);
	free(copy);
	return 0;
}
