/* SPDX-License-Identifier: MIT */
/* SDM Vol. 3A "Issuing Interprocessor Interrupts", "Determining IPI Destination". */
#include "devices/virtual_apic_internal.h"

/* Figure "Interrupt Command Register (ICR)"; wide: "Interrupt Command Register (ICR) in x2APIC
 * Mode". */
enum {
	ICR_VECTOR_HIGH = 7,
	ICR_DESTINATION_MODE = 11,
	ICR_LEVEL = 14,
	ICR_TRIGGER = 15,
	ICR_SHORTHAND_HIGH = 19,
	ICR_SHORTHAND_LOW = 18,
	ICR_WIDE_DESTINATION = 32,
	ICR_DESTINATION = 56,
	ICR_DESTINATION_HIGH = 63,
};

/* "Logical Destination Mode and Local APIC ID", "Logical Destination Mode in x2APIC Mode". */
enum {
	BROADCAST = 0xff,
	CLUSTER_HIGH = 7,
	CLUSTER_LOW = 4,
	CLUSTER_MEMBERS = 0xf,
	WIDE_CLUSTER_LOW = 16,
	WIDE_CLUSTER_HIGH = 31,
	WIDE_CLUSTER_MEMBERS = 0xffff,
};

#define WIDE_BROADCAST UINT32_MAX

struct virtual_apic_message virtual_apic_decode_icr(uint64_t icr, bool is_wide)
{
	const unsigned low = is_wide ? ICR_WIDE_DESTINATION : ICR_DESTINATION;

	return (struct virtual_apic_message){
		.mode = (enum virtual_apic_mode)bits_get(
			icr, VIRTUAL_APIC_MODE_HIGH, VIRTUAL_APIC_MODE_LOW),
		.shorthand = (enum virtual_apic_shorthand)bits_get(
			icr, ICR_SHORTHAND_HIGH, ICR_SHORTHAND_LOW),
		.destination = (uint32_t)bits_get(icr, ICR_DESTINATION_HIGH, low),
		.vector = (uint8_t)bits_get(icr, ICR_VECTOR_HIGH, 0),
		.is_logical = bits_get(icr, ICR_DESTINATION_MODE, ICR_DESTINATION_MODE) != 0,
		.is_wide = is_wide,
		.is_level = bits_get(icr, ICR_TRIGGER, ICR_TRIGGER) != 0,
		.is_assert = bits_get(icr, ICR_LEVEL, ICR_LEVEL) != 0,
	};
}

static bool is_vectored(const struct virtual_apic_message *message)
{
	return message->mode == VIRTUAL_APIC_FIXED || message->mode == VIRTUAL_APIC_LOWEST_PRIORITY;
}

/* No processor since the Pentium 4 knows it: it is sent and received as nothing. */
static bool is_init_deassert(const struct virtual_apic_message *message)
{
	return message->mode == VIRTUAL_APIC_INIT && message->is_level && !message->is_assert;
}

static bool matches_logical(const struct virtual_apic *apic, uint32_t destination)
{
	const uint32_t id = virtual_apic_get(apic, VIRTUAL_APIC_LDR) >> VIRTUAL_APIC_ID_SHIFT;

	switch (virtual_apic_get(apic, VIRTUAL_APIC_DFR)) {
	case VIRTUAL_APIC_DFR_FLAT:
		return (id & destination) != 0;
	case VIRTUAL_APIC_DFR_CLUSTER:
		return bits_get(id, CLUSTER_HIGH, CLUSTER_LOW) ==
			       bits_get(destination, CLUSTER_HIGH, CLUSTER_LOW) &&
		       (id & destination & CLUSTER_MEMBERS) != 0;
	default:
		return false;
	}
}

static bool matches_wide_logical(const struct virtual_apic *apic, uint32_t destination)
{
	const uint32_t id = virtual_apic_get(apic, VIRTUAL_APIC_LDR);

	return bits_get(id, WIDE_CLUSTER_HIGH, WIDE_CLUSTER_LOW) ==
		       bits_get(destination, WIDE_CLUSTER_HIGH, WIDE_CLUSTER_LOW) &&
	       (id & destination & WIDE_CLUSTER_MEMBERS) != 0;
}

