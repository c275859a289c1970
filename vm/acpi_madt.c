/* SPDX-License-Identifier: MIT */
#include "lib/bits.h"
#include "vm/acpi_guest_parts.h"

/* ACPI Specification 6.4, "Interrupt Controller Structure Types". */
enum madt_type {
	MADT_LOCAL_APIC = 0,
	MADT_IO_APIC = 1,
	MADT_SOURCE_OVERRIDE = 2,
	MADT_LOCAL_APIC_NMI = 4,
	MADT_LOCAL_X2APIC = 9,
	MADT_LOCAL_X2APIC_NMI = 10,
};

enum {
	MADT_REVISION = 5,
	LOCAL_APIC_ID_MAX = 254, /* 255 is the broadcast; higher ones have x2APIC entries. */
	ALL_PROCESSORS_8 = 0xff,
	TIMER_IRQ = 0,
	TIMER_GSI = 2, /* Where a PC's I/O APIC has the 8254. */
	SCI_IRQ = 9,
	NMI_LINT = 1,
};

#define MADT_PCAT_COMPAT   BIT(0) /* There are two 8259s as well. */
#define LOCAL_APIC_ADDRESS 0xfee00000u
#define LOCAL_APIC_ENABLED BIT(0)
#define IO_APIC_ADDRESS    0xfec00000u
#define ALL_PROCESSORS_32  UINT32_MAX

/* "Interrupt Source Override Structure", Table "MPS INTI Flags". */
#define INTI_ACTIVE_HIGH 0x1u
#define INTI_EDGE        0x4u
#define INTI_LEVEL       0xcu

struct madt_fields {
	uint32_t local_apic_address;
	uint32_t flags;
};

struct madt_local_apic {
	uint8_t type;
	uint8_t length;
	uint8_t processor_uid;
	uint8_t apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt_local_x2apic {
	uint8_t type;
	uint8_t length;
	uint16_t reserved;
	uint32_t x2apic_id;
	uint32_t flags;
	uint32_t processor_uid;
} __attribute__((packed));

struct madt_io_apic {
	uint8_t type;
	uint8_t length;
	uint8_t io_apic_id;
	uint8_t reserved;
	uint32_t address;
	uint32_t gsi_base;
} __attribute__((packed));

struct madt_source_override {
	uint8_t type;
	uint8_t length;
	uint8_t bus; /* 0: ISA. */
	uint8_t source;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct madt_local_apic_nmi {
	uint8_t type;
	uint8_t length;
	uint8_t processor_uid;
	uint16_t flags; /* 0: as the bus has it. */
	uint8_t lint;
} __attribute__((packed));

struct madt_local_x2apic_nmi {
	uint8_t type;
	uint8_t length;
	uint16_t flags;
	uint32_t processor_uid;
	uint8_t lint;
	uint8_t reserved[3];
} __attribute__((packed));

_Static_assert(sizeof(struct madt_local_apic) == 8, "as in the specification");
_Static_assert(sizeof(struct madt_local_x2apic) == 16, "as in the specification");
_Static_assert(sizeof(struct madt_io_apic) == 12, "as in the specification");
_Static_assert(sizeof(struct madt_source_override) == 10, "as in the specification");
_Static_assert(sizeof(struct madt_local_apic_nmi) == 6, "as in the specification");
_Static_assert(sizeof(struct madt_local_x2apic_nmi) == 12, "as in the specification");

static void put_processor(struct acpi_writer *writer, unsigned id)
{
	const struct madt_local_apic local_apic = {
		.type = MADT_LOCAL_APIC,
		.length = sizeof(local_apic),
		.processor_uid = (uint8_t)id,
		.apic_id = (uint8_t)id,
		.flags = LOCAL_APIC_ENABLED,
	};
	const struct madt_local_x2apic local_x2apic = {
		.type = MADT_LOCAL_X2APIC,
		.length = sizeof(local_x2apic),
		.x2apic_id = id,
		.flags = LOCAL_APIC_ENABLED,
		.processor_uid = id,
	};

	if (id <= LOCAL_APIC_ID_MAX) {
		acpi_writer_put(writer, &local_apic, sizeof(local_apic));
	} else {
		acpi_writer_put(writer, &local_x2apic, sizeof(local_x2apic));
	}
}

/* The timer is not where ISA has it, and the SCI is no ISA interrupt: level, not edge. */
static void put_interrupts(struct acpi_writer *writer)
{
	static const struct madt_io_apic io_apic = {
		.type = MADT_IO_APIC,
		.length = sizeof(io_apic),
		.address = IO_APIC_ADDRESS,
	};
	static const struct madt_source_override overrides[] = {
		{MADT_SOURCE_OVERRIDE, sizeof(overrides[0]), 0, TIMER_IRQ, TIMER_GSI,
			INTI_ACTIVE_HIGH | INTI_EDGE},
		{MADT_SOURCE_OVERRIDE, sizeof(overrides[0]), 0, SCI_IRQ, SCI_IRQ,
			INTI_ACTIVE_HIGH | INTI_LEVEL},
	};

	acpi_writer_put(writer, &io_apic, sizeof(io_apic));
	acpi_writer_put(writer, overrides, sizeof(overrides));
}

static void put_nmis(struct acpi_writer *writer, unsigned vcpu_count)
{
	static const struct madt_local_apic_nmi nmi = {
		.type = MADT_LOCAL_APIC_NMI,
		.length = sizeof(nmi),
		.processor_uid = ALL_PROCESSORS_8,
		.lint = NMI_LINT,
	};
	static const struct madt_local_x2apic_nmi x2apic_nmi = {
		.type = MADT_LOCAL_X2APIC_NMI,
		.length = sizeof(x2apic_nmi),
		.processor_uid = ALL_PROCESSORS_32,
		.lint = NMI_LINT,
	};

	acpi_writer_put(writer, &nmi, sizeof(nmi));
	if (vcpu_count - 1 > LOCAL_APIC_ID_MAX) {
		acpi_writer_put(writer, &x2apic_nmi, sizeof(x2apic_nmi));
	}
}

uint64_t acpi_madt_write(struct acpi_writer *writer, unsigned vcpu_count)
{
	static const struct madt_fields fields = {LOCAL_APIC_ADDRESS, MADT_PCAT_COMPAT};

	acpi_writer_begin(writer, "APIC", MADT_REVISION);
	acpi_writer_put(writer, &fields, sizeof(fields));
	for (unsigned id = 0; id < vcpu_count; id++) {
		put_processor(writer, id);
	}
	put_interrupts(writer);
	put_nmis(writer, vcpu_count);
	return acpi_writer_end(writer);
}
