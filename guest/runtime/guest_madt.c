/* SPDX-License-Identifier: MIT */
/* ACPI Specification 6.4, "Root System Description Pointer (RSDP)" and "Multiple APIC Description
 * Table (MADT)". */
#include "guest/runtime/guest_madt.h"

#include "guest/runtime/guest_runtime.h"

#include <stddef.h>

enum {
	EBDA_SEGMENT_POINTER = 0x40e,
	EBDA_BYTES = 1024,
	BIOS_START = 0xe0000,
	BIOS_END = 0x100000,
	RSDP_STEP = 16,
	RSDP_BYTES = 20,
	RSDP_RSDT_OFFSET = 16,
	TABLE_LENGTH_OFFSET = 4,
	TABLE_HEADER_BYTES = 36,
	MADT_ENTRIES_OFFSET = 44,
	MADT_LOCAL_APIC = 0,
	MADT_LOCAL_X2APIC = 9,
	MADT_ENABLED = 1,
	SEGMENT_SHIFT = 4,
	SIGNATURE_BYTES = 4,
};

#define MAPPED_END 0x40000000u

struct madt_local_apic {
	uint8_t type;
	uint8_t length;
	uint8_t processor;
	uint8_t apic_id;
	uint32_t flags;
};

struct madt_local_x2apic {
	uint8_t type;
	uint8_t length;
	uint16_t reserved;
	uint32_t apic_id;
	uint32_t flags;
	uint32_t processor;
};

/* The compiler must not take an address that it knows for an object that it does not. */
static const uint8_t *at(uint32_t address)
{
	const uint8_t *bytes = (const uint8_t *)(uintptr_t)address;

	__asm__("" : "+r"(bytes));
	return bytes;
}

static uint32_t word_at(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

static uint8_t sum_of(const uint8_t *bytes, size_t size_bytes)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size_bytes; i++) {
		sum = (uint8_t)(sum + bytes[i]);
	}
	return sum;
}

static const uint8_t *find_rsdp(uint32_t start, uint32_t end)
{
	for (uint32_t address = start; address < end; address += RSDP_STEP) {
		const uint8_t *rsdp = at(address);

		if (memcmp(rsdp, "RSD PTR ", 8) == 0 && sum_of(rsdp, RSDP_BYTES) == 0) {
			return rsdp;
		}
	}
	return NULL;
}

static const uint8_t *find_table(const uint8_t *rsdt, const char *signature)
{
	const uint32_t end = word_at(rsdt + TABLE_LENGTH_OFFSET);

	for (uint32_t i = TABLE_HEADER_BYTES; i + sizeof(uint32_t) <= end; i += sizeof(uint32_t)) {
		const uint32_t address = word_at(rsdt + i);

		if (address < MAPPED_END && memcmp(at(address), signature, SIGNATURE_BYTES) == 0) {
			return at(address);
		}
	}
	return NULL;
}

static const uint8_t *find_madt(void)
{
	uint16_t segment;
	const uint8_t *rsdp;
	uint32_t rsdt;

	memcpy(&segment, at(EBDA_SEGMENT_POINTER), sizeof(segment));
	rsdp = find_rsdp(BIOS_START, BIOS_END);
	if (rsdp == NULL) {
		const uint32_t ebda = (uint32_t)segment << SEGMENT_SHIFT;

		rsdp = find_rsdp(ebda, ebda + EBDA_BYTES);
	}
	if (rsdp == NULL) {
		return NULL;
	}
	rsdt = word_at(rsdp + RSDP_RSDT_OFFSET);
	return rsdt < MAPPED_END ? find_table(at(rsdt), "APIC") : NULL;
}

unsigned guest_madt_ids(uint32_t *ids, unsigned room)
{
	const uint8_t *madt = find_madt();
	const uint32_t end = madt == NULL ? 0 : word_at(madt + TABLE_LENGTH_OFFSET);
	unsigned count = 0;

	for (uint32_t i = MADT_ENTRIES_OFFSET; i + 2 <= end && madt[i + 1] != 0; i += madt[i + 1]) {
		struct madt_local_apic local;
		struct madt_local_x2apic local_x2;
		uint32_t id;

		memcpy(&local, madt + i, sizeof(local));
		memcpy(&local_x2, madt + i, sizeof(local_x2));
		if (local.type == MADT_LOCAL_APIC && (local.flags & MADT_ENABLED) != 0) {
			id = local.apic_id;
		} else if (local.type == MADT_LOCAL_X2APIC &&
			   (local_x2.flags & MADT_ENABLED) != 0) {
			id = local_x2.apic_id;
		} else {
			continue;
		}
		if (count < room) {
			ids[count] = id;
		}
		count++;
	}
	return count;
}
