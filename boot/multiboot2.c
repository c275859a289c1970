/* SPDX-License-Identifier: MIT */
#include "boot/multiboot2.h"

#include "lib/bits.h"
#include "lib/string.h"

/* Multiboot2 Specification version 2.0, "Boot information format". */
enum tag_type {
	TAG_END = 0,
	TAG_COMMAND_LINE = 1,
	TAG_LOADER_NAME = 2,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_ELF_SECTIONS = 9,
	TAG_RSDP_V1 = 14,
	TAG_RSDP_V2 = 15,
};

enum { TAG_ALIGNMENT = 8, BITS_PER_BYTE = 8 };

struct information_header {
	uint32_t total_size;
	uint32_t reserved;
};

struct tag_header {
	uint32_t type;
	uint32_t size;
};

struct tag_module {
	struct tag_header header;
	uint32_t start;
	uint32_t end;
};

struct tag_memory_map {
	struct tag_header header;
	uint32_t entry_size;
	uint32_t entry_version;
};

struct memory_map_entry {
	uint64_t base;
	uint64_t length;
	uint32_t type;
	uint32_t reserved;
};

/* GRUB writes a reserved field of 16 bits here, though the specification's table shows 8. */
struct tag_framebuffer {
	struct tag_header header;
	uint64_t address;
	uint32_t pitch;
	uint32_t width;
	uint32_t height;
	uint8_t bits_per_pixel;
	uint8_t type;
	uint16_t reserved;
};

enum framebuffer_tag_type {
	FRAMEBUFFER_TAG_RGB = 1,
	FRAMEBUFFER_TAG_EGA_TEXT = 2,
};

struct framebuffer_colours {
	uint8_t red_shift;
	uint8_t red_bits;
	uint8_t green_shift;
	uint8_t green_bits;
	uint8_t blue_shift;
	uint8_t blue_bits;
};

/* GRUB writes fields of 32 bits here, though the specification's table shows 16. */
struct tag_elf_sections {
	struct tag_header header;
	uint32_t count;
	uint32_t entry_size;
	uint32_t string_index;
};

/* ACPI Specification 6.5, "Root System Description Pointer (RSDP) Structure". */
struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_address;
	uint32_t length;
	uint32_t xsdt_address[2];
	uint8_t extended_checksum;
	uint8_t reserved[3];
};

enum { RSDP_V1_SIZE = offsetof(struct rsdp, length) };

_Static_assert(sizeof(struct tag_header) == 8, "every tag starts with 8 bytes");
_Static_assert(sizeof(struct tag_module) == 16, "the module's string follows");
_Static_assert(sizeof(struct tag_memory_map) == 16, "the memory map's entries follow");
_Static_assert(sizeof(struct memory_map_entry) == 24, "size of version 0 of the entries");
_Static_assert(sizeof(struct tag_framebuffer) == 32, "the colours follow");
_Static_assert(sizeof(struct framebuffer_colours) == 6, "three fields of two bytes");
_Static_assert(sizeof(struct tag_elf_sections) == 20, "the section headers follow");
_Static_assert(RSDP_V1_SIZE == 20 && sizeof(struct rsdp) == 36, "sizes that ACPI gives");

/* One tag; its size is checked against the whole and against its rule's minimum. */
struct tag {
	const uint8_t *bytes;
	uint32_t size_bytes;
};

struct tag_rule {
	uint32_t type;
	uint32_t size_min;
	enum status (*take)(struct boot_info *info, const struct tag *tag);
	const char *too_short;
};

static enum status fail(struct boot_info *info, enum status status, const char *error)
{
	info->error = error;
	return status;
}

/* Returns the string at `offset` in the tag, or NULL if it does not end inside the tag. */
static const char *tag_string(const struct tag *tag, uint32_t offset)
{
	for (uint32_t i = offset; i < tag->size_bytes; i++) {
		if (tag->bytes[i] == 0) {
			return (const char *)tag->bytes + offset;
		}
	}
	return NULL;
}

static enum status take_command_line(struct boot_info *info, const struct tag *tag)
{
	const char *text = tag_string(tag, sizeof(struct tag_header));

