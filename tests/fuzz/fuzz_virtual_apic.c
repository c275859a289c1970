/* SPDX-License-Identifier: MIT */
/* SOURCES: devices/virtual_apic.c devices/virtual_apic_access.c devices/virtual_apic_lvt.c
 * devices/virtual_apic_message.c devices/virtual_apic_priority.c devices/virtual_apic_timer.c */
#include "devices/virtual_apic.h"
#include "tests/fuzz/require.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A guest does anything with its APIC's registers and MSRs, and the owner delivers whatever comes
 * back to it, at any time of any clock. The hints must be exact after each step, no register may
 * show a reserved bit, no vector below 16 may pend, and the timer must not be due twice.
 */
enum { STEP_BYTES = 14, STEPS_MAX = 256 };

struct step {
	uint8_t operation;
	uint8_t small;
	uint32_t number;
	uint64_t value;
};

static alignas(4096) uint32_t page[1024];
static struct virtual_apic apic;
static uint64_t now;

static void take_ipi(void *context, const struct virtual_apic_message *message)
{
	require(context == &apic && message->is_assert && !message->is_level);
	require(message->shorthand != VIRTUAL_APIC_SELF);
	if (virtual_apic_matches(&apic, message, &apic)) {
		virtual_apic_deliver(&apic, message);
	}
}

static void take_event(void *context, enum virtual_apic_mode mode, uint8_t vector)
{
	require(context == &apic && (mode == VIRTUAL_APIC_STARTUP || vector == 0));
	require(mode != VIRTUAL_APIC_FIXED && mode != VIRTUAL_APIC_LOWEST_PRIORITY);
}

static void take_eoi(void *context, uint8_t vector)
{
	require(context == &apic && vector >= VIRTUAL_APIC_VECTOR_MIN);
}

static uint8_t highest(unsigned offset, unsigned *count)
{
	uint8_t found = 0;

	*count = 0;
	for (unsigned vector = 0; vector < VIRTUAL_APIC_VECTOR_COUNT; vector++) {
		if ((page[offset / 4 + vector / 32 * 4] >> vector % 32 & 1) != 0) {
			found = (uint8_t)vector;
			++*count;
		}
	}
	return found;
}

static void check(void)
{
	unsigned irr_count;
	unsigned isr_count;

	require(apic.irr_highest == highest(VIRTUAL_APIC_IRR, &irr_count));
	require(apic.isr_highest == highest(VIRTUAL_APIC_ISR, &isr_count));
	require(apic.isr_count == isr_count);
	require(((page[VIRTUAL_APIC_IRR / 4] | page[VIRTUAL_APIC_ISR / 4]) & 0xffff) == 0);
	require(page[VIRTUAL_APIC_PPR / 4] == virtual_apic_ppr(&apic));
	require(virtual_apic_tpr_threshold(&apic) <= virtual_apic_cr8(&apic));
	require(page[VIRTUAL_APIC_TPR / 4] <= 0xff && (page[VIRTUAL_APIC_SVR / 4] & ~0x13ffu) == 0);
	for (unsigned offset = VIRTUAL_APIC_LVT_TIMER; offset <= VIRTUAL_APIC_LVT_ERROR;
		offset += VIRTUAL_APIC_STRIDE) {
		require((page[offset / 4] & ~0x7e7ffu) == 0);
		require(apic.is_software_enabled || (page[offset / 4] & 0x10000) != 0);
	}
	require(virtual_apic_is_enabled(&apic) || irr_count + isr_count == 0);
}

/* Any offset, but mostly of a register. */
static uint32_t aim(const struct step *step)
{
	return (step->number & 7) == 0 ? step->number >> 3 : step->small % 0x40u * 0x10u;
}

