/* SPDX-License-Identifier: MIT */
#ifndef VM_VCPU_POSTED_H
#define VM_VCPU_POSTED_H

#include "vm/vcpu.h"

/*
 * What one CPU asks of a vCPU that another CPU runs: interrupts and requests are left in
 * vcpu->posted, and the vCPU is made to look. A vCPU that is in the guest is brought out of it by
 * an IPI to its CPU (an external interrupt that pends at a VM entry exits before the first
 * instruction, so nothing is lost between the last look and the entry); one that is blocked is
 * woken; one that waits for its CPU looks when it gets it. For itself a vCPU posts too: it looks
 * before it goes on, as its own CPU's IPI sees to.
 */

/* What cannot be done while an exit is handled: the instruction that exited would go on. */
#define VCPU_DEFERRED_REQUESTS                                                                     \
	(POSTED_REQUEST_INIT | POSTED_REQUEST_STARTUP | POSTED_REQUEST_STOP | POSTED_REQUEST_REPORT)

/* Posts a vector and makes the vCPU look. Context: any CPU; no scheduler's lock is held. */
void vcpu_post_interrupt(struct vcpu *vcpu, uint8_t vector, bool is_level);

/* Posts requests, a mask of POSTED_REQUEST_..., and makes the vCPU look. Context: as above. */
void vcpu_request(struct vcpu *vcpu, uint32_t requests);

/* The same for INIT, and for STARTUP with its vector: one that comes before an INIT is lost. */
void vcpu_request_init(struct vcpu *vcpu);
void vcpu_request_startup(struct vcpu *vcpu, uint8_t vector);

/* True if something is posted. Costs a load. */
static inline bool vcpu_has_posted(const struct vcpu *vcpu)
{
	return posted_interrupts_is_pending(&vcpu->posted);
}

/*
 * Takes what is posted into the local APIC and the vCPU. INIT, STARTUP and what else changes what
 * the vCPU is about waits in deferred_requests for vcpu_serve_deferred(). Context: the vCPU's own
 * CPU, its VMCS is current; the platform's lock is not held.
 */
void vcpu_take_posted(struct vcpu *vcpu);

/* The second half of it: what posted_interrupts_take() has given goes into the vCPU. */
void vcpu_accept_posted(struct vcpu *vcpu, const struct posted_taken *taken);

/* Does what vcpu_take_posted() put off. Context: as there, outside of a VM exit's handling. */
void vcpu_serve_deferred(struct vcpu *vcpu);

#endif
