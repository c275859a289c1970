/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_KVM_STRUCTS_H
#define HYPERCALL_KVM_STRUCTS_H

#include "lib/types.h"

/* What KVM's MSRs put into guest memory. Source: Linux
 * Documentation/virt/kvm/x86/msr.rst. */

struct kvm_wall_clock {
	uint32_t version; /* Odd while the rest is written. */
	uint32_t seconds;
	uint32_t nanoseconds;
};
_Static_assert(sizeof(struct kvm_wall_clock) == 12, "msr.rst, MSR_KVM_WALL_CLOCK_NEW");

enum {
	KVM_SYSTEM_TIME_TSC_STABLE = 1 << 0,
	KVM_SYSTEM_TIME_GUEST_STOPPED = 1 << 1,
};

struct kvm_system_time {
	uint32_t version;
	uint32_t padding0;
	uint64_t tsc_timestamp;
	uint64_t system_time_ns; /* At tsc_timestamp. */
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags;
	uint8_t padding[2];
};
_Static_assert(sizeof(struct kvm_system_time) == 32, "msr.rst, MSR_KVM_SYSTEM_TIME_NEW");

#endif
