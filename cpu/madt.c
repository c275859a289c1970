/* SPDX-License-Identifier: MIT */
#include "cpu/madt.h"

#include "lib/bits.h"

enum {
	MADT_ENTRIES = 44, /* Behind the header, the local APIC's address and the flags. */
	ENTRY_LENGTH = 1,
	ENTRY_HEADER_SIZE = 2,
	ENTRY_LOCAL_APIC = 0,
	LOCAL_APIC_ENTRY_ID = 3,
	LOCAL_APIC_ENTRY_FLAGS = 4,
	LOCAL_APIC_ENTRY_SIZE = 8,
	ENTRY_LOCAL_X2APIC = 9,
	LOCAL_X2APIC_ENTRY_ID = 4,
	LOCAL_X2APIC_ENTRY_FLAGS = 8,
	LOCAL_X2APIC_ENTRY_SIZE = 16,
	FLAGS_ENABLED = 1 << 0,
	XAPIC_ID_BROADCAST = 0xff,
};

static bool is_known(const struct madt_processors *processors, uint32_t apic_id)
{
	for (unsigned i = 0; i < processors->count; i++) {
		if (processors->apic_ids[i] == apic_id) {
			return true;
		}
	}
	return false;
}

static void add(struct madt_processors *processors, uint64_t apic_id, uint64_t flags)
{
	if ((flags & FLAGS_ENABLED) == 0 || is_known(processors, (uint32_t)apic_id)) {
		return;
	}
	if (processors->count == CPUS_MAX) {
		processors->beyond_count++;
		return;
	}
	processors->apic_ids[processors->count] = (uint32_t)apic_id;
	processors->count++;
}

/* Adds what an entry of a kind that names processors says; the entry lies in the table. */
static void read_entry(const struct acpi_table *madt, uint32_t offset, uint32_t size_bytes,
	struct madt_processors *processors)
{
	const uint64_t type = acpi_table_field(madt, offset, sizeof(uint8_t));
	uint64_t apic_id;

	if (type == ENTRY_LOCAL_APIC && size_bytes >= LOCAL_APIC_ENTRY_SIZE) {
		apic_id = acpi_table_field(madt, offset + LOCAL_APIC_ENTRY_ID, sizeof(uint8_t));
		if (apic_id != XAPIC_ID_BROADCAST) {
			add(processors, apic_id,
				acpi_table_field(
					madt, offset + LOCAL_APIC_ENTRY_FLAGS, sizeof(uint32_t)));
		}
	}
	if (type == ENTRY_LOCAL_X2APIC && size_bytes >= LOCAL_X2APIC_ENTRY_SIZE) {
		apic_id = acpi_table_field(madt, offset + LOCAL_X2APIC_ENTRY_ID, sizeof(uint32_t));
		if (apic_id != UINT32_MAX) {
			add(processors, apic_id,
				acpi_table_field(
					madt, offset + LOCAL_X2APIC_ENTRY_FLAGS, sizeof(uint32_t)));
		}
	}
}

void madt_read_processors(const struct acpi_table *madt, struct madt_processors *processors)
{
	uint32_t offset = MADT_ENTRIES;

	processors->count = 0;
	processors->beyond_count = 0;
	while (range_fits(offset, ENTRY_HEADER_SIZE, madt->size_bytes)) {
		const uint32_t size_bytes =
			(uint32_t)acpi_table_field(madt, offset + ENTRY_LENGTH, sizeof(uint8_t));

		if (size_bytes < ENTRY_HEADER_SIZE ||
			!range_fits(offset, size_bytes, madt->size_bytes)) {
			return;
		}
		read_entry(madt, offset, size_bytes, processors);
		offset += size_bytes;
	}
}
