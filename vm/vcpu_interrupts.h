/* SPDX-License-Identifier: MIT */
#ifndef VM_VCPU_INTERRUPTS_H
#define VM_VCPU_INTERRUPTS_H

#include "cpu/msr.h"
#include "lib/types.h"
#include "vm/vcpu.h"
#include "vm/vcpu_posted.h"

/*
 * A vCPU's local APIC and what comes of it: interrupts and NMIs are injected here, and the
 * timer that takes the CPU back is set for the guest's next event. Whoever changes something that
 * decides on an interrupt calls vcpu_interrupts_update(); VM exits that change nothing of it,
 * hypercalls above all, call nothing.
 */

/* Puts the APIC into the state that firmware leaves. Context: vcpu_create(). */
void vcpu_interrupts_init(struct vcpu *vcpu);

/* Returns the guest's TSC now. Context: any. */
uint64_t vcpu_interrupts_now(const struct vcpu *vcpu);

/*
 * Brings the APIC up to date (its timer, the guest's PV EOI), and sees to it that the highest
 * interrupt or NMI that pends reaches the guest: injects it at the next VM entry if the guest can
 * take it there, else asks for a VM exit when it can. Context: the VMCS is current; the handler of
 * a VM exit, after all that may inject an exception.
 */
void vcpu_interrupts_update(struct vcpu *vcpu);

/*
 * The same at the VM exit that was asked for. The CPU makes it before an instruction and after any
 * trap of the one before it: a guest that is single-stepped takes its interrupt there, or it would
 * never reach that instruction. Context: the handler of an interrupt-window or NMI-window exit.
 * Source: SDM Vol. 3C "Other Causes of VM Exits".
 */
void vcpu_interrupts_window_opens(struct vcpu *vcpu);

/* The same where the VMX-preemption timer has expired: a straight way for the APIC's timer.
 * Context: the handler of that exit, before anything is injected. */
void vcpu_interrupts_timer_due(struct vcpu *vcpu);

/* The same where another CPU has made this one look: a straight way for one vector. Context: the
 * handler of an external interrupt's exit, before anything is injected. */
void vcpu_interrupts_posted_due(struct vcpu *vcpu);

/* The same where something is posted: what a device's line did is. */
static inline void vcpu_interrupts_update_if_due(struct vcpu *vcpu)
{
	if (vcpu_has_posted(vcpu)) {
		vcpu_interrupts_update(vcpu);
	}
}

/* Without a look at what the guest can take now: true if something pends that would end a HLT. */
bool vcpu_interrupts_pend(struct vcpu *vcpu);

/* True if something could still end a HLT some time. */
bool vcpu_interrupts_may_come(const struct vcpu *vcpu);

/*
 * Accesses to registers. mmio: a 32-bit access at a guest-physical address of the local or the I/O
 * APIC's, as owns() says. The MSR functions answer 800H to 8FFH, IA32_APIC_BASE and
 * IA32_TSC_DEADLINE: false means #GP. Context: as vcpu_interrupts_update(), which writes imply.
 */
bool vcpu_interrupts_mmio_owns(const struct vcpu *vcpu, gpa_t address);
uint32_t vcpu_interrupts_mmio_read(struct vcpu *vcpu, gpa_t address);
void vcpu_interrupts_mmio_write(struct vcpu *vcpu, gpa_t address, uint32_t value);
static inline bool vcpu_interrupts_owns_msr(uint32_t msr)
{
	return (msr >= VIRTUAL_APIC_MSR_FIRST && msr <= VIRTUAL_APIC_MSR_LAST) ||
	       msr == MSR_IA32_APIC_BASE || msr == MSR_IA32_TSC_DEADLINE;
}
bool vcpu_interrupts_msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool vcpu_interrupts_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/*
 * The straight way of a guest's WRMSR to IA32_TSC_DEADLINE, where nothing but the timer changes by
 * it. Returns false if more does, or it is #GP: then nothing was done, and
 * vcpu_interrupts_msr_write() is for it. Context: the handler of a VM exit.
 */
bool vcpu_interrupts_rearm(struct vcpu *vcpu, uint64_t deadline);

/* MOV to CR8: the TPR. value is 0 to 15. */
void vcpu_interrupts_set_cr8(struct vcpu *vcpu, uint8_t value);

/*
 * For the trap-like VM exits of APIC virtualisation: the CPU has put the guest's value at an offset
 * of the page, or has ended a level-triggered vector. Context: as vcpu_interrupts_update().
 */
void vcpu_interrupts_page_written(struct vcpu *vcpu, uint16_t offset);
void vcpu_interrupts_eoi_induced(struct vcpu *vcpu, uint8_t vector);

/* The guest writes its TSC: the APIC's timer goes on. */
void vcpu_interrupts_set_tsc(struct vcpu *vcpu, uint64_t value);

/*
 * Delivers a message to the VM's vCPUs that it is for: at once to the `sender`, which is the vCPU
 * whose exit this is; to the others by posting. Without a sender (NULL: of an I/O APIC) to all by
 * posting. A lowest-priority message goes to the best of them. Returns how many took it. Source:
 * SDM Vol. 3A "Determining IPI Destination". Context: any CPU; the sender's own.
 */
unsigned vcpu_interrupts_send(
	struct vm *vm, const struct virtual_apic_message *message, struct vcpu *sender);

/* The same for an edge-triggered vector to one vCPU. */
bool vcpu_interrupts_deliver_vector(struct vcpu *vcpu, uint8_t vector, struct vcpu *sender);

/* The same for one vCPU, whatever the message's destination. Returns true if it took it. */
bool vcpu_interrupts_deliver(
	struct vcpu *vcpu, const struct virtual_apic_message *message, struct vcpu *sender);

#endif
