/* SPDX-License-Identifier: MIT */
#include "boot/loaded_sections.h"

#include "lib/bits.h"
#include "lib/string.h"

#define LOADED_LIMIT GIB(4)

/* System V ABI, "Section Header", 64-bit class: the fields that say what lies where. */
enum {
	SH_FLAGS_OFFSET = 8,
	SH_ADDR_OFFSET = 16,
	SH_SIZE_OFFSET = 32,
	SECTION_HEADER_SIZE = 64,
	SHF_ALLOC = 2, /* Part of the image itself. */
};

static uint64_t field(const uint8_t *header, size_t offset)
{
	uint64_t value;

	memcpy(&value, header + offset, sizeof(value));
	return value;
}

void loaded_sections_each(const struct boot_elf_sections *sections,
	void (*visit)(uint64_t address, uint64_t size_bytes))
{
	if (sections->headers == NULL || sections->entry_size_bytes < SECTION_HEADER_SIZE) {
		return;
	}
	for (uint32_t i = 0; i < sections->count; i++) {
		const uint8_t *header = sections->headers + (size_t)i * sections->entry_size_bytes;
		uint64_t address = field(header, SH_ADDR_OFFSET);
		uint64_t size_bytes = field(header, SH_SIZE_OFFSET);

		if ((field(header, SH_FLAGS_OFFSET) & SHF_ALLOC) == 0 && size_bytes != 0 &&
			range_fits(address, size_bytes, LOADED_LIMIT)) {
			visit(address, size_bytes);
		}
	}
}
