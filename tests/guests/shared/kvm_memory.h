/* SPDX-License-Identifier: MIT */
#ifndef SHARED_KVM_MEMORY_H
#define SHARED_KVM_MEMORY_H

#include <stdint.h>

/* What KVM's MSRs and calls put into memory, as a guest knows it. */
struct system_time {
	uint32_t version;
	uint32_t padding0;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t multiplier;
	int8_t shift;
	uint8_t flags;
	uint8_t padding[2];
};
_Static_assert(sizeof(struct system_time) == 32, "Linux Documentation/virt/kvm/x86/msr.rst");

struct wall_clock {
	uint32_t version;
	uint32_t seconds;
	uint32_t nanoseconds;
};

struct steal_time {
	uint64_t steal;
	uint32_t version;
	uint32_t flags;
	uint8_t preempted;
	uint8_t padding[47];
};
_Static_assert(sizeof(struct steal_time) == 64, "Linux Documentation/virt/kvm/x86/msr.rst");

struct pairing {
	int64_t seconds;
	int64_t nanoseconds;
	uint64_t tsc;
	uint32_t flags;
	uint32_t padding[9];
};
_Static_assert(sizeof(struct pairing) == 64, "Linux Documentation/virt/kvm/x86/hypercalls.rst");

#endif
