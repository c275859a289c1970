/* SPDX-License-Identifier: MIT */
#include "vm/pv_eoi.h"

#include "vm/vcpu_apicv.h"

/* MSR_KVM_PV_EOI_EN. */
#define PV_EOI_ENABLED BIT(0)

void pv_eoi_set(struct vcpu *vcpu, uint64_t value)
{
	void *word = NULL;

	pv_eoi_cancel(vcpu);
	vcpu->kvm.pv_eoi = value;
	if ((value & PV_EOI_ENABLED) != 0) {
		(void)guest_memory_writable_span(
			&vcpu->vm->memory, gpa(value & ~PV_EOI_ENABLED), sizeof(uint8_t), &word);
	}
	vcpu->kvm.pv_eoi_word = word;
}

void pv_eoi_offer(struct vcpu *vcpu)
{
	/* Where the CPU delivers, an EOI does not exit in any case. */
	if (vcpu->kvm.pv_eoi_word != NULL && !vcpu_apicv_delivers(vcpu) &&
		virtual_apic_can_pv_eoi(&vcpu->apic)) {
		pv_eoi_renew(vcpu);
		vcpu->is_pv_eoi_offered = true;
	}
}

void pv_eoi_collect(struct vcpu *vcpu)
{
	if (pv_eoi_is_ended(vcpu)) {
		vcpu->is_pv_eoi_offered = false;
		(void)virtual_apic_eoi(&vcpu->apic);
	}
}

void pv_eoi_cancel(struct vcpu *vcpu)
{
	pv_eoi_collect(vcpu);
	if (vcpu->is_pv_eoi_offered) {
		vcpu->is_pv_eoi_offered = false;
		__atomic_store_n(vcpu->kvm.pv_eoi_word, 0, __ATOMIC_RELAXED);
	}
}

void pv_eoi_take_back_if_needed(struct vcpu *vcpu)
{
	if (vcpu->is_pv_eoi_offered && !virtual_apic_can_pv_eoi(&vcpu->apic)) {
		pv_eoi_cancel(vcpu);
	}
}
