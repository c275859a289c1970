/* SPDX-License-Identifier: MIT */
#include "vm/acpi_guest_tables.h"

#include "lib/bits.h"
#include "vm/acpi_guest_parts.h"

/* ACPI Specification 6.4, "Root System Description Pointer (RSDP) Structure". */
struct rsdp {
	char signature[8];
	uint8_t checksum; /* Of what revision 0 had, the first 20 bytes. */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_address;
	uint32_t length;
	uint64_t xsdt_address;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

/* "Firmware ACPI Control Structure (FACS)". */
struct facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t firmware_waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_firmware_waking_vector;
	uint8_t version;
	uint8_t reserved0[3];
	uint32_t ospm_flags;
	uint8_t reserved1[24];
} __attribute__((packed));

_Static_assert(sizeof(struct rsdp) == 36, "as in the specification");
_Static_assert(sizeof(struct facs) == 64, "as in the specification");

enum {
	RSDP_REVISION = 2,
	RSDP_FIRST_PART = 20,
	FACS_VERSION = 2,
	XSDT_REVISION = 1,
	RSDT_REVISION = 1,
	TABLE_ALIGNMENT = 16,
};

/* The tables that the roots list. */
enum root_entry {
	ROOT_FADT,
	ROOT_MADT,
	ROOT_SSDT,
	ROOT_ENTRY_COUNT,
};

static void put_facs(struct acpi_writer *writer)
{
	static const struct facs facs = {
		.signature = {'F', 'A', 'C', 'S'},
		.length = sizeof(facs),
		.version = FACS_VERSION,
	};

	acpi_writer_put(writer, &facs, sizeof(facs));
}

/* The compiler of vm/dsdt.asl has put in length and checksum. */
static uint64_t put_dsdt(struct acpi_writer *writer, const struct acpi_guest_config *config)
{
	uint64_t address;

	acpi_writer_align(writer, TABLE_ALIGNMENT);
	address = writer->address + writer->at;
	acpi_writer_put(writer, config->dsdt, config->dsdt_size_bytes);
	return address;
}

static uint64_t put_xsdt(struct acpi_writer *writer, const uint64_t *entries)
{
	acpi_writer_begin(writer, "XSDT", XSDT_REVISION);
	acpi_writer_put(writer, entries, ROOT_ENTRY_COUNT * sizeof(entries[0]));
	return acpi_writer_end(writer);
}

static uint64_t put_rsdt(struct acpi_writer *writer, const uint64_t *entries)
{
	acpi_writer_begin(writer, "RSDT", RSDT_REVISION);
	for (size_t i = 0; i < ROOT_ENTRY_COUNT; i++) {
		const uint32_t entry = (uint32_t)entries[i];

		acpi_writer_put(writer, &entry, sizeof(entry));
	}
	return acpi_writer_end(writer);
}

static void replace_rsdp(struct acpi_writer *writer, uint64_t offset, uint64_t rsdt, uint64_t xsdt)
{
	struct rsdp rsdp = {
		.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
		.oem_id = {'T', 'R', 'I', 'V', 'E', 'T'},
		.revision = RSDP_REVISION,
		.rsdt_address = (uint32_t)rsdt,
		.length = sizeof(rsdp),
		.xsdt_address = xsdt,
	};

	rsdp.checksum = acpi_writer_checksum((const uint8_t *)&rsdp, RSDP_FIRST_PART);
	rsdp.extended_checksum = acpi_writer_checksum((const uint8_t *)&rsdp, sizeof(rsdp));
	acpi_writer_replace(writer, offset, &rsdp, sizeof(rsdp));
}

/* The FACS has the first page for itself: it is the only table that stays in use. */
static void put_tables(struct acpi_writer *writer, const struct acpi_guest_config *config,
	struct acpi_guest_tables *tables)
{
	static const struct rsdp no_rsdp_yet;
	const uint64_t facs = writer->address;
	uint64_t entries[ROOT_ENTRY_COUNT];
	uint64_t rsdp_offset;
	uint64_t rsdt;

	put_facs(writer);
	acpi_writer_align(writer, PAGE_SIZE_4K);
	rsdp_offset = writer->at;
	acpi_writer_put(writer, &no_rsdp_yet, sizeof(no_rsdp_yet));
	entries[ROOT_FADT] = acpi_fadt_write(writer, facs, put_dsdt(writer, config));
	entries[ROOT_MADT] = acpi_madt_write(writer, config->vcpu_count);
	entries[ROOT_SSDT] = acpi_processors_write(writer, config->vcpu_count);
	rsdt = put_rsdt(writer, entries);
	replace_rsdp(writer, rsdp_offset, rsdt, put_xsdt(writer, entries));
	acpi_writer_align(writer, PAGE_SIZE_4K);
	tables->rsdp = gpa(writer->address + rsdp_offset);
	tables->areas[0] = (struct e820_entry){facs, rsdp_offset, E820_ACPI_NVS};
	tables->areas[1] =
		(struct e820_entry){tables->rsdp.value, writer->at - rsdp_offset, E820_ACPI_DATA};
}

enum status acpi_guest_tables_build(uint8_t *bytes, uint64_t size_bytes, gpa_t address,
	const struct acpi_guest_config *config, struct acpi_guest_tables *tables)
{
	struct acpi_writer writer = {
		.bytes = bytes, .size_bytes = size_bytes, .address = address.value};

	if (!is_aligned(address.value, PAGE_SIZE_4K)) {
		return STATUS_ALIGNMENT;
	}
	if (config->vcpu_count == 0 || config->vcpu_count > ACPI_GUEST_VCPUS_MAX) {
		return STATUS_INVALID;
	}
	if (!range_fits(address.value, size_bytes, GIB(4))) {
		return STATUS_RANGE;
	}
	put_tables(&writer, config, tables);
	return writer.is_full ? STATUS_NO_MEMORY : STATUS_OK;
}
