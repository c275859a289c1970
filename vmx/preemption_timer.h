/* SPDX-License-Identifier: MIT */
#ifndef VMX_PREEMPTION_TIMER_H
#define VMX_PREEMPTION_TIMER_H

#include "lib/bits.h"
#include "lib/types.h"
#include "vmx/capability.h"

/* What the option timer= asks for: what takes the CPU back from a guest at a time. */
enum timer_choice {
	TIMER_AUTO, /* The VMX-preemption timer where the CPU has it. */
	TIMER_HOST, /* The timer of the host's local APIC. */
};

/*
 * Returns true if the CPU has the VMX-preemption timer and can save it at a VM exit, so that it
 * goes on at the next entry. Context: any; pure. Source: SDM Vol. 3D Appendix A "Pin-Based
 * VM-Execution Controls", "VM-Exit Controls".
 */
bool preemption_timer_is_offered(const struct vmx_capability *capability);

/*
 * Returns what the timer has to be loaded with at `now` so that it expires when the TSC is `ticks`
 * further, or less than one of its counts later; at most 2^32 - 1. It counts the changes of TSC bit
 * `rate`: IA32_VMX_MISC bits 4:0. ticks is below 2^63; 0 expires at once. Context: any; pure.
 * Source: SDM Vol. 3C "VMX-Preemption Timer"; Vol. 3D Appendix A "Miscellaneous Data".
 */
static inline uint32_t preemption_timer_value(uint64_t now, uint64_t ticks, unsigned rate)
{
	const uint64_t below = BIT(rate) - 1;
	const uint64_t counts = (ticks + (now & below) + below) >> rate;

	return ticks == 0 ? 0 : counts < UINT32_MAX ? (uint32_t)counts : UINT32_MAX;
}

#endif