static void guest_acts(const struct step *step)
{
	const uint32_t offset = aim(step);
	uint32_t read;
	uint64_t read_msr;

	switch (step->operation % 9) {
	case 0:
		virtual_apic_mmio_write(&apic, offset, (uint32_t)step->value, now);
		break;
	case 1:
		virtual_apic_mmio_read(&apic, offset, now, &read);
		break;
	case 2:
		if (virtual_apic_msr_write(&apic, 0x800 + offset / 16, step->value, now)) {
			require(virtual_apic_is_x2apic(&apic));
		}
		break;
	case 3:
		if (!virtual_apic_msr_read(&apic, 0x800 + offset / 16, now, &read_msr)) {
			require(read_msr == 0);
		}
		break;
	case 4:
		if (virtual_apic_write_base(&apic, 0xfee00000 | (step->number & 0xd00))) {
			require((apic.base & 0xc00) != 0x400);
		}
		break;
	case 5:
		virtual_apic_write_tsc_deadline(&apic, step->value, now);
		break;
	case 6:
		require(virtual_apic_read_tsc_deadline(&apic, now) == 0 || apic.timer.mode == 2);
		break;
	case 7:
		virtual_apic_set_cr8(&apic, step->small & 0xf);
		break;
	default:
		/* An APIC-write exit; other offsets do not lead to one, or are read-only. */
		if (offset >= VIRTUAL_APIC_ICR && offset < VIRTUAL_APIC_CURRENT_COUNT &&
			is_aligned(offset, VIRTUAL_APIC_STRIDE) && virtual_apic_is_xapic(&apic)) {
			page[offset / 4] = (uint32_t)step->value;
			virtual_apic_page_written(&apic, offset, now);
		}
		break;
	}
}

static void world_acts(const struct step *step)
{
	const struct virtual_apic_message message =
		virtual_apic_decode_icr(step->value, (step->small & 1) != 0);
	const uint64_t bitmap[4] = {step->value, 0, step->number, 0};

	switch (step->operation % 8) {
	case 0:
		if (virtual_apic_matches(&apic, &message, NULL)) {
			virtual_apic_deliver(&apic, &message);
		}
		break;
	case 1:
		virtual_apic_accept(&apic, step->small, (step->number & 1) != 0);
		break;
	case 2:
		require(virtual_apic_has_interrupt(&apic) ==
			(virtual_apic_acknowledge(&apic) != 0));
		break;
	case 3:
		virtual_apic_set_lint(&apic, step->small & 1, (step->number & 1) != 0);
		break;
	case 4:
		virtual_apic_accept_posted(&apic, bitmap);
		break;
	case 5:
		virtual_apic_raise_lvt(&apic, aim(step));
		break;
	case 6:
		virtual_apic_tsc_changed(&apic, now, step->value);
		now = step->value;
		break;
	default:
		now += step->value >> step->small % 64;
		virtual_apic_advance(&apic, now);
		require(apic.timer.deadline > now || now == UINT64_MAX);
		break;
	}
}

static void start(const struct step *step)
{
	const struct virtual_apic_config config = {
		.id = step->number,
		.physical_address_bits = 40,
		.is_bootstrap = true,
		.has_x2apic = (step->operation & 1) != 0,
		.has_tsc_deadline = (step->operation & 2) != 0,
		.has_eoi_suppression = (step->operation & 4) != 0,
	};
	struct virtual_apic_rate rate = {(uint32_t)step->value, (uint32_t)(step->value >> 32)};

	rate.numerator = 1 + rate.numerator % VIRTUAL_APIC_TIMER_RATE_MAX;
	rate.denominator = 1 + rate.denominator % VIRTUAL_APIC_TIMER_RATE_MAX;
	apic = (struct virtual_apic){.page = page,
		.send_ipi = take_ipi,
		.deliver_event = take_event,
		.broadcast_eoi = take_eoi,
		.context = &apic};
	now = 0;
	require(virtual_apic_create(&apic, config, rate) == STATUS_OK);
	require(virtual_apic_mmio_write(&apic, VIRTUAL_APIC_SVR, 0x1ff, 0) == STATUS_OK);
}

static struct step take_step(const uint8_t *data)
{
	struct step step = {.operation = data[0], .small = data[1]};

	memcpy(&step.number, data + 2, sizeof(step.number));
	memcpy(&step.value, data + 6, sizeof(step.value));
	return step;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t steps = size / STEP_BYTES;

	for (size_t i = 0; i < steps && i < STEPS_MAX; i++) {
		const struct step step = take_step(data + i * STEP_BYTES);

		if (i == 0) {
			start(&step);
		} else if ((step.operation & 0x80) != 0) {
			world_acts(&step);
		} else {
			guest_acts(&step);
		}
		if (i != 0) {
			check();
		}
	}
	return 0;
}
