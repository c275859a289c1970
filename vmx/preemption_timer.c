/* SPDX-License-Identifier: MIT */
#include "vmx/preemption_timer.h"

#include "lib/bits.h"
#include "vmx/control_bits.h"

bool preemption_timer_is_offered(const struct vmx_capability *capability)
{
	return (capability->pin.allowed1 & PIN_VMX_PREEMPTION_TIMER) != 0 &&
	       (capability->exit.allowed1 & EXIT_SAVE_PREEMPTION_TIMER) != 0;
}
