/* SPDX-License-Identifier: MIT */
/* Messages between the local APICs of a VM. */
#include "vm/vcpu_interrupts.h"

/* A vector that the APIC would refuse is refused here: the one that posts wants to know. */
static bool post_vector(struct vcpu *vcpu, uint8_t vector, bool is_level)
{
	if (!vcpu->apic.is_software_enabled || vector < VIRTUAL_APIC_VECTOR_MIN) {
		return false;
	}
	vcpu_post_interrupt(vcpu, vector, is_level);
	return true;
}

bool vcpu_interrupts_deliver_vector(struct vcpu *vcpu, uint8_t vector, struct vcpu *sender)
{
	return vcpu == sender
		       ? virtual_apic_accept(&vcpu->apic, vector, false) != VIRTUAL_APIC_REFUSED
		       : virtual_apic_is_enabled(&vcpu->apic) && post_vector(vcpu, vector, false);
}

/* As virtual_apic_deliver(), for the APIC of a vCPU that may run elsewhere. */
static bool post(struct vcpu *vcpu, const struct virtual_apic_message *message)
{
	if (!virtual_apic_is_enabled(&vcpu->apic)) {
		return false;
	}
	switch (message->mode) {
	case VIRTUAL_APIC_FIXED:
	case VIRTUAL_APIC_LOWEST_PRIORITY:
		return post_vector(vcpu, message->vector, message->is_level);
	case VIRTUAL_APIC_NMI:
		vcpu_request(vcpu, POSTED_REQUEST_NMI);
		return true;
	case VIRTUAL_APIC_INIT:
		/* No processor since the Pentium 4 knows the de-assertion. */
		if (message->is_level && !message->is_assert) {
			return false;
		}
		vcpu_request_init(vcpu);
		return true;
	case VIRTUAL_APIC_STARTUP:
		vcpu_request_startup(vcpu, message->vector);
		return true;
	case VIRTUAL_APIC_EXTINT:
		vcpu_request(vcpu, POSTED_REQUEST_EXTINT);
		return true;
	case VIRTUAL_APIC_SMI:
		return true;
	case VIRTUAL_APIC_RESERVED_MODE:
		break;
	}
	return false;
}

bool vcpu_interrupts_deliver(
	struct vcpu *vcpu, const struct virtual_apic_message *message, struct vcpu *sender)
{
	return vcpu == sender ? virtual_apic_deliver(&vcpu->apic, message) != VIRTUAL_APIC_REFUSED
			      : post(vcpu, message);
}

static struct vcpu *best_target(struct vm *vm, const struct virtual_apic_message *message,
	const struct virtual_apic *sender)
{
	struct vcpu *best = NULL;

	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = vm->vcpus[i];

		if (virtual_apic_matches(&vcpu->apic, message, sender) &&
			virtual_apic_is_better_target(
				&vcpu->apic, best != NULL ? &best->apic : NULL)) {
			best = vcpu;
		}
	}
	return best;
}

unsigned vcpu_interrupts_send(
	struct vm *vm, const struct virtual_apic_message *message, struct vcpu *sender)
{
	const struct virtual_apic *sending = sender != NULL ? &sender->apic : NULL;
	unsigned count = 0;

	if (message->mode == VIRTUAL_APIC_LOWEST_PRIORITY) {
		struct vcpu *best = best_target(vm, message, sending);

		return best != NULL && vcpu_interrupts_deliver(best, message, sender) ? 1 : 0;
	}
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = vm->vcpus[i];

		if (virtual_apic_matches(&vcpu->apic, message, sending) &&
			vcpu_interrupts_deliver(vcpu, message, sender)) {
			count++;
		}
	}
	return count;
}