	if (text == NULL) {
		return fail(info, STATUS_INVALID, "command line tag: the text does not end");
	}
	info->command_line = text;
	return STATUS_OK;
}

static enum status take_loader_name(struct boot_info *info, const struct tag *tag)
{
	const char *text = tag_string(tag, sizeof(struct tag_header));

	if (text == NULL) {
		return fail(info, STATUS_INVALID, "loader name tag: the text does not end");
	}
	info->loader_name = text;
	return STATUS_OK;
}

static enum status take_module(struct boot_info *info, const struct tag *tag)
{
	const char *text = tag_string(tag, sizeof(struct tag_module));
	struct tag_module module;

	memcpy(&module, tag->bytes, sizeof(module));
	if (text == NULL) {
		return fail(info, STATUS_INVALID, "module tag: the command line does not end");
	}
	if (module.end < module.start) {
		return fail(info, STATUS_INVALID, "module tag: the end lies before the start");
	}
	if (info->module_count == BOOT_MODULES_MAX) {
		info->dropped_modules++;
		return STATUS_OK;
	}
	info->modules[info->module_count++] = (struct boot_module){
		.start = (const uint8_t *)(uintptr_t)module.start,
		.size_bytes = module.end - module.start,
		.command_line = text,
	};
	return STATUS_OK;
}

/* Returns where the next range goes: with a full table, over one of usable RAM; NULL: nowhere. */
static struct boot_memory_range *memory_slot(struct boot_info *info)
{
	if (info->memory_count < BOOT_MEMORY_RANGES_MAX) {
		return &info->memory[info->memory_count++];
	}
	for (size_t i = info->memory_count; i > 0; i--) {
		if (info->memory[i - 1].type == BOOT_MEMORY_AVAILABLE) {
			info->dropped_memory_ranges++;
			return &info->memory[i - 1];
		}
	}
	return NULL;
}

/* With no slot for a range that is not usable RAM, no usable RAM is left that it could lie in. */
static void take_memory_range(struct boot_info *info, const struct memory_map_entry *entry)
{
	const bool is_available = entry->type == BOOT_MEMORY_AVAILABLE;
	const bool is_wrapping = entry->length - 1 > UINT64_MAX - entry->base;
	struct boot_memory_range *slot;

	if (entry->length == 0) {
		return;
	}
	if (is_available && (is_wrapping || info->memory_count == BOOT_MEMORY_RANGES_MAX)) {
		info->dropped_memory_ranges++;
		return;
	}
	slot = memory_slot(info);
	if (slot != NULL) {
		*slot = (struct boot_memory_range){
			.base = entry->base,
			.size_bytes = is_wrapping ? 0 - entry->base : entry->length,
			.type = entry->type,
		};
	}
}

static enum status take_memory_map(struct boot_info *info, const struct tag *tag)
{
	struct tag_memory_map map;
	struct memory_map_entry entry;
	uint32_t left = tag->size_bytes - (uint32_t)sizeof(map);

	info->is_memory_map_whole = false;
	memcpy(&map, tag->bytes, sizeof(map));
	if (map.entry_size < sizeof(entry)) {
		return fail(info, STATUS_INVALID, "memory map tag: the entry size is too small");
	}
	if (left % map.entry_size != 0) {
		return fail(info, STATUS_INVALID, "memory map tag: the last entry is cut off");
	}
	while (left != 0) {
		memcpy(&entry, tag->bytes + (tag->size_bytes - left), sizeof(entry));
		take_memory_range(info, &entry);
		left -= map.entry_size;
	}
	info->is_memory_map_whole = true;
	return STATUS_OK;
}

static bool colour_fits(uint8_t shift, uint8_t bits, uint8_t bits_per_pixel)
{
	return bits != 0 && range_fits(shift, bits, bits_per_pixel);
}

static bool geometry_is_sound(const struct boot_framebuffer *screen)
{
	uint64_t cell_bytes = (screen->bits_per_pixel + (BITS_PER_BYTE - 1u)) / BITS_PER_BYTE;
	uint64_t line_bytes = screen->width * cell_bytes;
	uint64_t size_bytes = (uint64_t)screen->pitch_bytes * screen->height;

	return size_bytes != 0 && screen->width != 0 && line_bytes <= screen->pitch_bytes &&
	       screen->address != 0 && screen->address <= UINT64_MAX - size_bytes;
}

