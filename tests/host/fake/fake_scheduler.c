/* SPDX-License-Identifier: MIT */
#include "fake_scheduler.h"

void scheduler_notify(struct vcpu *vcpu, bool is_look_due)
{
	fake_scheduler.notify_count++;
	fake_scheduler.look_count += is_look_due ? 1 : 0;
	fake_scheduler.notified = vcpu;
}

void scheduler_notify_posted(struct vcpu *vcpu)
{
	fake_scheduler.notify_posted_count++;
	fake_scheduler.notified = vcpu;
}

bool scheduler_yield_to(struct vcpu *vcpu, struct vcpu *other)
{
	(void)vcpu;
	fake_scheduler.yield_count++;
	fake_scheduler.yielded_to = other;
	return fake_scheduler.is_yielding;
}
