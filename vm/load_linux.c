/* SPDX-License-Identifier: MIT */
#include "vm/load_linux.h"

#include "lib/bits.h"
#include "lib/string.h"
#include "vm/linux_boot_area.h"
#include "vm/linux_setup_header.h"

enum {
	HEADER_MAGIC_OFFSET = 0x202,
	LOADER_UNDEFINED = 0xff, /* type_of_loader without a number of its own. */
	VIDEO_MODE_NORMAL = 0xffff,
};

bool load_linux_is_candidate(const struct image *image)
{
	uint32_t magic;

	if (!range_fits(HEADER_MAGIC_OFFSET, sizeof(magic), image->size_bytes)) {
		return false;
	}
	memcpy(&magic, image->bytes + HEADER_MAGIC_OFFSET, sizeof(magic));
	return magic == LINUX_HEADER_MAGIC;
}

static const char *command_line(const struct linux_boot *boot)
{
	return boot->command_line != NULL ? boot->command_line : "";
}

static enum status put_command_line(const struct linux_boot *boot,
	const struct linux_setup_header *header, const struct load_context *context)
{
	const char *text = command_line(boot);
	const uint64_t length = strlen(text);

	if (length > header->cmdline_size || length >= LINUX_COMMAND_LINE_ROOM) {
		return load_fail(context, STATUS_RANGE,
			"its command line has %llu characters, it takes %u at most",
			(unsigned long long)length, header->cmdline_size);
	}
	if (guest_memory_write(context->memory, gpa(LINUX_COMMAND_LINE), text, length + 1) !=
		STATUS_OK) {
		return load_fail(context, STATUS_RANGE,
			"the guest has no RAM for its command line at 0x%llx",
			(unsigned long long)LINUX_COMMAND_LINE);
	}
	return STATUS_OK;
}

static enum status put_kernel(const struct linux_setup *setup, const struct load_context *context)
{
	struct load_result *result = context->result;

	result->image_start = setup->runtime_start;
	result->image_end = setup->runtime_start + setup->runtime_size_bytes;
	result->entry = setup->runtime_start + LINUX_ENTRY_64;
	if (!guest_memory_is_writable(
		    context->memory, gpa(setup->runtime_start), setup->runtime_size_bytes)) {
		return load_fail(context, STATUS_RANGE,
			"the guest has no RAM for all of it from 0x%llx to 0x%llx",
			(unsigned long long)result->image_start,
			(unsigned long long)result->image_end);
	}
	return guest_memory_write(context->memory, gpa(setup->runtime_start),
		context->image->bytes + setup->kernel_offset, setup->kernel_size_bytes);
}

/* Returns the highest page-aligned place for size_bytes in [from, end), or 0. */
static uint64_t highest_place(uint64_t size_bytes, uint64_t from, uint64_t end)
{
	uint64_t start;

	if (size_bytes > end) {
		return 0;
	}
	start = align_down(end - size_bytes, PAGE_SIZE_4K);
	return start >= from ? start : 0;
}

/* The kernel unpacks itself from its start on: as high as possible is as far from that as can be.
 */
static enum status put_initrd(const struct linux_boot *boot,
	const struct linux_setup_header *header, const struct load_context *context)
{
	const struct image *initrd = &boot->initrd;
	const uint64_t memory_end = memory_layout_low_end(boot->memory_size_bytes);
	const uint64_t limit = header->initrd_addr_max + 1ull;
	const uint64_t from = context->result->image_end;
	uint64_t start;

	if (initrd->size_bytes == 0) {
		return STATUS_OK;
	}
	start = highest_place(initrd->size_bytes, from, memory_end < limit ? memory_end : limit);
	if (start == 0) {
		return load_fail(context, STATUS_NO_MEMORY,
			"no room for its initrd %.24s, size=0x%llx: %s", initrd->name,
			(unsigned long long)initrd->size_bytes,
			highest_place(initrd->size_bytes, from, memory_end) != 0
				? "it wants it lower (initrd_addr_max)"
				: "mem= gives more");
	}
	if (guest_memory_write(context->memory, gpa(start), initrd->bytes, initrd->size_bytes) !=
		STATUS_OK) {
		return load_fail(context, STATUS_RANGE,
			"the guest has no RAM for its initrd %.40s at 0x%llx", initrd->name,
			(unsigned long long)start);
	}
	context->result->initrd_start = start;
	context->result->initrd_end = start + initrd->size_bytes;
	return STATUS_OK;
}

