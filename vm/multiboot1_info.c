/* SPDX-License-Identifier: MIT */
#include "vm/multiboot1_info.h"

#include "lib/bits.h"
#include "lib/string.h"

/* Multiboot Specification version 0.6.96, "Boot information format". */
#define INFO_MEMORY       BIT(0)
#define INFO_COMMAND_LINE BIT(2)
#define INFO_MODULES      BIT(3)
#define INFO_MEMORY_MAP   BIT(6)
#define INFO_LOADER_NAME  BIT(9)
#define INFO_FLAGS                                                                                 \
	((uint32_t)(INFO_MEMORY | INFO_COMMAND_LINE | INFO_MODULES | INFO_MEMORY_MAP |             \
		    INFO_LOADER_NAME))

struct info {
	uint32_t flags;
	uint32_t mem_lower_kib;
	uint32_t mem_upper_kib;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count;
	uint32_t mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length;
	uint32_t mmap_addr;
	uint32_t drives_length;
	uint32_t drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t apm_table;
	uint32_t video[11]; /* VBE and framebuffer: never told. */
};

struct info_module {
	uint32_t mod_start;
	uint32_t mod_end;
	uint32_t string;
	uint32_t reserved;
};

/* The size field does not count itself. */
struct memory_map_entry {
	uint32_t size;
	uint32_t base[2];
	uint32_t length[2];
	uint32_t type;
};

enum { MEMORY_MAP_ENTRY_SIZE = 20 };

_Static_assert(offsetof(struct info, mmap_length) == 44, "as in the specification");
_Static_assert(offsetof(struct info, boot_loader_name) == 64, "as in the specification");
_Static_assert(sizeof(struct info) == 116, "as in the specification");
_Static_assert(sizeof(struct info_module) == 16, "as in the specification");
_Static_assert(sizeof(struct memory_map_entry) == MEMORY_MAP_ENTRY_SIZE + sizeof(uint32_t),
	"as in the specification");

enum memory_type {
	MEMORY_AVAILABLE = 1,
	MEMORY_RESERVED = 2,
};

enum { MEMORY_MAP_ENTRIES_MAX = 5 };

static const char loader_name[] = "trivet";

static uint64_t smaller(uint64_t left, uint64_t right)
{
	return left < right ? left : right;
}

/* Returns the next free entry. */
static struct memory_map_entry *add_entry(
	struct memory_map_entry *entry, uint64_t base, uint64_t end, enum memory_type type)
{
	const uint64_t length = end - base;

	if (end <= base) {
		return entry;
	}
	*entry = (struct memory_map_entry){
		.size = MEMORY_MAP_ENTRY_SIZE,
		.base = {(uint32_t)base, (uint32_t)bits_get(base, 63, 32)},
		.length = {(uint32_t)length, (uint32_t)bits_get(length, 63, 32)},
		.type = type,
	};
	return entry + 1;
}

/* Only what the guest really has is called available. Returns the count of entries. */
static uint32_t make_memory_map(uint64_t memory_size_bytes, struct memory_map_entry *entries)
{
	const uint64_t low_end = memory_layout_low_end(memory_size_bytes);
	const uint64_t high_end = DEVICE_HOLE_END + memory_size_bytes - low_end;
	struct memory_map_entry *next = entries;

	next = add_entry(next, 0, smaller(low_end, LOW_MEMORY_END), MEMORY_AVAILABLE);
	next = add_entry(next, LOW_MEMORY_END, EXTENDED_DATA_END, MEMORY_RESERVED);
	next = add_entry(next, ROM_START, HIGH_MEMORY_START, MEMORY_RESERVED);
	next = add_entry(next, HIGH_MEMORY_START, low_end, MEMORY_AVAILABLE);
	next = add_entry(next, DEVICE_HOLE_END, high_end, MEMORY_AVAILABLE);
	return (uint32_t)(next - entries);
}

static bool has_arguments(const struct multiboot1_contents *contents)
{
	return contents->arguments != NULL && contents->arguments[0] != 0;
}

