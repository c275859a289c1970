/* SPDX-License-Identifier: MIT */
#include "devices/ioapic.h"

#include "lib/bits.h"

/* 82093AA data sheet, "Memory Mapped Registers for Accessing IOAPIC Registers". */
enum {
	OFFSET_IOREGSEL = 0x00,
	OFFSET_IOWIN = 0x10,
};

/* "IOAPIC Registers", by the index in IOREGSEL. */
enum {
	INDEX_ID = 0x00,
	INDEX_VERSION = 0x01,
	INDEX_ARBITRATION = 0x02,
	INDEX_REDIRECTION = 0x10,
	INDEX_END = INDEX_REDIRECTION + 2 * IOAPIC_PIN_COUNT,
};

enum {
	/* 0x20 would promise an EOI register, which came with later chips. */
	VERSION_82093AA = 0x11,
	VERSION_ENTRIES_SHIFT = 16,
	ID_HIGH = 27,
	ID_LOW = 24,
	DWORD_BITS = 32,
	DELIVERY_MODE_HIGH = 10,
	DELIVERY_MODE_LOW = 8,
	DESTINATION_HIGH = 63,
	DESTINATION_LOW = 56,
};

/* "I/O Redirection Table Registers". */
#define ENTRY_LOGICAL         BIT(11)
#define ENTRY_DELIVERY_STATUS BIT(12)
#define ENTRY_REMOTE_IRR      BIT(14)
#define ENTRY_LEVEL           BIT(15)
#define ENTRY_MASKED          BIT(16)
#define ENTRY_VECTOR          BITS_MASK(7, 0)
#define ENTRY_WRITABLE                                                                             \
	(BITS_MASK(DESTINATION_HIGH, DESTINATION_LOW) |                                            \
		(BITS_MASK(16, 0) & ~(ENTRY_DELIVERY_STATUS | ENTRY_REMOTE_IRR)))

/* "Delivery Mode": all but these two are edges, whatever the trigger mode says. */
static bool is_level_triggered(uint64_t entry)
{
	uint64_t mode = bits_get(entry, DELIVERY_MODE_HIGH, DELIVERY_MODE_LOW);

	return (entry & ENTRY_LEVEL) != 0 &&
	       (mode == IOAPIC_FIXED || mode == IOAPIC_LOWEST_PRIORITY);
}

/* An interrupt that would be sent if the pin were unmasked. */
static bool is_requesting(const struct ioapic *ioapic, unsigned pin)
{
	uint64_t entry = ioapic->redirection[pin];

	if (is_level_triggered(entry)) {
		return (ioapic->lines & BIT(pin)) != 0 && (entry & ENTRY_REMOTE_IRR) == 0;
	}
	return (ioapic->edges & BIT(pin)) != 0;
}

static bool is_masked(const struct ioapic *ioapic, unsigned pin)
{
	return (ioapic->redirection[pin] & ENTRY_MASKED) != 0;
}

/* Sends the pin's interrupt, if it has one and may. */
static void service(struct ioapic *ioapic, unsigned pin)
{
	uint64_t entry = ioapic->redirection[pin];
	struct ioapic_message message = {
		.vector = (uint8_t)(entry & ENTRY_VECTOR),
		.delivery_mode = (uint8_t)bits_get(entry, DELIVERY_MODE_HIGH, DELIVERY_MODE_LOW),
		.destination = (uint8_t)bits_get(entry, DESTINATION_HIGH, DESTINATION_LOW),
		.is_logical = (entry & ENTRY_LOGICAL) != 0,
		.is_level = is_level_triggered(entry),
	};

	if (is_masked(ioapic, pin) || !is_requesting(ioapic, pin) ||
		!ioapic->deliver(ioapic->context, &message)) {
		return;
	}
	ioapic->edges &= (uint32_t)~BIT(pin);
	if (message.is_level) {
		ioapic->redirection[pin] |= ENTRY_REMOTE_IRR;
	}
}

void ioapic_reset(struct ioapic *ioapic)
{
	ioapic->select = 0;
	ioapic->id = 0;
	ioapic->arbitration_id = 0;
	ioapic->edges = 0;
	for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
		ioapic->redirection[pin] = ENTRY_MASKED;
	}
}

