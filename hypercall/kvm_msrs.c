/* SPDX-License-Identifier: MIT */
#include "hypercall/kvm_msrs.h"

#include "cpu/insn.h"
#include "cpu/tsc.h"
#include "cpu/wall_clock.h"
#include "hypercall/hypercall.h"
#include "hypercall/kvm_structs.h"
#include "lib/bits.h"
#include "lib/scaled_time.h"
#include "vm/pv_eoi.h"
#include "vm/steal_time.h"

#include <stdatomic.h>

#define NANOSECONDS_PER_SECOND 1000000000ull
#define KVM_MSR_ENABLED        BIT(0)
#define STEAL_TIME_RESERVED    BITS_MASK(5, 1)
#define POLL_CONTROL_RESERVED  (~BIT(0))
#define PV_EOI_ALIGNMENT       4u

/* Which feature an MSR belongs to; 0 for one that is not there. */
static uint32_t feature_of(uint32_t msr)
{
	switch (msr) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
		return KVM_FEATURE_CLOCKSOURCE;
	case MSR_KVM_WALL_CLOCK_NEW:
	case MSR_KVM_SYSTEM_TIME_NEW:
		return KVM_FEATURE_CLOCKSOURCE2;
	case MSR_KVM_STEAL_TIME:
		return KVM_FEATURE_STEAL_TIME;
	case MSR_KVM_PV_EOI_EN:
		return KVM_FEATURE_PV_EOI;
	case MSR_KVM_POLL_CONTROL:
		return KVM_FEATURE_POLL_CONTROL;
	default:
		return 0;
	}
}

bool hypercall_msr_read(const struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	if ((feature_of(msr) & vcpu->kvm_features) == 0) {
		return false;
	}
	switch (msr) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*value = vcpu->kvm.wall_clock;
		return true;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*value = vcpu->kvm.system_time;
		return true;
	case MSR_KVM_STEAL_TIME:
		*value = vcpu->kvm.steal_time;
		return true;
	case MSR_KVM_PV_EOI_EN:
		*value = vcpu->kvm.pv_eoi;
		return true;
	default:
		*value = vcpu->kvm.poll_control;
		return true;
	}
}

/*
 * Writes a structure whose version is odd meanwhile. The version goes on from what the guest's
 * memory holds, and comes and goes whole: the guest's other processors read meanwhile, and read
 * again if it is odd or has changed. Memory that is not RAM is left alone, as KVM does.
 * version_offset tells where the structure's version lies; it is the only word of it that this
 * sets.
 */
static void write_versioned(struct vcpu *vcpu, uint64_t address, void *structure, size_t size_bytes,
	size_t version_offset)
{
	struct guest_memory *memory = &vcpu->vm->memory;
	uint32_t *version = (uint32_t *)(void *)((uint8_t *)structure + version_offset);
	const gpa_t version_at = gpa(address + version_offset);
	uint64_t old;

	if (!guest_memory_is_writable(memory, gpa(address), size_bytes) ||
		guest_memory_load(memory, version_at, &old, sizeof(*version)) != STATUS_OK) {
		return;
	}
	*version = ((uint32_t)old + 1) | 1;
	if (guest_memory_store(memory, version_at, *version, sizeof(*version)) != STATUS_OK) {
		return;
	}
	atomic_thread_fence(memory_order_release);
	if (guest_memory_write(memory, gpa(address), structure, size_bytes) != STATUS_OK) {
		return;
	}
	atomic_thread_fence(memory_order_release);
	*version += 1;
	(void)!guest_memory_store(memory, version_at, *version, sizeof(*version));
}

