/* SPDX-License-Identifier: MIT */
#include "devices/virtual_apic.h"

#include "devices/virtual_apic_internal.h"
#include "lib/string.h"

/* IA32_APIC_BASE.EN and EXTD as a number: SDM Vol. 3A "Detecting and Enabling x2APIC Mode". */
enum apic_state {
	APIC_DISABLED = 0,
	APIC_INVALID = 1,
	APIC_XAPIC = 2,
	APIC_X2APIC = 3,
};

enum { STATE_HIGH = 11, STATE_LOW = 10 };

/* Figure "Local x2APIC State Transitions with IA32_APIC_BASE, INIT, and Reset". */
static const uint8_t next_states[] = {
	[APIC_DISABLED] = BIT(APIC_DISABLED) | BIT(APIC_XAPIC),
	[APIC_INVALID] = 0,
	[APIC_XAPIC] = BIT(APIC_DISABLED) | BIT(APIC_XAPIC) | BIT(APIC_X2APIC),
	[APIC_X2APIC] = BIT(APIC_DISABLED) | BIT(APIC_X2APIC),
};

enum {
	ADDRESS_BITS_MIN = 32,
	ADDRESS_BITS_MAX = 52,
	/* "Logical Destination Mode in x2APIC Mode": 16 APICs to a cluster. */
	CLUSTER_SHIFT = 4,
	CLUSTER_MASK = 0xf,
	CLUSTER_ID_SHIFT = 16,
};

/* MultiProcessor Specification 1.4, "Programming the APIC for Virtual Wire Mode". */
enum { VIRTUAL_WIRE_SPURIOUS = 0xf };

static enum apic_state state_of(uint64_t base)
{
	return (enum apic_state)bits_get(base, STATE_HIGH, STATE_LOW);
}

/* The registers that look otherwise in x2APIC mode. */
void virtual_apic_store_ids(struct virtual_apic *apic)
{
	const uint32_t id = apic->config.id;

	if (virtual_apic_is_x2apic(apic)) {
		virtual_apic_put(apic, VIRTUAL_APIC_ID, id);
		virtual_apic_put(apic, VIRTUAL_APIC_LDR,
			id >> CLUSTER_SHIFT << CLUSTER_ID_SHIFT | 1u << (id & CLUSTER_MASK));
	} else {
		virtual_apic_put(apic, VIRTUAL_APIC_ID, id << VIRTUAL_APIC_ID_SHIFT);
	}
}

/* SDM Vol. 3A "Local APIC State After Power-Up or Reset". */
static void reset_registers(struct virtual_apic *apic)
{
	uint32_t version = VIRTUAL_APIC_VERSION_NUMBER | VIRTUAL_APIC_VERSION_MAX_LVT;

	if (apic->config.has_eoi_suppression) {
		version |= VIRTUAL_APIC_VERSION_SUPPRESSION;
	}
	memset(apic->page, 0, PAGE_SIZE_4K);
	virtual_apic_put(apic, VIRTUAL_APIC_VERSION, version);
	virtual_apic_put(apic, VIRTUAL_APIC_DFR, VIRTUAL_APIC_DFR_FLAT);
	virtual_apic_put(apic, VIRTUAL_APIC_SVR, VIRTUAL_APIC_SVR_RESET);
	virtual_apic_mask_all(apic);
	virtual_apic_store_ids(apic);
	apic->irr_highest = 0;
	apic->isr_highest = 0;
	apic->isr_count = 0;
	apic->errors = 0;
	apic->is_software_enabled = false;
	apic->is_extint_latched = false;
	apic->remote_irr_vector = 0;
	virtual_apic_timer_reset(apic);
}

enum status virtual_apic_create(struct virtual_apic *apic, struct virtual_apic_config config,
	struct virtual_apic_rate timer_rate)
{
	if (!is_aligned(hpa_of(apic->page).value, PAGE_SIZE_4K)) {
		return STATUS_ALIGNMENT;
	}
	if (config.physical_address_bits < ADDRESS_BITS_MIN ||
		config.physical_address_bits > ADDRESS_BITS_MAX ||
		timer_rate.numerator - 1 >= VIRTUAL_APIC_TIMER_RATE_MAX ||
		timer_rate.denominator - 1 >= VIRTUAL_APIC_TIMER_RATE_MAX) {
		return STATUS_RANGE;
	}
	apic->config = config;
	apic->timer.rate = timer_rate;
	for (unsigned pin = 0; pin < VIRTUAL_APIC_LINT_COUNT; pin++) {
		apic->is_line_high[pin] = false;
	}
	virtual_apic_reset(apic);
	return STATUS_OK;
}

void virtual_apic_reset(struct virtual_apic *apic)
{
	apic->base = VIRTUAL_APIC_BASE_DEFAULT | VIRTUAL_APIC_BASE_EN;
	if (apic->config.is_bootstrap) {
		apic->base |= VIRTUAL_APIC_BASE_BSP;
	}
	reset_registers(apic);
}

void virtual_apic_init_signal(struct virtual_apic *apic)
{
	reset_registers(apic);
}

void virtual_apic_set_virtual_wire(struct virtual_apic *apic)
{
	apic->is_software_enabled = true;
	virtual_apic_put(apic, VIRTUAL_APIC_SVR, VIRTUAL_APIC_SVR_ENABLE | VIRTUAL_WIRE_SPURIOUS);
	virtual_apic_write_lvt(
		apic, VIRTUAL_APIC_LVT_LINT1, VIRTUAL_APIC_NMI << VIRTUAL_APIC_MODE_LOW);
	virtual_apic_write_lvt(
		apic, VIRTUAL_APIC_LVT_LINT0, VIRTUAL_APIC_EXTINT << VIRTUAL_APIC_MODE_LOW);
}

/* "State Changes From xAPIC Mode to x2APIC Mode": the rest is preserved. */
static void enter_x2apic(struct virtual_apic *apic)
{
	virtual_apic_store_ids(apic);
	virtual_apic_put(apic, VIRTUAL_APIC_ICR_HIGH, 0);
	virtual_apic_put(apic, VIRTUAL_APIC_ICR_HIGH_X2APIC, 0);
}

static uint64_t base_allowed_bits(const struct virtual_apic *apic)
{
	const unsigned high = apic->config.physical_address_bits - 1u;
	const uint64_t always = VIRTUAL_APIC_BASE_BSP | VIRTUAL_APIC_BASE_EN |
				BITS_MASK(high, VIRTUAL_APIC_BASE_LOW);

	return apic->config.has_x2apic ? always | VIRTUAL_APIC_BASE_EXTD : always;
}

bool virtual_apic_write_base(struct virtual_apic *apic, uint64_t value)
{
	const enum apic_state old_state = state_of(apic->base);
	const enum apic_state state = state_of(value);

	if ((value & ~base_allowed_bits(apic)) != 0 || (next_states[old_state] & BIT(state)) == 0) {
		return false;
	}
	apic->base = value;
	if (state == old_state) {
		return true;
	}
	if (state == APIC_X2APIC) {
		enter_x2apic(apic);
	} else {
		reset_registers(apic);
	}
	return true;
}
