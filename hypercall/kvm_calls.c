/* SPDX-License-Identifier: MIT */
#include "cpu/insn.h"
#include "cpu/tsc.h"
#include "cpu/wall_clock.h"
#include "hypercall/abi_types.h"
#include "hypercall/hypercall.h"
#include "lib/bits.h"
#include "vm/vcpu_interrupts.h"

#define NANOSECONDS_PER_SECOND 1000000000ull

enum { BITMAP_BITS = 64 };

_Static_assert(sizeof(struct trivet_clock_pairing) == TRIVET_CLOCK_PAIRING_BYTES, "hypercalls.rst");

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
	if ((uint32_t)hypercall_argument(call, 1) == vcpu->apic.config.id) {
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
	const struct trivet_clock_pairing pairing = {
		.seconds = (int64_t)(ns / NANOSECONDS_PER_SECOND),
		.nanoseconds = (int64_t)(ns % NANOSECONDS_PER_SECOND),
		.tsc = tsc + vcpu->tsc_offset,
	};

	if (type != TRIVET_CLOCK_PAIRING_WALL_CLOCK || tsc_hz() == 0) {
		return hypercall_error(TRIVET_EOPNOTSUPP);
	}
	if (guest_memory_write(&vcpu->vm->memory, address, &pairing, sizeof(pairing)) !=
		STATUS_OK) {
		return hypercall_error(TRIVET_EFAULT);
	}
	return 0;
}

/* Delivers a message to the processors of a bitmap, the lowest of whose IDs is given. */
static uint64_t send_to_bitmap(struct vcpu *vcpu, uint64_t bitmap, uint32_t lowest_id,
	const struct virtual_apic_message *message)
{
	const uint32_t id = vcpu->apic.config.id;

	if (id < lowest_id || id - lowest_id >= BITMAP_BITS ||
		(bitmap & BIT(id - lowest_id)) == 0) {
		return 0;
	}
	return virtual_apic_deliver(&vcpu->apic, message) != VIRTUAL_APIC_REFUSED ? 1 : 0;
}

/* The ICR's high half means nothing here: the bitmap stands for the destination. */
uint64_t hypercall_kvm_send_ipi(struct vcpu *vcpu, struct hypercall call)
{
	const uint64_t low = hypercall_argument(call, 0);
	const uint64_t high = hypercall_argument(call, 1);
	const uint32_t lowest_id = (uint32_t)hypercall_argument(call, 2);
	const uint32_t icr = (uint32_t)hypercall_argument(call, 3);
	const uint32_t step = call.mask == UINT64_MAX ? BITMAP_BITS : BITMAP_BITS / 2;
	const struct virtual_apic_message message = virtual_apic_decode_icr(icr, true);
	uint64_t count;

	if (message.is_logical || message.shorthand != VIRTUAL_APIC_NO_SHORTHAND) {
		return hypercall_error(TRIVET_EINVAL);
	}
	count = send_to_bitmap(vcpu, low, lowest_id, &message) +
		send_to_bitmap(vcpu, high, lowest_id + step, &message);
	vcpu_interrupts_update(vcpu);
	return count;
}

/* There is no other processor to yield to. */
uint64_t hypercall_kvm_sched_yield(struct vcpu *vcpu, struct hypercall call)
{
	(void)vcpu;
	(void)call;
	return 0;
}