static bool pixel_size_is_known(uint8_t bits_per_pixel)
{
	return bits_per_pixel == 15 || bits_per_pixel == 16 || bits_per_pixel == 24 ||
	       bits_per_pixel == 32;
}

static bool take_colours(struct boot_framebuffer *screen, const uint8_t *bytes)
{
	struct framebuffer_colours colours;
	uint8_t bits = screen->bits_per_pixel;

	memcpy(&colours, bytes, sizeof(colours));
	screen->red_shift = colours.red_shift;
	screen->green_shift = colours.green_shift;
	screen->blue_shift = colours.blue_shift;
	return pixel_size_is_known(bits) &&
	       colour_fits(colours.red_shift, colours.red_bits, bits) &&
	       colour_fits(colours.green_shift, colours.green_bits, bits) &&
	       colour_fits(colours.blue_shift, colours.blue_bits, bits);
}

static enum status take_framebuffer(struct boot_info *info, const struct tag *tag)
{
	struct tag_framebuffer raw;
	struct boot_framebuffer screen;

	memcpy(&raw, tag->bytes, sizeof(raw));
	screen = (struct boot_framebuffer){
		.type = BOOT_FRAMEBUFFER_TEXT,
		.address = raw.address,
		.pitch_bytes = raw.pitch,
		.width = raw.width,
		.height = raw.height,
		.bits_per_pixel = raw.bits_per_pixel,
	};
	if (raw.type == FRAMEBUFFER_TAG_RGB) {
		if (tag->size_bytes < sizeof(raw) + sizeof(struct framebuffer_colours)) {
			return fail(
				info, STATUS_INVALID, "framebuffer tag: no room for the colours");
		}
		screen.type = BOOT_FRAMEBUFFER_RGB;
		if (!take_colours(&screen, tag->bytes + sizeof(raw))) {
			return STATUS_OK;
		}
	} else if (raw.type != FRAMEBUFFER_TAG_EGA_TEXT) {
		return STATUS_OK;
	}
	if (geometry_is_sound(&screen)) {
		info->framebuffer = screen;
	}
	return STATUS_OK;
}

static enum status take_elf_sections(struct boot_info *info, const struct tag *tag)
{
	struct tag_elf_sections sections;
	uint64_t room = tag->size_bytes - sizeof(sections);

	memcpy(&sections, tag->bytes, sizeof(sections));
	if (sections.count == 0) {
		return STATUS_OK;
	}
	if (sections.entry_size == 0) {
		return fail(info, STATUS_INVALID, "ELF sections tag: the entry size is 0");
	}
	if ((uint64_t)sections.count * sections.entry_size > room) {
		return fail(info, STATUS_INVALID, "ELF sections tag: the headers are cut off");
	}
	if (sections.string_index >= sections.count) {
		return fail(info, STATUS_INVALID, "ELF sections tag: no such string section");
	}
	info->elf = (struct boot_elf_sections){
		.headers = tag->bytes + sizeof(sections),
		.count = sections.count,
		.entry_size_bytes = sections.entry_size,
		.string_index = sections.string_index,
	};
	return STATUS_OK;
}

/* Both checksums of the RSDP make the bytes that they cover add up to 0. */
static bool sums_to_zero(const uint8_t *bytes, size_t size_bytes)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size_bytes; i++) {
		sum = (uint8_t)(sum + bytes[i]);
	}
	return sum == 0;
}

static bool rsdp_is_sound(const uint8_t *rsdp)
{
	static const char signature[8] = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '};

	return memcmp(rsdp, signature, sizeof(signature)) == 0 && sums_to_zero(rsdp, RSDP_V1_SIZE);
}

static enum status take_rsdp_v1(struct boot_info *info, const struct tag *tag)
{
	const uint8_t *bytes = tag->bytes + sizeof(struct tag_header);

	if (info->rsdp == NULL && rsdp_is_sound(bytes)) {
		info->rsdp = bytes;
		info->rsdp_size_bytes = RSDP_V1_SIZE;
	}
	return STATUS_OK;
}

