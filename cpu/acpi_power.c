/* SPDX-License-Identifier: MIT */
#include "cpu/acpi_power.h"

#include "cpu/acpi_tables.h"
#include "cpu/insn.h"
#include "lib/bits.h"

/* ACPI Specification, "PM1 Control Grouping". */
#define PM1_SCI_EN       BIT(0)
#define PM1_SLP_EN       BIT(13)
#define PM1_SLP_TYP_LOW  10
#define PM1_SLP_TYP_HIGH 12

/* ACPI Specification, "Fixed ACPI Description Table (FADT)": offsets. */
enum {
	FADT_DSDT = 40,
	FADT_SMI_COMMAND = 48,
	FADT_ACPI_ENABLE = 52,
	FADT_PM1A_CONTROL = 64,
	FADT_PM1B_CONTROL = 68,
	FADT_FLAGS = 112,
	FADT_RESET_REGISTER = 116,
	FADT_RESET_VALUE = 128,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_CONTROL = 172,
};

#define FADT_FLAG_RESET_REGISTER BIT(10)

/* "Generic Address Structure (GAS)". */
enum {
	GAS_SPACE_ID = 0,
	GAS_ADDRESS = 4,
	GAS_SPACE_MEMORY = 0,
	GAS_SPACE_PORTS = 1,
};

enum {
	PORT_MAX = 0xffff,
	WAIT_LIMIT_READS = 1000000, /* About a second of port reads. */
};

/* Returns a PM1 control block's port: the old field, or the extended one where that is 0. */
static uint16_t control_port(const struct acpi_table *fadt)
{
	uint64_t port = acpi_table_field(fadt, FADT_PM1A_CONTROL, sizeof(uint32_t));

	if (port == 0 &&
		acpi_table_field(fadt, FADT_X_PM1A_CONTROL + GAS_SPACE_ID, 1) == GAS_SPACE_PORTS) {
		port = acpi_table_field(fadt, FADT_X_PM1A_CONTROL + GAS_ADDRESS, sizeof(uint64_t));
	}
	return port <= PORT_MAX ? (uint16_t)port : 0;
}

static uint16_t port_field(const struct acpi_table *fadt, uint32_t offset)
{
	uint64_t port = acpi_table_field(fadt, offset, sizeof(uint32_t));

	return port <= PORT_MAX ? (uint16_t)port : 0;
}

static struct acpi_sleep find_sleep(const struct acpi_table *fadt, acpi_memory_map *map)
{
	struct acpi_sleep sleep = {
		.pm1a_control = control_port(fadt),
		.pm1b_control = port_field(fadt, FADT_PM1B_CONTROL),
		.smi_command = port_field(fadt, FADT_SMI_COMMAND),
		.acpi_enable = (uint8_t)acpi_table_field(fadt, FADT_ACPI_ENABLE, 1),
	};
	uint64_t address = acpi_table_field(fadt, FADT_X_DSDT, sizeof(uint64_t));
	struct acpi_table dsdt;

	if (address == 0) {
		address = acpi_table_field(fadt, FADT_DSDT, sizeof(uint32_t));
	}
	sleep.is_known = sleep.pm1a_control != 0 &&
			 acpi_table_open(address, "DSDT", map, &dsdt) == STATUS_OK &&
			 acpi_table_find_s5(&dsdt, &sleep.type_a, &sleep.type_b);
	return sleep;
}

static struct acpi_reset find_reset(const struct acpi_table *fadt)
{
	uint64_t flags = acpi_table_field(fadt, FADT_FLAGS, sizeof(uint32_t));
	uint64_t space = acpi_table_field(fadt, FADT_RESET_REGISTER + GAS_SPACE_ID, 1);
	struct acpi_reset reset = {
		.is_memory = space == GAS_SPACE_MEMORY,
		.address =
			acpi_table_field(fadt, FADT_RESET_REGISTER + GAS_ADDRESS, sizeof(uint64_t)),
		.value = (uint8_t)acpi_table_field(fadt, FADT_RESET_VALUE, 1),
	};

	reset.is_known =
		(flags & FADT_FLAG_RESET_REGISTER) != 0 && reset.address != 0 &&
		(reset.is_memory || (space == GAS_SPACE_PORTS && reset.address <= PORT_MAX));
	return reset;
}

enum status acpi_power_find(
	const uint8_t *rsdp, size_t rsdp_size_bytes, acpi_memory_map *map, struct acpi_power *power)
{
	struct acpi_table fadt;
	enum status status;

	*power = (struct acpi_power){0};
	status = acpi_table_find(rsdp, rsdp_size_bytes, "FACP", map, &fadt);
	if (status != STATUS_OK) {
		return status;
	}
	power->sleep = find_sleep(&fadt, map);
	power->reset = find_reset(&fadt);
	return power->sleep.is_known || power->reset.is_known ? STATUS_OK : STATUS_NOT_FOUND;
}

/* Some firmware hands over in legacy mode, where the sleep registers do nothing. */
static void enter_acpi_mode(const struct acpi_sleep *sleep)
{
	if (sleep->smi_command == 0 || sleep->acpi_enable == 0 ||
		(insn_in16(sleep->pm1a_control) & PM1_SCI_EN) != 0) {
		return;
	}
	insn_out8(sleep->smi_command, sleep->acpi_enable);
	for (unsigned reads = 0; reads < WAIT_LIMIT_READS; reads++) {
		if ((insn_in16(sleep->pm1a_control) & PM1_SCI_EN) != 0) {
			return;
		}
	}
}

static void enter_sleep(uint16_t port, uint8_t type)
{
	uint64_t value = bits_put(insn_in16(port), PM1_SLP_TYP_HIGH, PM1_SLP_TYP_LOW, type);

	insn_out16(port, (uint16_t)(value | PM1_SLP_EN));
}

void acpi_power_off(const struct acpi_sleep *sleep)
{
	if (!sleep->is_known) {
		return;
	}
	enter_acpi_mode(sleep);
	enter_sleep(sleep->pm1a_control, sleep->type_a);
	if (sleep->pm1b_control != 0) {
		enter_sleep(sleep->pm1b_control, sleep->type_b);
	}
	/* The machine may take its time. */
	for (unsigned reads = 0; reads < WAIT_LIMIT_READS; reads++) {
		(void)insn_in16(sleep->pm1a_control);
	}
}

void acpi_power_reset(const struct acpi_reset *reset)
{
	if (!reset->is_known) {
		return;
	}
	if (reset->is_memory) {
		*(volatile uint8_t *)hpa_pointer(hpa(reset->address)) = reset->value;
	} else {
		insn_out8((uint16_t)reset->address, reset->value);
	}
}