void ioapic_set_line(struct ioapic *ioapic, unsigned pin, bool is_asserted)
{
	bool was_asserted = (ioapic->lines & BIT(pin)) != 0;

	if (is_asserted == was_asserted) {
		return;
	}
	ioapic->lines ^= (uint32_t)BIT(pin);
	/* "Interrupt Mask": an edge on a masked pin is ignored, neither delivered nor held. */
	if (is_asserted && !is_masked(ioapic, pin) &&
		!is_level_triggered(ioapic->redirection[pin])) {
		ioapic->edges |= (uint32_t)BIT(pin);
	}
	service(ioapic, pin);
}

void ioapic_end_of_interrupt(struct ioapic *ioapic, uint8_t vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
		uint64_t entry = ioapic->redirection[pin];

		if ((entry & ENTRY_REMOTE_IRR) != 0 && (entry & ENTRY_VECTOR) == vector) {
			ioapic->redirection[pin] &= ~ENTRY_REMOTE_IRR;
			service(ioapic, pin);
		}
	}
}

void ioapic_retry(struct ioapic *ioapic)
{
	for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
		service(ioapic, pin);
	}
}

static uint64_t read_entry(const struct ioapic *ioapic, unsigned pin)
{
	bool is_pending = is_requesting(ioapic, pin) && !is_masked(ioapic, pin);

	return ioapic->redirection[pin] | (is_pending ? ENTRY_DELIVERY_STATUS : 0);
}

static uint32_t read_register(const struct ioapic *ioapic)
{
	unsigned index = ioapic->select;
	unsigned shift = (index & 1) * DWORD_BITS;

	if (index >= INDEX_REDIRECTION && index < INDEX_END) {
		return (uint32_t)(read_entry(ioapic, (index - INDEX_REDIRECTION) / 2) >> shift);
	}
	switch (index) {
	case INDEX_ID:
		return (uint32_t)ioapic->id << ID_LOW;
	case INDEX_VERSION:
		return VERSION_82093AA | ((IOAPIC_PIN_COUNT - 1u) << VERSION_ENTRIES_SHIFT);
	case INDEX_ARBITRATION:
		return (uint32_t)ioapic->arbitration_id << ID_LOW;
	default:
		return 0;
	}
}

uint32_t ioapic_read(const struct ioapic *ioapic, unsigned offset)
{
	switch (offset) {
	case OFFSET_IOREGSEL:
		return ioapic->select;
	case OFFSET_IOWIN:
		return read_register(ioapic);
	default:
		return 0;
	}
}

/*
 * Remote IRR is read-only and means nothing for an edge: a pin made edge-triggered loses it, which
 * is how system software without an EOI register ends a level-triggered interrupt by hand. A pin
 * made level-triggered loses a waiting edge.
 */
static void write_entry(struct ioapic *ioapic, unsigned pin, uint64_t value)
{
	uint64_t kept = ioapic->redirection[pin] & ENTRY_REMOTE_IRR;
	uint64_t entry = value & ENTRY_WRITABLE;

	if (is_level_triggered(entry)) {
		ioapic->edges &= (uint32_t)~BIT(pin);
		entry |= kept;
	}
	ioapic->redirection[pin] = entry;
	service(ioapic, pin);
}

/* "IOAPIC Arbitration Register": writing the ID loads it too. */
static void write_register(struct ioapic *ioapic, uint32_t value)
{
	unsigned index = ioapic->select;
	unsigned low = (index & 1) * DWORD_BITS;
	unsigned pin = (index - INDEX_REDIRECTION) / 2;

	if (index == INDEX_ID) {
		ioapic->id = (uint8_t)bits_get(value, ID_HIGH, ID_LOW);
		ioapic->arbitration_id = ioapic->id;
	}
	if (index >= INDEX_REDIRECTION && index < INDEX_END) {
		write_entry(ioapic, pin,
			bits_put(ioapic->redirection[pin], low + DWORD_BITS - 1, low, value));
	}
}

void ioapic_write(struct ioapic *ioapic, unsigned offset, uint32_t value)
{
	if (offset == OFFSET_IOREGSEL) {
		ioapic->select = (uint8_t)value;
	} else if (offset == OFFSET_IOWIN) {
		write_register(ioapic, value);
	}
}
