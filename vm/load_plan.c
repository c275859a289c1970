/* SPDX-License-Identifier: MIT */
#include "vm/load_plan.h"

#include "lib/bits.h"
#include "lib/format.h"

enum status load_fail(
	const struct load_context *context, enum status status, const char *template, ...)
{
	char *error = context->result->error;
	size_t room = sizeof(context->result->error);
	size_t length = format(error, room, "%.40s: ", context->image->name);
	va_list args;

	va_start(args, template);
	vformat(error + length, room - length, template, args);
	va_end(args);
	return status;
}

static unsigned long long number(uint64_t value)
{
	return value;
}

static enum status check_file_part(
	const struct load_segment *segment, const struct load_context *context)
{
	unsigned long long address = number(segment->physical_address);

	if (segment->file_size_bytes > segment->memory_size_bytes) {
		return load_fail(context, STATUS_INVALID,
			"the segment at 0x%llx is larger in the file than in memory", address);
	}
	/* Linkers give a segment of bss alone any offset, also one behind the end of the file. */
	if (segment->file_size_bytes != 0 &&
		!range_fits(segment->file_offset, segment->file_size_bytes,
			context->image->size_bytes)) {
		return load_fail(context, STATUS_TRUNCATED,
			"the segment at 0x%llx lies outside the file: is the file cut off?",
			address);
	}
	return STATUS_OK;
}

static enum status check_place(
	const struct load_segment *segment, const struct load_context *context)
{
	unsigned long long address = number(segment->physical_address);
	unsigned long long size = number(segment->memory_size_bytes);

	if (!range_fits(
		    segment->physical_address, segment->memory_size_bytes, LOAD_ADDRESS_LIMIT)) {
		return load_fail(context, STATUS_RANGE,
			"the segment at 0x%llx wraps around 4 GiB: size=0x%llx", address, size);
	}
	if (segment->physical_address < LOAD_ADDRESS_MIN) {
		return load_fail(context, STATUS_RANGE,
			"the segment at 0x%llx touches page 0: link it higher", address);
	}
	if (!range_fits(segment->physical_address, segment->memory_size_bytes,
		    context->memory_size_bytes)) {
		return load_fail(context, STATUS_RANGE,
			"the segment at 0x%llx size=0x%llx exceeds memory=0x%llx: mem= gives more",
			address, size, number(context->memory_size_bytes));
	}
	return STATUS_OK;
}

static enum status check_overlap(const struct load_plan *plan, const struct load_segment *segment,
	const struct load_context *context)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct load_segment *other = &plan->segments[i];

		if (ranges_overlap(segment->physical_address, segment->memory_size_bytes,
			    other->physical_address, other->memory_size_bytes)) {
			return load_fail(context, STATUS_OVERLAP,
				"the segments at 0x%llx and 0x%llx overlap",
				number(other->physical_address), number(segment->physical_address));
		}
	}
	return STATUS_OK;
}

static void append(struct load_plan *plan, const struct load_segment *segment)
{
	uint64_t end = segment->physical_address + segment->memory_size_bytes;

	if (plan->count == 0 || segment->physical_address < plan->start) {
		plan->start = segment->physical_address;
	}
	if (plan->count == 0 || end > plan->end) {
		plan->end = end;
	}
	plan->segments[plan->count++] = *segment;
}

enum status load_plan_add(struct load_plan *plan, const struct load_segment *segment,
	const struct load_context *context)
{
	enum status status = check_file_part(segment, context);

	if (status != STATUS_OK || segment->memory_size_bytes == 0) {
		return status;
	}
	status = check_place(segment, context);
	if (status != STATUS_OK) {
		return status;
	}
	status = check_overlap(plan, segment, context);
	if (status != STATUS_OK) {
		return status;
	}
	if (plan->count == LOAD_SEGMENTS_MAX) {
		return load_fail(context, STATUS_INVALID, "it has more than %d segments to load",
			LOAD_SEGMENTS_MAX);
	}
	append(plan, segment);
	return STATUS_OK;
}

const struct load_segment *load_plan_physical(const struct load_plan *plan, uint64_t address)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct load_segment *segment = &plan->segments[i];

		if (address >= segment->physical_address &&
			address - segment->physical_address < segment->memory_size_bytes) {
			return segment;
		}
	}
	return NULL;
}

const struct load_segment *load_plan_virtual(const struct load_plan *plan, uint64_t address)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct load_segment *segment = &plan->segments[i];

		if (address >= segment->virtual_address &&
			address - segment->virtual_address < segment->memory_size_bytes) {
			return segment;
		}
	}
	return NULL;
}

static enum status copy_segment(
	const struct load_segment *segment, const struct load_context *context)
{
	gpa_t bss = gpa(segment->physical_address + segment->file_size_bytes);
	uint64_t bss_size_bytes = segment->memory_size_bytes - segment->file_size_bytes;
	enum status status = guest_memory_fill(context->memory, bss, 0, bss_size_bytes);

	if (status == STATUS_OK && segment->file_size_bytes != 0) {
		status = guest_memory_write(context->memory, gpa(segment->physical_address),
			context->image->bytes + segment->file_offset, segment->file_size_bytes);
	}
	return status;
}

enum status load_plan_copy(const struct load_plan *plan, const struct load_context *context)
{
	for (size_t i = 0; i < plan->count; i++) {
		enum status status = copy_segment(&plan->segments[i], context);

		if (status != STATUS_OK) {
			return load_fail(context, status,
				"the guest has no RAM for all of the segment at 0x%llx",
				number(plan->segments[i].physical_address));
		}
	}
	return STATUS_OK;
}
