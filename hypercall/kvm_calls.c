/* SPDX-License-Identifier: MIT */
#include "hypercall/hypercall.h"

/* Once made a vCPU look for interrupts; every VM entry does, so nothing is left to do. */
uint64_t hypercall_kvm_vapic_poll_irq(struct vcpu *vcpu, struct hypercall call)
{
	(void)vcpu;
	(void)call;
	return 0;
}
