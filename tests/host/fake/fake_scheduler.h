/* SPDX-License-Identifier: MIT */
#ifndef FAKE_FAKE_SCHEDULER_H
#define FAKE_FAKE_SCHEDULER_H

#include "vm/scheduler.h"

/* What was asked of the scheduler since fake_scheduler_clear(). */
struct fake_scheduler {
	unsigned notify_count;
	unsigned look_count;         /* Of these, with is_look_due. */
	const struct vcpu *notified; /* The last one. */
	unsigned notify_posted_count;
	unsigned yield_count;
	const struct vcpu *yielded_to; /* The last one. */
	bool is_yielding;              /* What scheduler_yield_to() returns. */
};

extern struct fake_scheduler fake_scheduler;

void fake_scheduler_clear(void);

#endif
