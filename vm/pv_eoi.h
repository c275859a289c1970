/* SPDX-License-Identifier: MIT */
#ifndef VM_PV_EOI_H
#define VM_PV_EOI_H

#include "lib/bits.h"
#include "vm/vcpu.h"

/* The word's bit. */
#define PV_EOI_CAN_END BIT(0)

/*
 * KVM's end of interrupt without a VM exit: while one edge-triggered interrupt is in service and
 * nothing waits behind it, bit 0 of a word of guest memory is set. A guest that finds and clears it
 * has ended the interrupt. Source: Linux Documentation/virt/kvm/x86/msr.rst, "MSR_KVM_EOI_EN".
 */

/*
 * The guest wrote the MSR; an offer is taken back first. value has been checked: if it is enabled,
 * its word lies in writable RAM, which stays where it is while the guest runs.
 */
void pv_eoi_set(struct vcpu *vcpu, uint64_t value);

/* True if the guest has ended the interrupt in memory, and the APIC was not told yet. */
static inline bool pv_eoi_is_ended(const struct vcpu *vcpu)
{
	return vcpu->is_pv_eoi_offered &&
	       (__atomic_load_n(vcpu->kvm.pv_eoi_word, __ATOMIC_RELAXED) & PV_EOI_CAN_END) == 0;
}

/* For the same interrupt again, where it was ended so: what allowed the offer still holds. */
static inline void pv_eoi_renew(struct vcpu *vcpu)
{
	__atomic_store_n(vcpu->kvm.pv_eoi_word, PV_EOI_CAN_END, __ATOMIC_RELAXED);
}

/* Lets the guest end so the interrupt that was just acknowledged, where the rules allow it. */
void pv_eoi_offer(struct vcpu *vcpu);

/* Ends the interrupt if the guest did so in memory. Context: before the APIC's ISR is looked at. */
void pv_eoi_collect(struct vcpu *vcpu);

/* Takes an offer back. */
void pv_eoi_cancel(struct vcpu *vcpu);

/* Takes the offer back if something waits for the interrupt's end: the guest must exit then. */
void pv_eoi_take_back_if_needed(struct vcpu *vcpu);

#endif