/*
 * No heap for the setup code (heap_end_ptr), which the 64-bit entry leaves out, and no list of
 * setup_data; addresses below 4 GiB leave their ext_ halves 0.
 */
static void change_header(struct linux_setup_header *header, const struct load_result *result)
{
	header->vid_mode = VIDEO_MODE_NORMAL;
	header->type_of_loader = LOADER_UNDEFINED;
	header->loadflags &= (uint8_t)~LINUX_LOADFLAGS_CAN_USE_HEAP;
	header->heap_end_ptr = 0;
	header->code32_start = (uint32_t)result->image_start;
	header->ramdisk_image = (uint32_t)result->initrd_start;
	header->ramdisk_size = (uint32_t)(result->initrd_end - result->initrd_start);
	header->cmd_line_ptr = (uint32_t)LINUX_COMMAND_LINE;
	header->setup_data = 0;
}

static void fill_params(struct linux_boot_params *params, const struct linux_boot *boot,
	const struct linux_setup *setup, const struct load_result *result)
{
	struct e820_map map;

	memcpy((uint8_t *)params + LINUX_HEADER_OFFSET, boot->kernel.bytes + LINUX_HEADER_OFFSET,
		setup->header_end - LINUX_HEADER_OFFSET);
	change_header(&params->header, result);
	params->acpi_rsdp_addr = boot->rsdp.value;
	e820_make(&map, boot->memory_size_bytes, boot->rom_areas, boot->rom_area_count);
	params->e820_entries = (uint8_t)map.count;
	memcpy(params->e820_table, map.entries, map.count * sizeof(map.entries[0]));
}

/* The area is too large for our stack: it is made where it lies. */
static enum status put_boot_area(const struct linux_boot *boot, const struct linux_setup *setup,
	const struct load_context *context)
{
	const uint64_t size_bytes = sizeof(struct linux_boot_area);
	const gpa_t address = gpa(LINUX_BOOT_AREA_ADDRESS);
	struct load_result *result = context->result;
	struct linux_boot_area *area;
	void *host;

	if (guest_memory_writable_span(context->memory, address, size_bytes, &host) != size_bytes) {
		return load_fail(context, STATUS_RANGE,
			"the guest has no RAM for its zero page and page tables at 0x%llx",
			(unsigned long long)address.value);
	}
	area = host;
	linux_boot_area_fill(area, address);
	fill_params(&area->params, boot, setup, result);
	result->information = address.value + offsetof(struct linux_boot_area, params);
	result->gdt = address.value + offsetof(struct linux_boot_area, gdt);
	result->gdt_limit = LINUX_GDT_ENTRY_COUNT * sizeof(area->gdt[0]) - 1;
	result->page_tables = address.value + offsetof(struct linux_boot_area, pml4);
	return STATUS_OK;
}

enum status load_linux(
	struct guest_memory *memory, const struct linux_boot *boot, struct load_result *result)
{
	const struct load_context context = {
		memory, boot->memory_size_bytes, &boot->kernel, result};
	struct linux_setup setup;
	enum status status;

	memset(result, 0, sizeof(*result));
	status = linux_setup_read(&setup, &context);
	if (status == STATUS_OK) {
		status = put_kernel(&setup, &context);
	}
	if (status == STATUS_OK) {
		status = put_command_line(boot, &setup.header, &context);
	}
	if (status == STATUS_OK) {
		status = put_initrd(boot, &setup.header, &context);
	}
	if (status == STATUS_OK) {
		status = put_boot_area(boot, &setup, &context);
	}
	return status;
}
