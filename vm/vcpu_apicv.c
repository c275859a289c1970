/* SPDX-License-Identifier: MIT */
#include "vm/vcpu_apicv.h"

#include "vmx/vmcs.h"

/* SDM Vol. 3C "Guest Non-Register State": the guest interrupt status. */
enum { STATUS_SERVICING_LOW = 8 };

/*
 * Requesting and servicing vector are the highest of IRR and ISR: if they stand, so do these; but
 * below a vector in service others may have come and gone. What the model has accepted since the
 * last flush is in the page alone, and an INIT has emptied it: the page is what counts.
 */
void vcpu_apicv_collect(struct vcpu *vcpu)
{
	uint16_t status;
	uint8_t servicing;

	vcpu_check_current(vcpu);
	if (!vcpu_apicv_delivers(vcpu)) {
		return;
	}
	status = vmcs_read16(VMCS_GUEST_INTERRUPT_STATUS);
	servicing = (uint8_t)(status >> STATUS_SERVICING_LOW);
	if (status != vcpu->apicv.interrupt_status || servicing != 0) {
		vcpu->apicv.interrupt_status = status;
		virtual_apic_reload(&vcpu->apic);
	}
}

static void flush_interrupt_status(struct vcpu *vcpu)
{
	const struct virtual_apic *apic = &vcpu->apic;
	const uint16_t status =
		(uint16_t)(apic->isr_highest << STATUS_SERVICING_LOW | apic->irr_highest);

	if (status != vcpu->apicv.interrupt_status) {
		vcpu->apicv.interrupt_status = status;
		vmcs_write16(VMCS_GUEST_INTERRUPT_STATUS, status);
	}
}

/* The end of a level-triggered interrupt is for us to know: an I/O APIC waits for it. */
static void flush_eoi_exits(struct vcpu *vcpu)
{
	static const enum vmcs_field_64 fields[VCPU_APICV_EOI_WORDS] = {VMCS_EOI_EXIT_BITMAP_0,
		VMCS_EOI_EXIT_BITMAP_1, VMCS_EOI_EXIT_BITMAP_2, VMCS_EOI_EXIT_BITMAP_3};

	for (unsigned i = 0; i < VCPU_APICV_EOI_WORDS; i++) {
		const uint64_t vectors = virtual_apic_level_vectors(&vcpu->apic, i);

		if (vectors != vcpu->apicv.eoi_exits[i]) {
			vcpu->apicv.eoi_exits[i] = vectors;
			vmcs_write64(fields[i], vectors);
		}
	}
}

static void flush_tpr_threshold(struct vcpu *vcpu)
{
	const uint8_t threshold = virtual_apic_tpr_threshold(&vcpu->apic);

	if (threshold != vcpu->apicv.tpr_threshold) {
		vcpu->apicv.tpr_threshold = threshold;
		vmcs_write32(VMCS_TPR_THRESHOLD, threshold);
	}
}

void vcpu_apicv_flush(struct vcpu *vcpu)
{
	vcpu_check_current(vcpu);
	switch (vcpu->apicv.level) {
	case APIC_LEVEL_SOFTWARE:
		return;
	case APIC_LEVEL_TPR_SHADOW:
	case APIC_LEVEL_REGISTERS:
		flush_tpr_threshold(vcpu);
		return;
	case APIC_LEVEL_DELIVERY:
	case APIC_LEVEL_POSTING:
		flush_interrupt_status(vcpu);
		flush_eoi_exits(vcpu);
		return;
	}
}
