/* SPDX-License-Identifier: MIT */
#include "vmx/apic_controls.h"

#include "vmx/control_bits.h"

#define CR8_EXITING (PRIMARY_CR8_LOAD_EXITING | PRIMARY_CR8_STORE_EXITING)
#define APIC_SECONDARY                                                                             \
	(SECONDARY_VIRTUALIZE_APIC_ACCESSES | SECONDARY_VIRTUALIZE_X2APIC_MODE |                   \
		SECONDARY_APIC_REGISTER_VIRTUALIZATION | SECONDARY_VIRTUAL_INTERRUPT_DELIVERY)

static bool can_set(struct control_capability capability, uint64_t bits)
{
	return (capability.allowed1 & bits) == bits;
}

static enum apic_level offered_level(const struct vmx_capability *capability)
{
	if (!can_set(capability->primary, PRIMARY_USE_TPR_SHADOW)) {
		return APIC_LEVEL_SOFTWARE;
	}
	if (!can_set(capability->secondary, SECONDARY_APIC_REGISTER_VIRTUALIZATION)) {
		return APIC_LEVEL_TPR_SHADOW;
	}
	if (!can_set(capability->secondary, SECONDARY_VIRTUAL_INTERRUPT_DELIVERY) ||
		!can_set(capability->pin, PIN_EXTERNAL_INTERRUPT_EXITING)) {
		return APIC_LEVEL_REGISTERS;
	}
	return can_set(capability->pin, PIN_PROCESS_POSTED_INTERRUPTS) ? APIC_LEVEL_POSTING
								       : APIC_LEVEL_DELIVERY;
}

enum apic_level apic_controls_level(
	const struct vmx_capability *capability, enum apic_choice choice)
{
	const enum apic_level level = offered_level(capability);

	if (choice == APIC_SOFTWARE) {
		return APIC_LEVEL_SOFTWARE;
	}
	return choice == APIC_AUTO && level == APIC_LEVEL_DELIVERY ? APIC_LEVEL_REGISTERS : level;
}

const char *apic_controls_level_name(enum apic_level level)
{
	static const char *const names[] = {
		[APIC_LEVEL_SOFTWARE] = "software",
		[APIC_LEVEL_TPR_SHADOW] = "TPR shadow",
		[APIC_LEVEL_REGISTERS] = "APIC-register virtualization",
		[APIC_LEVEL_DELIVERY] = "virtual-interrupt delivery",
		[APIC_LEVEL_POSTING] = "posted interrupts",
	};

	return level < ARRAY_COUNT(names) ? names[level] : "unknown";
}

/* What makes the accesses of this mode reach the virtual-APIC page, where the CPU has it. */
static uint64_t reach_control(enum apic_reach reach)
{
	switch (reach) {
	case APIC_REACH_PAGE:
		return SECONDARY_VIRTUALIZE_APIC_ACCESSES;
	case APIC_REACH_MSRS:
		return SECONDARY_VIRTUALIZE_X2APIC_MODE;
	default:
		return 0;
	}
}

void apic_controls_set(const struct vmx_capability *capability, enum apic_level level,
	enum apic_reach reach, struct control_set *controls)
{
	uint64_t pin = controls->pin & ~PIN_PROCESS_POSTED_INTERRUPTS;
	uint64_t primary = controls->primary & ~(CR8_EXITING | PRIMARY_USE_TPR_SHADOW);
	uint64_t secondary = controls->secondary & ~APIC_SECONDARY;

	if (level == APIC_LEVEL_SOFTWARE) {
		primary |= CR8_EXITING;
	} else {
		primary |= PRIMARY_USE_TPR_SHADOW;
		secondary |= reach_control(reach) & capability->secondary.allowed1;
	}
	if (level >= APIC_LEVEL_REGISTERS) {
		secondary |= SECONDARY_APIC_REGISTER_VIRTUALIZATION;
	}
	if (level >= APIC_LEVEL_DELIVERY) {
		secondary |= SECONDARY_VIRTUAL_INTERRUPT_DELIVERY;
	}
	if (level >= APIC_LEVEL_POSTING) {
		pin |= PIN_PROCESS_POSTED_INTERRUPTS;
	}
	controls->pin = (uint32_t)pin;
	controls->primary = (uint32_t)primary;
	controls->secondary = (uint32_t)secondary;
}