static const char *module_string(const struct image_module *module)
{
	return module->command_line != NULL ? module->command_line : "";
}

uint64_t multiboot1_info_size(const struct multiboot1_contents *contents)
{
	uint64_t size_bytes = sizeof(struct info) +
			      MEMORY_MAP_ENTRIES_MAX * sizeof(struct memory_map_entry) +
			      contents->module_count * sizeof(struct info_module) +
			      sizeof(loader_name) + strlen(contents->program) + 1;

	if (has_arguments(contents)) {
		size_bytes += strlen(contents->arguments) + 1;
	}
	for (size_t i = 0; i < contents->module_count; i++) {
		size_bytes += strlen(module_string(&contents->modules[i])) + 1;
	}
	return size_bytes;
}

/* Writes piece behind piece; the first error stays. */
struct writer {
	struct guest_memory *memory;
	uint64_t at;
	enum status status;
};

/* Returns the address of what it wrote. */
static uint32_t put(struct writer *writer, const void *bytes, uint64_t size_bytes)
{
	uint64_t address = writer->at;

	if (writer->status == STATUS_OK) {
		writer->status =
			guest_memory_write(writer->memory, gpa(address), bytes, size_bytes);
	}
	writer->at += size_bytes;
	return (uint32_t)address;
}

static uint32_t put_string(struct writer *writer, const char *text)
{
	return put(writer, text, strlen(text) + 1);
}

static uint32_t put_command_line(struct writer *writer, const struct multiboot1_contents *contents)
{
	uint32_t address;

	if (!has_arguments(contents)) {
		return put_string(writer, contents->program);
	}
	address = put(writer, contents->program, strlen(contents->program));
	(void)put(writer, " ", 1);
	(void)put_string(writer, contents->arguments);
	return address;
}

static uint32_t put_modules(struct writer *writer, const struct multiboot1_contents *contents)
{
	struct info_module modules[IMAGE_MODULES_MAX] = {0};

	for (size_t i = 0; i < contents->module_count; i++) {
		const struct image_module *module = &contents->modules[i];
		uint64_t start = contents->module_starts[i];

		modules[i] = (struct info_module){
			.mod_start = (uint32_t)start,
			.mod_end = (uint32_t)(start + module->image.size_bytes),
			.string = put_string(writer, module_string(module)),
		};
	}
	return put(writer, modules, contents->module_count * sizeof(modules[0]));
}

static uint32_t memory_upper_kib(uint64_t memory_size_bytes)
{
	const uint64_t low_end = memory_layout_low_end(memory_size_bytes);

	return low_end < HIGH_MEMORY_START ? 0 : (uint32_t)((low_end - HIGH_MEMORY_START) / KIB(1));
}

/*
 * The tables come before the strings, so that they are aligned; the structure itself is written
 * last, when all addresses are known.
 */
enum status multiboot1_info_write(
	struct guest_memory *memory, gpa_t address, const struct multiboot1_contents *contents)
{
	struct writer writer = {memory, address.value + sizeof(struct info), STATUS_OK};
	struct memory_map_entry map[MEMORY_MAP_ENTRIES_MAX];
	uint32_t map_count = make_memory_map(contents->memory_size_bytes, map);
	struct info info = {
		.flags = INFO_FLAGS,
		.mem_lower_kib =
			(uint32_t)(smaller(contents->memory_size_bytes, LOW_MEMORY_END) / KIB(1)),
		.mem_upper_kib = memory_upper_kib(contents->memory_size_bytes),
		.mmap_length = map_count * (uint32_t)sizeof(map[0]),
		.mods_count = (uint32_t)contents->module_count,
	};

	info.mmap_addr = put(&writer, map, info.mmap_length);
	info.mods_addr = put_modules(&writer, contents);
	info.cmdline = put_command_line(&writer, contents);
	info.boot_loader_name = put_string(&writer, loader_name);
	writer.at = address.value;
	(void)put(&writer, &info, sizeof(info));
	return writer.status;
}
