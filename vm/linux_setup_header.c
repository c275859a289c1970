/* SPDX-License-Identifier: MIT */
#include "vm/linux_setup_header.h"

#include "lib/bits.h"
#include "lib/string.h"

enum {
	SECTOR_BYTES = 512,
	SETUP_SECTORS_IF_ZERO = 4,
	SYSSIZE_UNIT = 16,
	VERSION_MAJOR_SHIFT = 8,
	VERSION_MINOR_MASK = 0xff,
};

static unsigned long long number(uint64_t value)
{
	return value;
}

static enum status check_magic(
	const struct linux_setup_header *header, const struct load_context *context)
{
	if (header->boot_flag != LINUX_BOOT_FLAG) {
		return load_fail(context, STATUS_INVALID,
			"it is no Linux bzImage: boot_flag=0x%x, not 0xaa55", header->boot_flag);
	}
	if (header->header != LINUX_HEADER_MAGIC) {
		return load_fail(context, STATUS_INVALID,
			"it is no Linux bzImage: the setup header has no magic HdrS");
	}
	if (header->version < LINUX_VERSION_MIN) {
		return load_fail(context, STATUS_UNSUPPORTED,
			"its boot protocol is %u.%02u: 2.12 (Linux 3.8) is the oldest served",
			(unsigned)header->version >> VERSION_MAJOR_SHIFT,
			header->version & VERSION_MINOR_MASK);
	}
	return STATUS_OK;
}

static enum status read_header(struct linux_setup *setup, const struct load_context *context)
{
	struct linux_setup_header *header = &setup->header;
	enum status status;

	if (context->image->size_bytes < LINUX_HEADER_END) {
		return load_fail(context, STATUS_TRUNCATED,
			"it ends within the setup header: is the file cut off?");
	}
	memcpy(header, context->image->bytes + LINUX_HEADER_OFFSET, sizeof(*header));
	status = check_magic(header, context);
	if (status != STATUS_OK) {
		return status;
	}
	setup->header_end = LINUX_HEADER_JUMP_END + header->jump_distance;
	if (setup->header_end < LINUX_HEADER_END || setup->header_end > LINUX_HEADER_END_MAX) {
		return load_fail(context, STATUS_INVALID,
			"its setup header ends at 0x%llx, not between 0x%x and 0x%x",
			number(setup->header_end), LINUX_HEADER_END, LINUX_HEADER_END_MAX);
	}
	return STATUS_OK;
}

static enum status check_entry(
	const struct linux_setup_header *header, const struct load_context *context)
{
	if ((header->loadflags & LINUX_LOADFLAGS_LOADED_HIGH) == 0) {
		return load_fail(context, STATUS_UNSUPPORTED,
			"it is a zImage, loaded below 1 MiB: build a bzImage");
	}
	if ((header->xloadflags & LINUX_XLOADFLAGS_KERNEL_64) == 0) {
		return load_fail(context, STATUS_UNSUPPORTED,
			"it has no 64-bit entry (XLF_KERNEL_64): is it a 32-bit kernel?");
	}
	return STATUS_OK;
}

/* A signature may stand behind the code: the file may be larger. */
static enum status check_code(struct linux_setup *setup, const struct load_context *context)
{
	const struct linux_setup_header *header = &setup->header;
	const uint64_t file_size_bytes = context->image->size_bytes;
	uint64_t sectors = header->setup_sects != 0 ? header->setup_sects : SETUP_SECTORS_IF_ZERO;

	setup->kernel_offset = (sectors + 1) * SECTOR_BYTES;
	setup->kernel_size_bytes = (uint64_t)header->syssize * SYSSIZE_UNIT;
	if (setup->kernel_size_bytes <= LINUX_ENTRY_64) {
		return load_fail(context, STATUS_INVALID,
			"its code (syssize) is 0x%llx bytes and ends before the 64-bit entry",
			number(setup->kernel_size_bytes));
	}
	if (!range_fits(setup->kernel_offset, setup->kernel_size_bytes, file_size_bytes)) {
		return load_fail(context, STATUS_TRUNCATED,
			"its code is 0x%llx bytes from 0x%llx on, the file 0x%llx: is it cut off?",
			number(setup->kernel_size_bytes), number(setup->kernel_offset),
			number(file_size_bytes));
	}
	if (!range_fits(header->payload_offset, header->payload_length, setup->kernel_size_bytes)) {
		return load_fail(context, STATUS_INVALID,
			"its payload (0x%x bytes at 0x%x) lies outside its code",
			header->payload_length, header->payload_offset);
	}
	if (header->init_size < setup->kernel_size_bytes) {
		return load_fail(context, STATUS_INVALID,
			"its init_size=0x%x is less than its code, 0x%llx bytes", header->init_size,
			number(setup->kernel_size_bytes));
	}
	return STATUS_OK;
}

static enum status find_runtime_start(struct linux_setup *setup, const struct load_context *context)
{
	const struct linux_setup_header *header = &setup->header;

	if (header->pref_address < HIGH_MEMORY_START || header->pref_address >= GIB(4)) {
		return load_fail(context, STATUS_RANGE,
			"its pref_address=0x%llx is not between 1 MiB and 4 GiB",
			number(header->pref_address));
	}
	setup->runtime_start = header->pref_address;
	if (header->relocatable_kernel == 0) {
		return STATUS_OK;
	}
	if (header->kernel_alignment == 0 ||
		!is_aligned(header->kernel_alignment, header->kernel_alignment)) {
		return load_fail(context, STATUS_INVALID,
			"its kernel_alignment=0x%x is no power of two", header->kernel_alignment);
	}
	setup->runtime_start = align_up(header->pref_address, header->kernel_alignment);
	return STATUS_OK;
}

/*
 * A relocatable kernel moves itself up to its preferred address where it was loaded lower, so that
 * no smaller address would do. Source: "Details of Header Fields", init_size.
 */
static enum status place(struct linux_setup *setup, const struct load_context *context)
{
	const uint64_t end = memory_layout_low_end(context->memory_size_bytes);
	enum status status = find_runtime_start(setup, context);

	if (status != STATUS_OK) {
		return status;
	}
	setup->runtime_size_bytes = setup->header.init_size;
	if (!range_fits(setup->runtime_start, setup->runtime_size_bytes, end)) {
		return load_fail(context, STATUS_RANGE,
			"it needs 0x%llx bytes at 0x%llx, memory ends at 0x%llx: mem= gives more",
			number(setup->runtime_size_bytes), number(setup->runtime_start),
			number(end));
	}
	return STATUS_OK;
}

enum status linux_setup_read(struct linux_setup *setup, const struct load_context *context)
{
	enum status status = read_header(setup, context);

	if (status == STATUS_OK) {
		status = check_entry(&setup->header, context);
	}
	if (status == STATUS_OK) {
		status = check_code(setup, context);
	}
	if (status == STATUS_OK) {
		status = place(setup, context);
	}
	return status;
}
