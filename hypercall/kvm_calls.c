/* SPDX-License-Identifier: MIT */
#include "cpu/insn.h"
#include "cpu/tsc.h"
#include "cpu/wall_clock.h"
#include "hypercall/hypercall.h"
#include "hypercall/kvm_structs.h"

#define NANOSECONDS_PER_SECOND 1000000000ull

enum {
	CLOCK_PAIRING_WALL_CLOCK = 0,
	APIC_ID = 0, /* Of the VM's one processor. */
};

/* Once made a vCPU look for interrupts; every VM entry does, so nothing is left to do. */
uint64_t hypercall_kvm_vapic_poll_irq(struct vcpu *vcpu, struct hypercall call)
{
	(void)vcpu;
	(void)call;
	return 0;
}

/* Argument 0 are flags that nobody defined. A processor that is not there is nobody to wake. */
uint64_t hypercall_kvm_kick_cpu(struct vcpu *vcpu, struct hypercall call)
{
	if ((uint32_t)hypercall_argument(call, 1) == APIC_ID) {
		vcpu->is_kicked = true;
	}
	return 0;
}

uint64_t hypercall_kvm_clock_pairing(struct vcpu *vcpu, struct hypercall call)
{
	const gpa_t address = gpa(hypercall_argument(call, 0));
	const uint64_t type = hypercall_argument(call, 1);
	const uint64_t tsc = insn_rdtsc();
	const uint64_t ns = wall_clock_ns(tsc);
	const struct kvm_clock_pairing pairing = {
		.seconds = (int64_t)(ns / NANOSECONDS_PER_SECOND),
		.nanoseconds = (int64_t)(ns % NANOSECONDS_PER_SECOND),
		.tsc = tsc + vcpu->tsc_offset,
	};

	if (type != CLOCK_PAIRING_WALL_CLOCK || tsc_hz() == 0) {
		return hypercall_error(TRIVET_EOPNOTSUPP);
	}
	if (guest_memory_write(&vcpu->vm->memory, address, &pairing, sizeof(pairing)) !=
		STATUS_OK) {
		return hypercall_error(TRIVET_EFAULT);
	}
	return 0;
}

/* There is no other processor to yield to. */
uint64_t hypercall_kvm_sched_yield(struct vcpu *vcpu, struct hypercall call)
{
	(void)vcpu;
	(void)call;
	return 0;
}
