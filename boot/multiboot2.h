/* SPDX-License-Identifier: MIT */
#ifndef BOOT_MULTIBOOT2_H
#define BOOT_MULTIBOOT2_H

#include "lib/status.h"
#include "lib/types.h"

enum {
	BOOT_MODULES_MAX = 128,
	BOOT_MEMORY_RANGES_MAX = 512,
};

enum { BOOT_MEMORY_AVAILABLE = 1 };

/* A type-1 range of the memory map is usable RAM; all other types are not. */
struct boot_memory_range {
	uint64_t base;
	uint64_t size_bytes; /* Never 0; the range ends at 2^64 at most. */
	uint32_t type;       /* 1 available, 3 ACPI, 4 NVS, 5 defective, others reserved. */
};

struct boot_module {
	const uint8_t *start;
	uint64_t size_bytes;
	const char *command_line; /* NUL-terminated, in the boot information. */
};

enum boot_framebuffer_type {
	BOOT_FRAMEBUFFER_NONE, /* Absent, of another type, or with a geometry that cannot be. */
	BOOT_FRAMEBUFFER_TEXT, /* EGA text mode: width and height in characters. */
	BOOT_FRAMEBUFFER_RGB,
};

/*
 * Whoever writes pixels may rely on this: a line of `width` pixels fits in pitch_bytes, the whole
 * does not wrap around 2^64, and each colour's shift lies inside a pixel. RGB has 15, 16, 24 or 32
 * bits per pixel.
 */
struct boot_framebuffer {
	enum boot_framebuffer_type type;
	uint64_t address;
	uint32_t pitch_bytes;
	uint32_t width;
	uint32_t height;
	uint8_t bits_per_pixel;
	uint8_t red_shift;
	uint8_t green_shift;
	uint8_t blue_shift;
};

/* GRUB's copy of our ELF section headers, for the symbol table. */
struct boot_elf_sections {
	const uint8_t *headers; /* NULL if absent; aligned to 4 bytes only. */
	uint32_t count;
	uint32_t entry_size_bytes;
	uint32_t string_index;
};

/* The multiboot2 boot information, checked and in our own words. Pointers lead into GRUB's memory.
 */
struct boot_info {
	const char *command_line; /* "" if absent. */
	const char *loader_name;  /* "" if absent. */
	struct boot_memory_range memory[BOOT_MEMORY_RANGES_MAX];
	size_t memory_count;
	struct boot_module modules[BOOT_MODULES_MAX];
	size_t module_count;
	const uint8_t *rsdp; /* Copy of the RSDP, v2 preferred, checksum right; NULL if absent. */
	size_t rsdp_size_bytes;
	struct boot_framebuffer framebuffer;
	struct boot_elf_sections elf;
	uint64_t start; /* Where the boot information lies, so that nothing is put over it. */
	uint64_t size_bytes;
	const char *error;        /* Which tag is broken and how; NULL if the status is OK. */
	uint32_t dropped_modules; /* Valid modules beyond BOOT_MODULES_MAX. */
	/* All ranges that are not usable RAM are in `memory`. */
	bool is_memory_map_whole;
	uint32_t dropped_memory_ranges; /* Usable RAM beyond BOOT_MEMORY_RANGES_MAX, or wrapping. */
};

/*
 * Parses the multiboot2 information at `start`. size_limit bounds what may be read (its own
 * total_size is checked against it). Every tag's length is checked before its fields are read;
 * strings must end with a NUL inside their tag; modules must have end >= start; unknown tags are
 * skipped, and so are an RSDP whose signature, length or checksum is wrong and empty memory ranges.
 * Of the memory map no range is dropped that is not usable RAM: where there are too many, one of
 * usable RAM goes for it; one that wraps goes up to 2^64.
 *
 * Returns STATUS_OK; STATUS_INVALID or STATUS_TRUNCATED with info->error set, and all that was good
 * before the broken tag kept. Context: any; pure. Source: Multiboot2 Specification version 2.0,
 * "Boot information format".
 */
must_use enum status multiboot2_parse(const void *start, size_t size_limit, struct boot_info *info);

#endif
