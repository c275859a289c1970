/* SPDX-License-Identifier: MIT */
#include "devices/acpi_pm.h"
#include "lib/bits.h"
#include "vm/acpi_guest_parts.h"

/* ACPI Specification 6.4, "Generic Address Structure (GAS)". */
struct generic_address {
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;
	uint64_t address;
} __attribute__((packed));

enum {
	SPACE_IO = 1,
	ACCESS_BYTE = 1,
	ACCESS_WORD = 2,
	ACCESS_DWORD = 3,
	BYTE_BITS = 8,
};

/* "Fixed ACPI Description Table (FADT)", behind the header, in the specification's words. */
struct fadt_fields {
	uint32_t firmware_ctrl;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable;
	uint8_t acpi_disable;
	uint8_t s4bios_req;
	uint8_t pstate_cnt;
	uint32_t pm1a_evt_blk;
	uint32_t pm1b_evt_blk;
	uint32_t pm1a_cnt_blk;
	uint32_t pm1b_cnt_blk;
	uint32_t pm2_cnt_blk;
	uint32_t pm_tmr_blk;
	uint32_t gpe0_blk;
	uint32_t gpe1_blk;
	uint8_t pm1_evt_len;
	uint8_t pm1_cnt_len;
	uint8_t pm2_cnt_len;
	uint8_t pm_tmr_len;
	uint8_t gpe0_blk_len;
	uint8_t gpe1_blk_len;
	uint8_t gpe1_base;
	uint8_t cst_cnt;
	uint16_t p_lvl2_lat;
	uint16_t p_lvl3_lat;
	uint16_t flush_size;
	uint16_t flush_stride;
	uint8_t duty_offset;
	uint8_t duty_width;
	uint8_t day_alrm;
	uint8_t mon_alrm;
	uint8_t century;
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct generic_address reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_firmware_ctrl;
	uint64_t x_dsdt;
	struct generic_address x_pm1a_evt_blk;
	struct generic_address x_pm1b_evt_blk;
	struct generic_address x_pm1a_cnt_blk;
	struct generic_address x_pm1b_cnt_blk;
	struct generic_address x_pm2_cnt_blk;
	struct generic_address x_pm_tmr_blk;
	struct generic_address x_gpe0_blk;
	struct generic_address x_gpe1_blk;
	struct generic_address sleep_control_reg;
	struct generic_address sleep_status_reg;
	uint64_t hypervisor_vendor_identity;
} __attribute__((packed));

_Static_assert(sizeof(struct acpi_header) + sizeof(struct fadt_fields) == 276, "the table's size");
_Static_assert(sizeof(struct acpi_header) + offsetof(struct fadt_fields, iapc_boot_arch) == 109,
	"as in the specification");
_Static_assert(sizeof(struct acpi_header) + offsetof(struct fadt_fields, x_dsdt) == 140,
	"as in the specification");

enum {
	FADT_REVISION = 6,
	FADT_MINOR_VERSION = 4,
	SCI_IRQ = 9,
	EVENT_BLOCK_BYTES = 4,
	CONTROL_BLOCK_BYTES = 2,
	TIMER_BLOCK_BYTES = 4,
	EVENT_PORT = ACPI_PM_PORT,
	CONTROL_PORT = ACPI_PM_PORT + 4,
	TIMER_PORT = ACPI_PM_PORT + 8, /* As a PIIX4 has it. */
	RESET_PORT = 0xcf9,
	RESET_ALL = 6,          /* A hard reset of the CPU, at the rise of bit 2. */
	C2_LATENCY_NONE = 101,  /* More than 100 us: there is no C2. */
	C3_LATENCY_NONE = 1001, /* More than 1000 us. */
};

/*
 * "IA-PC Boot Architecture Flags": old devices, but no 8042 and no VGA to probe for. The flag for a
 * CMOS clock that is not there stays 0.
 */
#define BOOT_LEGACY_DEVICES  BIT(0)
#define BOOT_VGA_NOT_PRESENT BIT(2)

/* Table "Fixed ACPI Description Table Fixed Feature Flags". */
#define FLAG_WBINVD        BIT(0)
#define FLAG_PROC_C1       BIT(2)
#define FLAG_PWR_BUTTON    BIT(4) /* Not a fixed one: there is none. */
#define FLAG_SLP_BUTTON    BIT(5) /* Likewise. */
#define FLAG_FIX_RTC       BIT(6) /* The clock's alarm does not wake. */
#define FLAG_TMR_VAL_EXT   BIT(8) /* The timer has 32 bits. */
#define FLAG_RESET_REG_SUP BIT(10)
#define FLAG_HEADLESS      BIT(12)

static struct generic_address port(uint16_t address, unsigned size_bytes, uint8_t access_size)
{
	return (struct generic_address){
		.space = SPACE_IO,
		.bit_width = (uint8_t)(size_bytes * BYTE_BITS),
		.access_size = access_size,
		.address = address,
	};
}

/*
 * SMI_CMD of 0 says that ACPI mode is on for good. X_FIRMWARE_CTRL stays 0 as the FACS lies below
 * 4 GiB, where one address of it is enough; the two of the DSDT must agree.
 */
uint64_t acpi_fadt_write(struct acpi_writer *writer, uint64_t facs, uint64_t dsdt)
{
	const struct fadt_fields fields = {
		.firmware_ctrl = (uint32_t)facs,
		.dsdt = (uint32_t)dsdt,
		.sci_int = SCI_IRQ,
		.pm1a_evt_blk = EVENT_PORT,
		.pm1a_cnt_blk = CONTROL_PORT,
		.pm_tmr_blk = TIMER_PORT,
		.pm1_evt_len = EVENT_BLOCK_BYTES,
		.pm1_cnt_len = CONTROL_BLOCK_BYTES,
		.pm_tmr_len = TIMER_BLOCK_BYTES,
		.p_lvl2_lat = C2_LATENCY_NONE,
		.p_lvl3_lat = C3_LATENCY_NONE,
		.iapc_boot_arch = BOOT_LEGACY_DEVICES | BOOT_VGA_NOT_PRESENT,
		.flags = FLAG_WBINVD | FLAG_PROC_C1 | FLAG_PWR_BUTTON | FLAG_SLP_BUTTON |
			 FLAG_FIX_RTC | FLAG_TMR_VAL_EXT | FLAG_RESET_REG_SUP | FLAG_HEADLESS,
		.reset_reg = port(RESET_PORT, sizeof(uint8_t), ACCESS_BYTE),
		.reset_value = RESET_ALL,
		.minor_version = FADT_MINOR_VERSION,
		.x_dsdt = dsdt,
		.x_pm1a_evt_blk = port(EVENT_PORT, EVENT_BLOCK_BYTES, ACCESS_WORD),
		.x_pm1a_cnt_blk = port(CONTROL_PORT, CONTROL_BLOCK_BYTES, ACCESS_WORD),
		.x_pm_tmr_blk = port(TIMER_PORT, TIMER_BLOCK_BYTES, ACCESS_DWORD),
	};

	acpi_writer_begin(writer, "FACP", FADT_REVISION);
	acpi_writer_put(writer, &fields, sizeof(fields));
	return acpi_writer_end(writer);
}
