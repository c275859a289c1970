/* SPDX-License-Identifier: MIT */
#ifndef VM_VCPU_TIMER_H
#define VM_VCPU_TIMER_H

#include "vm/vcpu.h"

/*
 * What takes the CPU back from a guest at a time: for its APIC's timer, its devices, at the end of
 * its slice or to look after the host (vcpu->timer.host_tsc, the scheduler's). The
 * VMX-preemption timer costs one VM exit and nothing of the host's; without it, or by the option
 * timer=host, the host's local APIC interrupts. A CPU that sleeps always waits by the latter.
 *
 * The preemption timer stands still while the hypervisor runs, as it is saved at VM exits: each
 * exit makes it late by what it took. From vcpu->timer.refresh_tsc on, an eighth of the way, an
 * exit sets it anew, so that exits cost nothing of it until then. Source: SDM Vol. 3C
 * "VMX-Preemption Timer".
 */

/*
 * Chooses by the CPU and vcpu->timer_choice and sets the controls; nothing is due. Context:
 * vcpu_init(), behind the control fields; host_timer_start() was called.
 */
void vcpu_timer_init(struct vcpu *vcpu);

/* Loads the preemption timer anew. Context: it is the one that is used; the VMCS is current. */
void vcpu_timer_refresh(struct vcpu *vcpu);

/* For vcpu_timer_set(). */
void vcpu_timer_change(struct vcpu *vcpu, uint64_t tsc);

/*
 * Says when the guest's next event is due: a VM exit comes at that value of the host's TSC or soon
 * behind it, HOST_TIMER_NEVER for none. Context: the VMCS is current.
 */
static inline void vcpu_timer_set(struct vcpu *vcpu, uint64_t tsc)
{
	if (tsc != vcpu->timer.event_tsc) {
		vcpu_timer_change(vcpu, tsc);
	}
}

/* For the end of an exit: true if vcpu_timer_refresh() is to be called. now is the host's TSC. */
static inline bool vcpu_timer_is_late(const struct vcpu *vcpu, uint64_t now)
{
	return __builtin_expect(now >= vcpu->timer.refresh_tsc, 0);
}

/* Sets the timer that is used anew: the CPU was another vCPU's meanwhile. Context: as
 * vcpu_timer_set(). */
void vcpu_timer_load(struct vcpu *vcpu);

#endif
