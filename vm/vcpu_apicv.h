/* SPDX-License-Identifier: MIT */
#ifndef VM_VCPU_APICV_H
#define VM_VCPU_APICV_H

#include "vm/vcpu.h"

/*
 * What the CPU does of a vCPU's local APIC by itself. The model of devices/virtual_apic.h keeps its
 * registers in the virtual-APIC page, so both work on the same bits; this file moves between them
 * what either holds outside of the page, and sets the controls that follow from the APIC's mode.
 * Source: SDM Vol. 3C "APIC Virtualization and Virtual Interrupts".
 */

/*
 * Chooses the level by vcpu->apic_choice and sets the controls. Context: vcpu_init(), behind the
 * control fields, the MSR bitmap and virtual_apic_create().
 */
void vcpu_apicv_init(struct vcpu *vcpu);

/* IA32_APIC_BASE was written: controls, MSR bitmap and EPT follow. Context: the VMCS is current. */
void vcpu_apicv_mode_changed(struct vcpu *vcpu);

/*
 * Takes over what the CPU changed in the page while the guest ran. Context: the VMCS is current,
 * before the model is asked for what pends or is in service.
 */
void vcpu_apicv_collect(struct vcpu *vcpu);

/* Gives the CPU what the model has come to. Context: as vcpu_apicv_collect(), before a VM entry. */
void vcpu_apicv_flush(struct vcpu *vcpu);

/* True if the CPU delivers the APIC's interrupts by itself. */
static inline bool vcpu_apicv_delivers(const struct vcpu *vcpu)
{
	return vcpu->apicv.level >= APIC_LEVEL_DELIVERY;
}

/* True if the CPU takes in by itself what is posted to the guest that it runs. Context: any CPU. */
static inline bool vcpu_apicv_takes_posted(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->apicv.level, __ATOMIC_RELAXED) == APIC_LEVEL_POSTING;
}

#endif