/* The flags but "guest stopped" are ours; that one stays set until the guest has cleared it. */
static uint8_t system_time_flags(const struct vcpu *vcpu, uint64_t address)
{
	const gpa_t flags_at = gpa(address + offsetof(struct kvm_system_time, flags));
	uint64_t old;

	if (guest_memory_load(&vcpu->vm->memory, flags_at, &old, sizeof(uint8_t)) != STATUS_OK) {
		old = 0;
	}
	return (uint8_t)((old & KVM_SYSTEM_TIME_GUEST_STOPPED) |
			 (vcpu->kvm.is_old_system_time || !kvm_clock_is_stable(vcpu->vm)
					 ? 0
					 : KVM_SYSTEM_TIME_TSC_STABLE));
}

/* A structure that does not lie in one page is never written: so it is with Linux KVM. */
void hypercall_clock_update(struct vcpu *vcpu)
{
	const uint64_t address = vcpu->kvm.system_time & ~KVM_MSR_ENABLED;
	const uint64_t tsc = insn_rdtsc();
	struct kvm_system_time time = {0};
	struct scaled_time scale;

	if ((vcpu->kvm.system_time & KVM_MSR_ENABLED) == 0 ||
		!range_fits(address % PAGE_SIZE_4K, sizeof(time), PAGE_SIZE_4K)) {
		return;
	}
	scale = scaled_time_of_hz(tsc_hz());
	time.tsc_timestamp = tsc + vcpu->tsc_offset;
	time.system_time_ns = wall_clock_ticks_ns(tsc - vcpu->start_tsc);
	time.tsc_to_system_mul = scale.multiplier;
	time.tsc_shift = scale.shift;
	time.flags = system_time_flags(vcpu, address);
	write_versioned(
		vcpu, address, &time, sizeof(time), offsetof(struct kvm_system_time, version));
}

/* The wall time at which the guest's system time was 0. */
static void write_wall_clock(struct vcpu *vcpu, uint64_t address)
{
	const uint64_t ns = wall_clock_ns(vcpu->start_tsc);
	struct kvm_wall_clock clock = {
		.seconds = (uint32_t)(ns / NANOSECONDS_PER_SECOND),
		.nanoseconds = (uint32_t)(ns % NANOSECONDS_PER_SECOND),
	};

	vcpu->kvm.wall_clock = address;
	if (address != 0) {
		write_versioned(vcpu, address, &clock, sizeof(clock),
			offsetof(struct kvm_wall_clock, version));
	}
}

/* A record that does not lie in RAM is never written, as with Linux KVM. */
static bool write_steal_time(struct vcpu *vcpu, uint64_t value)
{
	if ((value & STEAL_TIME_RESERVED) != 0) {
		return false;
	}
	vcpu->kvm.steal_time = value;
	steal_time_set(vcpu, value & ~KVM_MSR_ENABLED, (value & KVM_MSR_ENABLED) != 0);
	return true;
}

static bool write_pv_eoi(struct vcpu *vcpu, uint64_t value)
{
	const uint64_t address = value & ~KVM_MSR_ENABLED;

	if (!is_aligned(address, PV_EOI_ALIGNMENT) ||
		((value & KVM_MSR_ENABLED) != 0 &&
			!guest_memory_is_writable(&vcpu->vm->memory, gpa(address), 1))) {
		return false;
	}
	pv_eoi_set(vcpu, value);
	return true;
}

bool hypercall_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	if ((feature_of(msr) & vcpu->kvm_features) == 0) {
		return false;
	}
	switch (msr) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		write_wall_clock(vcpu, value);
		return true;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		vcpu->kvm.system_time = value;
		vcpu->kvm.is_old_system_time = msr == MSR_KVM_SYSTEM_TIME;
		hypercall_clock_update(vcpu);
		return true;
	case MSR_KVM_STEAL_TIME:
		return write_steal_time(vcpu, value);
	case MSR_KVM_PV_EOI_EN:
		return write_pv_eoi(vcpu, value);
	default:
		if ((value & POLL_CONTROL_RESERVED) != 0) {
			return false;
		}
		vcpu->kvm.poll_control = value;
		return true;
	}
}
