/* SPDX-License-Identifier: MIT */
#include "tests/guests/shared/kvm_clock.h"

#include "guest/runtime/guest_insn.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/kvm_memory.h"

static struct system_time system_time __attribute__((aligned(64)));

/* From the pair with which a guest turns ticks into nanoseconds: ns = (ticks << shift) * multiplier
 * / 2^32. */
uint64_t kvm_clock_khz(void)
{
	uint64_t khz;

	guest_wrmsr(MSR_KVM_SYSTEM_TIME_NEW, (uintptr_t)&system_time | 1);
	if (system_time.multiplier == 0) {
		return 0;
	}
	khz = (NS_TIMES_KHZ << 32) / system_time.multiplier;
	return system_time.shift < 0 ? khz << -system_time.shift : khz >> system_time.shift;
}