/* A message of 8 bits meets APICs of 32, as from an I/O APIC, and the other way round. */
static bool matches_destination(
	const struct virtual_apic *apic, const struct virtual_apic_message *message)
{
	const uint32_t destination = message->destination;
	const bool is_x2apic = virtual_apic_is_x2apic(apic);
	const uint32_t own = is_x2apic ? apic->config.id : apic->config.id & BROADCAST;

	if (destination == (message->is_wide ? WIDE_BROADCAST : BROADCAST)) {
		return true;
	}
	if (!message->is_logical) {
		return destination == own;
	}
	if (is_x2apic) {
		return matches_wide_logical(apic, destination);
	}
	return destination <= BROADCAST && matches_logical(apic, destination);
}

bool virtual_apic_matches(const struct virtual_apic *apic,
	const struct virtual_apic_message *message, const struct virtual_apic *sender)
{
	if (!virtual_apic_is_enabled(apic)) {
		return false;
	}
	switch (message->shorthand) {
	case VIRTUAL_APIC_NO_SHORTHAND:
		return matches_destination(apic, message);
	case VIRTUAL_APIC_SELF:
		return apic == sender;
	case VIRTUAL_APIC_ALL:
		return true;
	case VIRTUAL_APIC_ALL_BUT_SELF:
		return apic != sender;
	default:
		return false;
	}
}

enum virtual_apic_delivery virtual_apic_deliver(
	struct virtual_apic *apic, const struct virtual_apic_message *message)
{
	const bool is_nothing =
		message->mode == VIRTUAL_APIC_RESERVED_MODE || is_init_deassert(message);
	const bool is_startup = message->mode == VIRTUAL_APIC_STARTUP;

	if (!virtual_apic_is_enabled(apic) || is_nothing) {
		return VIRTUAL_APIC_REFUSED;
	}
	if (is_vectored(message)) {
		return virtual_apic_accept(apic, message->vector, message->is_level);
	}
	if (message->mode == VIRTUAL_APIC_EXTINT) {
		apic->is_extint_latched = true;
	}
	apic->deliver_event(apic->context, message->mode, is_startup ? message->vector : 0);
	return VIRTUAL_APIC_ACCEPTED;
}

bool virtual_apic_is_better_target(const struct virtual_apic *apic, const struct virtual_apic *best)
{
	if (best == NULL) {
		return true;
	}
	if (apic->is_software_enabled != best->is_software_enabled) {
		return apic->is_software_enabled;
	}
	return virtual_apic_apr(apic) < virtual_apic_apr(best);
}

static void send(struct virtual_apic *apic, struct virtual_apic_message message)
{
	if (is_vectored(&message) && message.vector < VIRTUAL_APIC_VECTOR_MIN) {
		virtual_apic_log_error(apic, VIRTUAL_APIC_ERROR_SEND_VECTOR);
	} else if (message.shorthand == VIRTUAL_APIC_SELF) {
		virtual_apic_deliver(apic, &message);
	} else {
		apic->send_ipi(apic->context, &message);
	}
}

void virtual_apic_send_icr(struct virtual_apic *apic)
{
	const bool is_wide = virtual_apic_is_x2apic(apic);
	const unsigned high = is_wide ? VIRTUAL_APIC_ICR_HIGH_X2APIC : VIRTUAL_APIC_ICR_HIGH;
	const uint64_t icr = (uint64_t)virtual_apic_get(apic, high) << ICR_WIDE_DESTINATION |
			     virtual_apic_get(apic, VIRTUAL_APIC_ICR);
	struct virtual_apic_message message = virtual_apic_decode_icr(icr, is_wide);

	if (message.mode == VIRTUAL_APIC_RESERVED_MODE || message.mode == VIRTUAL_APIC_EXTINT ||
		is_init_deassert(&message)) {
		return;
	}
	/* Table "Valid Combinations for the Pentium 4 and Intel Xeon Processors' Local xAPIC
	 * Interrupt Command Register": all else goes out as edge, assert. */
	message.is_level = false;
	message.is_assert = true;
	send(apic, message);
}

void virtual_apic_send_self(struct virtual_apic *apic, uint8_t vector)
{
	const struct virtual_apic_message message = {
		.mode = VIRTUAL_APIC_FIXED,
		.shorthand = VIRTUAL_APIC_SELF,
		.vector = vector,
		.is_assert = true,
	};

	send(apic, message);
}
