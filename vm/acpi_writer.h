/* SPDX-License-Identifier: MIT */
#ifndef VM_ACPI_WRITER_H
#define VM_ACPI_WRITER_H

#include "lib/types.h"

/* ACPI Specification 6.4, "System Description Table Header". */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

_Static_assert(sizeof(struct acpi_header) == 36, "as in the specification");

/*
 * Writes tables one behind the other into bytes that stand for guest-physical memory. What does not
 * fit is dropped, and is_full says so.
 */
struct acpi_writer {
	uint8_t *bytes;
	uint64_t size_bytes;
	uint64_t address; /* Guest-physical, of bytes[0]. */
	uint64_t at;      /* Offset of the next byte. */
	uint64_t table;   /* Offset of the table that was begun last. */
	bool is_full;
};

/* Appends bytes; zeros up to the next multiple of alignment, a power of two. Context: any; pure. */
void acpi_writer_put(struct acpi_writer *writer, const void *bytes, uint64_t size_bytes);
void acpi_writer_align(struct acpi_writer *writer, uint64_t alignment);

/* Puts bytes over what stands at an offset already. */
void acpi_writer_replace(
	struct acpi_writer *writer, uint64_t offset, const void *bytes, uint64_t size_bytes);

/*
 * Begins a table on a 16-byte boundary with its header (a signature of 4 characters); ends it: its
 * length and checksum are put in. Returns the table's guest-physical address.
 */
void acpi_writer_begin(struct acpi_writer *writer, const char *signature, uint8_t revision);
uint64_t acpi_writer_end(struct acpi_writer *writer);

/* Returns the byte that makes the sum of these bytes and itself 0. */
uint8_t acpi_writer_checksum(const uint8_t *bytes, uint64_t size_bytes);

#endif
