/* SPDX-License-Identifier: MIT */
#include "vm/vcpu_posted.h"

#include "lib/bits.h"
#include "vmx/operation.h"

enum { VECTORS_PER_WORD = 64 };

static void accept_level(struct vcpu *vcpu, uint64_t vectors, unsigned first)
{
	while (vectors != 0) {
		const unsigned bit = (unsigned)__builtin_ctzll(vectors);

		vectors &= vectors - 1;
		(void)virtual_apic_accept(&vcpu->apic, (uint8_t)(first + bit), true);
	}
}

static void take_requests(struct vcpu *vcpu, uint32_t requests)
{
	if ((requests & POSTED_REQUEST_NMI) != 0) {
		vcpu->is_nmi_pending = true;
	}
	if ((requests & POSTED_REQUEST_KICK) != 0) {
		vcpu->is_kicked = true;
	}
	if ((requests & POSTED_REQUEST_LINT0) != 0) {
		virtual_apic_set_lint(&vcpu->apic, VIRTUAL_APIC_LINT0,
			__atomic_load_n(&vcpu->vm->platform.is_int_high, __ATOMIC_ACQUIRE));
	}
	if ((requests & POSTED_REQUEST_EXTINT) != 0) {
		vcpu->apic.is_extint_latched = true;
	}
	if ((requests & POSTED_REQUEST_FLUSH_EPT) != 0) {
		vmx_invalidate_ept(vcpu->capability, ept_pointer(&vcpu->vm->ept));
		__atomic_store_n(&vcpu->is_ept_stale, false, __ATOMIC_RELEASE);
	}
	if ((requests & POSTED_REQUEST_INPUT) != 0) {
		vm_input_arrived(vcpu->vm);
	}
	if ((requests & POSTED_REQUEST_INIT) != 0) {
		vcpu->deferred_requests &= ~(uint32_t)POSTED_REQUEST_STARTUP;
	}
	vcpu->deferred_requests |= requests & VCPU_DEFERRED_REQUESTS;
	if ((requests & POSTED_REQUEST_STARTUP) != 0) {
		vcpu->startup_vector = posted_request_startup_vector(requests);
	}
}

void vcpu_accept_posted(struct vcpu *vcpu, const struct posted_taken *taken)
{
	virtual_apic_accept_posted(&vcpu->apic, taken->edge);
	if (taken->requests == 0) {
		return;
	}
	for (unsigned i = 0;
		i < POSTED_VECTOR_WORDS && (taken->requests & POSTED_REQUEST_LEVEL) != 0; i++) {
		accept_level(vcpu, taken->level[i], i * VECTORS_PER_WORD);
	}
	take_requests(vcpu, taken->requests);
}

void vcpu_take_posted(struct vcpu *vcpu)
{
	struct posted_taken taken;

	posted_interrupts_take(&vcpu->posted, &taken);
	vcpu_accept_posted(vcpu, &taken);
}
