/* SPDX-License-Identifier: MIT */
#include "cpu/insn.h"
#include "cpu/tsc.h"
#include "cpu/wall_clock.h"
#include "hypercall/abi_types.h"
#include "hypercall/hypercall.h"
#include "lib/bits.h"
#include "vm/scheduler.h"
#include "vm/vcpu_apicv.h"
#include "vm/vcpu_interrupts.h"
#include "vm/vcpu_posted.h"

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

/* For the end of a call. Within a batch the vCPU keeps its CPU: the other calls are to come. */
static void yield_to(struct vcpu *vcpu, struct vcpu *other)
{
	if (!vcpu->is_in_batch && scheduler_yield_to(vcpu, other)) {
		__atomic_store_n(&vcpu->after_call, VMX_RESUME_NOT, __ATOMIC_RELAXED);
	}
}

/* Returns the guest's vCPU with an APIC ID; NULL if there is none. */
static struct vcpu *vcpu_of_id(const struct vcpu *vcpu, uint64_t id)
{
	const struct vm *vm = vcpu->vm;

	return id < vm->vcpu_count ? vm->vcpus[id] : NULL;
}

/* Argument 0 are flags that nobody defined. A processor that is not there is nobody to wake. */
uint64_t hypercall_kvm_kick_cpu(struct vcpu *vcpu, struct hypercall call)
{
	struct vcpu *other = vcpu_of_id(vcpu, (uint32_t)hypercall_argument(call, 1));

	if (other == vcpu) {
		vcpu->is_kicked = true;
	} else if (other != NULL) {
		vcpu_request(other, POSTED_REQUEST_KICK);
		yield_to(vcpu, other);
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
	uint64_t count = 0;

	while (bitmap != 0) {
		struct vcpu *target =
			vcpu_of_id(vcpu, (uint64_t)lowest_id + (unsigned)__builtin_ctzll(bitmap));

		bitmap &= bitmap - 1;
		if (target != NULL && vcpu_interrupts_deliver(target, message, vcpu)) {
			count++;
		}
	}
	return count;
}

/* Of the ICR: all but the vector and what means nothing for an edge-triggered, fixed interrupt. */
#define ICR_NOT_FIXED                                                                              \
	(BITS_MASK(VIRTUAL_APIC_MODE_HIGH, VIRTUAL_APIC_MODE_LOW) | VIRTUAL_APIC_ICR_LOGICAL |     \
		VIRTUAL_APIC_ICR_LEVEL_TRIGGERED | VIRTUAL_APIC_ICR_SHORTHAND)

/* The same for a vector, which is what Linux sends: nothing but its posting. */
static uint64_t send_vector_to_bitmap(
	struct vcpu *vcpu, uint64_t bitmap, uint32_t lowest_id, uint8_t vector)
{
	uint64_t count = 0;

	while (bitmap != 0) {
		struct vcpu *target =
			vcpu_of_id(vcpu, (uint64_t)lowest_id + (unsigned)__builtin_ctzll(bitmap));

		bitmap &= bitmap - 1;
		if (target != NULL && vcpu_interrupts_deliver_vector(target, vector, vcpu)) {
			count++;
		}
	}
	return count;
}

/* The ICR's high half means nothing here: the bitmap stands for the destination. */
static uint64_t send_to_bitmaps(
	struct vcpu *vcpu, const uint64_t bitmaps[2], const uint32_t lowest_ids[2], uint32_t icr)
{
	struct virtual_apic_message message;

	if ((icr & ICR_NOT_FIXED) == 0) {
		return send_vector_to_bitmap(vcpu, bitmaps[0], lowest_ids[0], (uint8_t)icr) +
		       send_vector_to_bitmap(vcpu, bitmaps[1], lowest_ids[1], (uint8_t)icr);
	}
	message = virtual_apic_decode_icr(icr, true);
	return send_to_bitmap(vcpu, bitmaps[0], lowest_ids[0], &message) +
	       send_to_bitmap(vcpu, bitmaps[1], lowest_ids[1], &message);
}

uint64_t hypercall_kvm_send_ipi(struct vcpu *vcpu, struct hypercall call)
{
	const uint32_t step = call.mask == UINT64_MAX ? BITMAP_BITS : BITMAP_BITS / 2;
	const uint64_t bitmaps[2] = {hypercall_argument(call, 0), hypercall_argument(call, 1)};
	const uint32_t lowest_id = (uint32_t)hypercall_argument(call, 2);
	const uint32_t icr = (uint32_t)hypercall_argument(call, 3);
	const uint8_t pending = vcpu->apic.irr_highest;
	uint64_t count;

	if ((icr & (VIRTUAL_APIC_ICR_LOGICAL | VIRTUAL_APIC_ICR_SHORTHAND)) != 0) {
		return hypercall_error(TRIVET_EINVAL);
	}
	count = send_to_bitmaps(
		vcpu, bitmaps, (const uint32_t[]){lowest_id, lowest_id + step}, icr);
	/* Where the CPU delivers, the model's highest vector may have been delivered long ago. */
	if (vcpu_apicv_delivers(vcpu) || vcpu->apic.irr_highest != pending ||
		vcpu->is_nmi_pending) {
		vcpu_interrupts_update(vcpu);
	}
	return count;
}

uint64_t hypercall_kvm_sched_yield(struct vcpu *vcpu, struct hypercall call)
{
	struct vcpu *other = vcpu_of_id(vcpu, (uint32_t)hypercall_argument(call, 0));

	if (other != NULL && other != vcpu) {
		yield_to(vcpu, other);
	}
	return 0;
}
