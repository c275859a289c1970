/* SPDX-License-Identifier: MIT */
#include "vm/acpi_writer.h"

#include "lib/bits.h"
#include "lib/string.h"

enum {
	TABLE_ALIGNMENT = 16,
	OEM_REVISION = 1,
	CREATOR_REVISION = 1,
};

/* Makes room at the end; returns NULL if there is none. */
static uint8_t *take(struct acpi_writer *writer, uint64_t size_bytes)
{
	uint8_t *start;

	if (writer->is_full || !range_fits(writer->at, size_bytes, writer->size_bytes)) {
		writer->is_full = true;
		return NULL;
	}
	start = writer->bytes + writer->at;
	writer->at += size_bytes;
	return start;
}

void acpi_writer_put(struct acpi_writer *writer, const void *bytes, uint64_t size_bytes)
{
	uint8_t *start = take(writer, size_bytes);

	if (start != NULL) {
		memcpy(start, bytes, size_bytes);
	}
}

void acpi_writer_align(struct acpi_writer *writer, uint64_t alignment)
{
	const uint64_t size_bytes = align_up(writer->at, alignment) - writer->at;
	uint8_t *start = take(writer, size_bytes);

	if (start != NULL) {
		memset(start, 0, size_bytes);
	}
}

void acpi_writer_replace(
	struct acpi_writer *writer, uint64_t offset, const void *bytes, uint64_t size_bytes)
{
	if (range_fits(offset, size_bytes, writer->at)) {
		memcpy(writer->bytes + offset, bytes, size_bytes);
	}
}

void acpi_writer_begin(struct acpi_writer *writer, const char *signature, uint8_t revision)
{
	struct acpi_header header = {
		.revision = revision,
		.oem_id = {'T', 'R', 'I', 'V', 'E', 'T'},
		.oem_table_id = {'T', 'R', 'I', 'V', 'E', 'T', 'V', 'M'},
		.oem_revision = OEM_REVISION,
		.creator_id = {'T', 'R', 'V', 'T'},
		.creator_revision = CREATOR_REVISION,
	};

	memcpy(header.signature, signature, sizeof(header.signature));
	acpi_writer_align(writer, TABLE_ALIGNMENT);
	writer->table = writer->at;
	acpi_writer_put(writer, &header, sizeof(header));
}

uint64_t acpi_writer_end(struct acpi_writer *writer)
{
	const uint32_t length = (uint32_t)(writer->at - writer->table);
	uint8_t *table = writer->bytes + writer->table;
	uint8_t checksum;

	acpi_writer_replace(writer, writer->table + offsetof(struct acpi_header, length), &length,
		sizeof(length));
	if (!writer->is_full) {
		checksum = acpi_writer_checksum(table, length);
		acpi_writer_replace(writer, writer->table + offsetof(struct acpi_header, checksum),
			&checksum, sizeof(checksum));
	}
	return writer->address + writer->table;
}

uint8_t acpi_writer_checksum(const uint8_t *bytes, uint64_t size_bytes)
{
	uint8_t sum = 0;

	for (uint64_t i = 0; i < size_bytes; i++) {
		sum = (uint8_t)(sum + bytes[i]);
	}
	return (uint8_t)-sum;
}
