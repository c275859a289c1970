/* SPDX-License-Identifier: MIT */
#include "tests/host/virtual_apic_fixture.h"

#include <stdalign.h>
#include <string.h>

static alignas(4096) uint32_t page[1024];

struct virtual_apic apic;
struct apic_record record;

const struct virtual_apic_config apic_config = {
	.id = APIC_OWN_ID,
	.physical_address_bits = 40,
	.is_bootstrap = true,
	.has_x2apic = true,
	.has_tsc_deadline = true,
	.has_eoi_suppression = true,
};

static void take_ipi(void *context, const struct virtual_apic_message *message)
{
	struct apic_record *to = context;

	to->ipi = *message;
	to->ipi_count++;
}

static void take_event(void *context, enum virtual_apic_mode mode, uint8_t vector)
{
	struct apic_record *to = context;

	to->event_mode = mode;
	to->event_vector = vector;
	to->event_count++;
}

static void take_eoi(void *context, uint8_t vector)
{
	struct apic_record *to = context;

	to->eoi_vector = vector;
	to->eoi_count++;
}

static void create_reset(struct virtual_apic_config config, struct virtual_apic_rate rate)
{
	/* What was in memory before must not matter. */
	memset(page, 0xa5, sizeof(page));
	memset(&apic, 0xa5, sizeof(apic));
	record = (struct apic_record){0};
	apic.page = page;
	apic.send_ipi = take_ipi;
	apic.deliver_event = take_event;
	apic.broadcast_eoi = take_eoi;
	apic.context = &record;
	assert_int_equal(virtual_apic_create(&apic, config, rate), STATUS_OK);
}

void apic_create(struct virtual_apic_config config, struct virtual_apic_rate rate)
{
	create_reset(config, rate);
	apic_write(VIRTUAL_APIC_SVR, APIC_ENABLED_SVR);
}

int apic_start_reset(void **state)
{
	(void)state;
	create_reset(apic_config, (struct virtual_apic_rate){1, 1});
	return 0;
}

int apic_start(void **state)
{
	(void)state;
	apic_create(apic_config, (struct virtual_apic_rate){1, 1});
	return 0;
}

int apic_start_x2apic(void **state)
{
	apic_start(state);
	assert_true(virtual_apic_write_base(&apic, apic.base | VIRTUAL_APIC_BASE_EXTD));
	return 0;
}

uint32_t apic_read_at(uint32_t offset, uint64_t now)
{
	uint32_t value = 0xdead;

	assert_int_equal(virtual_apic_mmio_read(&apic, offset, now, &value), STATUS_OK);
	return value;
}

uint32_t apic_read(uint32_t offset)
{
	return apic_read_at(offset, 0);
}

void apic_write_at(uint32_t offset, uint32_t value, uint64_t now)
{
	assert_int_equal(virtual_apic_mmio_write(&apic, offset, value, now), STATUS_OK);
}

void apic_write(uint32_t offset, uint32_t value)
{
	apic_write_at(offset, value, 0);
}

uint64_t apic_msr(uint32_t msr)
{
	uint64_t value = 0xdead;

	assert_true(virtual_apic_msr_read(&apic, msr, 0, &value));
	return value;
}

bool apic_msr_can_read(uint32_t msr)
{
	uint64_t value = 0xdead;
	const bool can_read = virtual_apic_msr_read(&apic, msr, 0, &value);

	assert_true(can_read || value == 0);
	return can_read;
}

bool apic_msr_write(uint32_t msr, uint64_t value)
{
	return virtual_apic_msr_write(&apic, msr, value, 0);
}

bool apic_has(uint32_t offset, uint8_t vector)
{
	return (page[(offset + vector / 32 * 16) / 4] >> vector % 32 & 1) != 0;
}

void apic_accept(uint8_t vector)
{
	assert_int_equal(virtual_apic_accept(&apic, vector, false), VIRTUAL_APIC_ACCEPTED);
}

void apic_serve(uint8_t vector, bool is_level)
{
	assert_int_equal(virtual_apic_accept(&apic, vector, is_level), VIRTUAL_APIC_ACCEPTED);
	assert_int_equal(virtual_apic_acknowledge(&apic), vector);
}

uint32_t apic_errors(void)
{
	apic_write(VIRTUAL_APIC_ESR, 0);
	return apic_read(VIRTUAL_APIC_ESR);
}
