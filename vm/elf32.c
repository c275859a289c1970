/* SPDX-License-Identifier: MIT */
#include "vm/elf32.h"

#include "lib/bits.h"
#include "lib/string.h"

/* ELF-32 Object File Format (TIS 1.2), "ELF Header". */
enum {
	EI_CLASS = 4,
	EI_DATA = 5,
	EI_VERSION = 6,
	EI_NIDENT = 16,
	ELFCLASS32 = 1,
	ELFCLASS64 = 2,
	ELFDATA2LSB = 1,
	EV_CURRENT = 1,
	ET_EXEC = 2,
	ET_DYN = 3,
	EM_386 = 3,
	PT_LOAD = 1,
};

struct elf32_header {
	uint8_t e_ident[EI_NIDENT];
	uint16_t e_type;
	uint16_t e_machine;
	uint32_t e_version;
	uint32_t e_entry;
	uint32_t e_phoff;
	uint32_t e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize;
	uint16_t e_phentsize;
	uint16_t e_phnum;
	uint16_t e_shentsize;
	uint16_t e_shnum;
	uint16_t e_shstrndx;
};

struct elf32_program_header {
	uint32_t p_type;
	uint32_t p_offset;
	uint32_t p_vaddr;
	uint32_t p_paddr;
	uint32_t p_filesz;
	uint32_t p_memsz;
	uint32_t p_flags;
	uint32_t p_align;
};

_Static_assert(sizeof(struct elf32_header) == 52, "as in the file");
_Static_assert(sizeof(struct elf32_program_header) == 32, "as in the file");

static const uint8_t elf_magic[] = {0x7f, 'E', 'L', 'F'};

bool elf32_has_magic(const struct image *image)
{
	return image->size_bytes >= sizeof(elf_magic) &&
	       memcmp(image->bytes, elf_magic, sizeof(elf_magic)) == 0;
}

/* The identification comes first: a 64-bit ELF must be told as one, whatever else it holds. */
static enum status check_identification(const struct load_context *context)
{
	const uint8_t *e_ident = context->image->bytes;

	if (!elf32_has_magic(context->image)) {
		return load_fail(context, STATUS_INVALID, "it is no ELF file");
	}
	if (context->image->size_bytes < EI_NIDENT) {
		return load_fail(context, STATUS_TRUNCATED, "its ELF header is cut off");
	}
	if (e_ident[EI_CLASS] == ELFCLASS64) {
		return load_fail(context, STATUS_INVALID,
			"it is a 64-bit ELF: convert it with objcopy -O elf32-i386");
	}
	if (e_ident[EI_CLASS] != ELFCLASS32 || e_ident[EI_DATA] != ELFDATA2LSB ||
		e_ident[EI_VERSION] != EV_CURRENT) {
		return load_fail(context, STATUS_INVALID,
			"it is no little-endian 32-bit ELF: class=%u data=%u version=%u",
			e_ident[EI_CLASS], e_ident[EI_DATA], e_ident[EI_VERSION]);
	}
	return STATUS_OK;
}

static enum status read_header(struct elf32_header *header, const struct load_context *context)
{
	const struct image *image = context->image;
	enum status status = check_identification(context);

	if (status != STATUS_OK) {
		return status;
	}
	if (image->size_bytes < sizeof(*header)) {
		return load_fail(context, STATUS_TRUNCATED, "its ELF header is cut off");
	}
	memcpy(header, image->bytes, sizeof(*header));
	if (header->e_machine != EM_386) {
		return load_fail(context, STATUS_INVALID,
			"it is an ELF for machine=%u, not for a 32-bit x86 (3)", header->e_machine);
	}
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
		return load_fail(context, STATUS_INVALID,
			"it is an ELF of type=%u, not an executable (2)", header->e_type);
	}
	if (header->e_phnum == 0) {
		return load_fail(context, STATUS_INVALID, "it has no program headers");
	}
	if (header->e_phentsize < sizeof(struct elf32_program_header)) {
		return load_fail(context, STATUS_INVALID,
			"its program headers are too small: e_phentsize=%u", header->e_phentsize);
	}
	if (!range_fits(header->e_phoff, (uint64_t)header->e_phnum * header->e_phentsize,
		    image->size_bytes)) {
		return load_fail(context, STATUS_TRUNCATED,
			"its program headers lie outside the file: is the file cut off?");
	}
	return STATUS_OK;
}

static enum status add_segments(struct load_plan *plan, const struct elf32_header *header,
	const struct load_context *context)
{
	const uint8_t *at = context->image->bytes + header->e_phoff;
	enum status status = STATUS_OK;

	for (uint32_t i = 0; i < header->e_phnum && status == STATUS_OK; i++) {
		struct elf32_program_header segment;

		memcpy(&segment, at, sizeof(segment));
		at += header->e_phentsize;
		if (segment.p_type != PT_LOAD) {
			continue;
		}
		status = load_plan_add(plan,
			&(struct load_segment){
				.file_offset = segment.p_offset,
				.file_size_bytes = segment.p_filesz,
				.virtual_address = segment.p_vaddr,
				.physical_address = segment.p_paddr,
				.memory_size_bytes = segment.p_memsz,
			},
			context);
	}
	return status;
}

static enum status place_entry(
	struct load_plan *plan, uint32_t e_entry, const struct load_context *context)
{
	const struct load_segment *segment = load_plan_physical(plan, e_entry);

	if (segment != NULL) {
		plan->entry = e_entry;
		return STATUS_OK;
	}
	segment = load_plan_virtual(plan, e_entry);
	if (segment == NULL) {
		return load_fail(context, STATUS_INVALID, "its entry 0x%x lies in no segment",
			(unsigned)e_entry);
	}
	plan->entry = e_entry - segment->virtual_address + segment->physical_address;
	return STATUS_OK;
}

enum status elf32_plan(struct load_plan *plan, const struct load_context *context)
{
	struct elf32_header header = {.e_phnum = 0};
	enum status status = read_header(&header, context);

	if (status != STATUS_OK) {
		return status;
	}
	status = add_segments(plan, &header, context);
	if (status != STATUS_OK) {
		return status;
	}
	if (plan->count == 0) {
		return load_fail(context, STATUS_INVALID, "it has no segment to load (PT_LOAD)");
	}
	return place_entry(plan, header.e_entry, context);
}
