/* SPDX-License-Identifier: MIT */
#include "vm/guest_firmware.h"

#include "vm/acpi_dsdt.h"
#include "vm/bios_data.h"

enum status guest_firmware_write(
	struct guest_memory *memory, unsigned vcpu_count, struct acpi_guest_tables *tables)
{
	const struct acpi_guest_config config = {
		.vcpu_count = vcpu_count,
		.dsdt = acpi_dsdt_start,
		.dsdt_size_bytes = (uint64_t)(acpi_dsdt_end - acpi_dsdt_start),
	};
	const gpa_t area = gpa(ACPI_GUEST_AREA_START);
	enum status status = bios_data_write(memory);
	void *host;

	if (status != STATUS_OK) {
		return status;
	}
	/* The tables take their checksums from the bytes: they are made where they lie. */
	if (guest_memory_writable_span(memory, area, ACPI_GUEST_AREA_SIZE_BYTES, &host) !=
		ACPI_GUEST_AREA_SIZE_BYTES) {
		return STATUS_RANGE;
	}
	return acpi_guest_tables_build(host, ACPI_GUEST_AREA_SIZE_BYTES, area, &config, tables);
}
