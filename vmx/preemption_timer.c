/* SPDX-License-Identifier: MIT */
#include "vmx/preemption_timer.h"

#include "lib/bits.h"
#include "vmx/control_bits.h"

bool preemption_timer_is_offered(const struct vmx_capability *capability)
{
	return (capability->pin.allowed1 & PIN_VMX_PREEMPTION_TIMER) != 0 &&
	       (capability->exit.allowed1 & EXIT_SAVE_PREEMPTION_TIMER) != 0;
}

/* It counts the changes of one bit of the TSC: how many are there from now on? */
uint32_t preemption_timer_value(uint64_t now, uint64_t until, uint64_t vmx_misc)
{
	const unsigned bit = (unsigned)bits_get(
		vmx_misc, VMX_MISC_PREEMPTION_RATE_HIGH, VMX_MISC_PREEMPTION_RATE_LOW);
	const uint64_t ticks = until > now ? until - now : 0;
	/* Behind the last change before `now`, in whole counts. */
	const uint64_t counts = (ticks + (now & (BIT(bit) - 1)) + BIT(bit) - 1) >> bit;

	return counts < UINT32_MAX ? (uint32_t)counts : UINT32_MAX;
}