static enum status take_rsdp_v2(struct boot_info *info, const struct tag *tag)
{
	const uint8_t *bytes = tag->bytes + sizeof(struct tag_header);
	size_t room = tag->size_bytes - sizeof(struct tag_header);
	struct rsdp rsdp;

	memcpy(&rsdp, bytes, sizeof(rsdp));
	if (rsdp_is_sound(bytes) && rsdp.length >= sizeof(rsdp) && rsdp.length <= room &&
		sums_to_zero(bytes, rsdp.length)) {
		info->rsdp = bytes;
		info->rsdp_size_bytes = rsdp.length;
	}
	return STATUS_OK;
}

static const struct tag_rule tag_rules[] = {
	{TAG_COMMAND_LINE, sizeof(struct tag_header) + 1, take_command_line,
		"command line tag: too short"},
	{TAG_LOADER_NAME, sizeof(struct tag_header) + 1, take_loader_name,
		"loader name tag: too short"},
	{TAG_MODULE, sizeof(struct tag_module) + 1, take_module, "module tag: too short"},
	{TAG_MEMORY_MAP, sizeof(struct tag_memory_map), take_memory_map,
		"memory map tag: too short"},
	{TAG_FRAMEBUFFER, sizeof(struct tag_framebuffer), take_framebuffer,
		"framebuffer tag: too short"},
	{TAG_ELF_SECTIONS, sizeof(struct tag_elf_sections), take_elf_sections,
		"ELF sections tag: too short"},
	{TAG_RSDP_V1, sizeof(struct tag_header) + RSDP_V1_SIZE, take_rsdp_v1,
		"RSDP (ACPI 1.0) tag: too short"},
	{TAG_RSDP_V2, sizeof(struct tag_header) + sizeof(struct rsdp), take_rsdp_v2,
		"RSDP (ACPI 2.0) tag: too short"},
};

static enum status take_tag(struct boot_info *info, uint32_t type, const struct tag *tag)
{
	for (size_t i = 0; i < ARRAY_COUNT(tag_rules); i++) {
		const struct tag_rule *rule = &tag_rules[i];

		if (rule->type != type) {
			continue;
		}
		if (tag->size_bytes < rule->size_min) {
			return fail(info, STATUS_INVALID, rule->too_short);
		}
		return rule->take(info, tag);
	}
	return STATUS_OK;
}

static enum status take_tags(struct boot_info *info, const uint8_t *bytes, uint64_t size_bytes)
{
	uint64_t at = sizeof(struct information_header);

	while (range_fits(at, sizeof(struct tag_header), size_bytes)) {
		struct tag_header header;
		enum status status;

		memcpy(&header, bytes + at, sizeof(header));
		if (header.size < sizeof(header)) {
			return fail(info, STATUS_INVALID, "a tag is smaller than its own header");
		}
		if (header.size > size_bytes - at) {
			return fail(
				info, STATUS_TRUNCATED, "a tag ends behind the boot information");
		}
		if (header.type == TAG_END) {
			return STATUS_OK;
		}
		status = take_tag(info, header.type, &(struct tag){bytes + at, header.size});
		if (status != STATUS_OK) {
			return status;
		}
		at += align_up(header.size, TAG_ALIGNMENT);
	}
	return fail(info, STATUS_TRUNCATED, "the boot information has no end tag");
}

enum status multiboot2_parse(const void *start, size_t size_limit, struct boot_info *info)
{
	struct information_header header;

	memset(info, 0, sizeof(*info));
	info->command_line = "";
	info->loader_name = "";
	if (size_limit < sizeof(header)) {
		return fail(info, STATUS_TRUNCATED, "the boot information has no header");
	}
	memcpy(&header, start, sizeof(header));
	if (header.total_size < sizeof(header)) {
		return fail(info, STATUS_INVALID,
			"the boot information is smaller than its own header");
	}
	if (header.total_size > size_limit) {
		return fail(
			info, STATUS_TRUNCATED, "the boot information is larger than its limit");
	}
	info->start = (uintptr_t)start;
	info->size_bytes = header.total_size;
	return take_tags(info, start, header.total_size);
}
