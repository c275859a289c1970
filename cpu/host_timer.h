/* SPDX-License-Identifier: MIT */
#ifndef CPU_HOST_TIMER_H
#define CPU_HOST_TIMER_H

#include "lib/status.h"
#include "lib/types.h"

#define HOST_TIMER_NEVER UINT64_MAX

enum { HOST_TIMER_VECTOR = 0xec };

/*
 * Takes this CPU's local APIC timer: in TSC-deadline mode where the CPU has it, else as a one-shot
 * counter whose frequency is measured against the TSC. Returns STATUS_OK; STATUS_NOT_FOUND if there
 * is no enabled local APIC, its counter stands still, or the TSC's frequency is not known. Context:
 * each CPU for itself, interrupts disabled, after tsc_calibrate() and local_apic_quiesce(). Source:
 * SDM Vol. 3A "APIC Timer", "TSC-Deadline Mode".
 */
must_use enum status host_timer_start(void);

/* Returns true after host_timer_start() was STATUS_OK on this CPU. */
bool host_timer_is_started(void);

/*
 * Has HOST_TIMER_VECTOR raised when the TSC reaches a value, at once if it has; HOST_TIMER_NEVER
 * for not at all. It may come too early, never too late by more than the counter's grain: the
 * caller looks at the TSC. Does nothing if the timer was not started. Context: any on this CPU.
 */
void host_timer_set(uint64_t tsc);

#endif
