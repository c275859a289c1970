/* SPDX-License-Identifier: MIT */
#include "vm/pv_eoi.h"

#include "lib/bits.h"
#include "vm/vcpu_apicv.h"

/* MSR_KVM_PV_EOI_EN, and the word that it points to. */
#define PV_EOI_ENABLED BIT(0)
#define PV_EOI_CAN_END BIT(0)

static gpa_t word_address(const struct vcpu *vcpu)
{
	return gpa(vcpu->kvm.pv_eoi & ~PV_EOI_ENABLED);
}

static bool set_word(struct vcpu *vcpu, uint8_t word)
{
	return guest_memory_write(&vcpu->vm->memory, word_address(vcpu), &word, sizeof(word)) ==
	       STATUS_OK;
}

void pv_eoi_offer(struct vcpu *vcpu)
{
	/* Where the CPU delivers, an EOI does not exit in any case. */
	if (!vcpu_apicv_delivers(vcpu) && (vcpu->kvm.pv_eoi & PV_EOI_ENABLED) != 0 &&
		virtual_apic_can_pv_eoi(&vcpu->apic)) {
		vcpu->is_pv_eoi_offered = set_word(vcpu, PV_EOI_CAN_END);
	}
}

void pv_eoi_collect(struct vcpu *vcpu)
{
	uint8_t word;

	if (!vcpu->is_pv_eoi_offered) {
		return;
	}
	/* Memory that the guest took away ends nothing: it must use its APIC then. */
	if (guest_memory_read(&vcpu->vm->memory, word_address(vcpu), &word, sizeof(word)) !=
		STATUS_OK) {
		vcpu->is_pv_eoi_offered = false;
		return;
	}
	if ((word & PV_EOI_CAN_END) == 0) {
		vcpu->is_pv_eoi_offered = false;
		(void)virtual_apic_eoi(&vcpu->apic);
	}
}

void pv_eoi_cancel(struct vcpu *vcpu)
{
	pv_eoi_collect(vcpu);
	if (vcpu->is_pv_eoi_offered) {
		vcpu->is_pv_eoi_offered = false;
		(void)set_word(vcpu, 0);
	}
}

void pv_eoi_take_back_if_needed(struct vcpu *vcpu)
{
	if (vcpu->is_pv_eoi_offered && !virtual_apic_can_pv_eoi(&vcpu->apic)) {
		pv_eoi_cancel(vcpu);
	}
}
