/* SPDX-License-Identifier: MIT */
#include "vm/scheduler.h"
#include "vm/vcpu_apicv.h"
#include "vm/vcpu_posted.h"

void vcpu_post_interrupt(struct vcpu *vcpu, uint8_t vector, bool is_level)
{
	if (!posted_interrupts_post(&vcpu->posted, vector, is_level)) {
		return;
	}
	if (!is_level && vcpu_apicv_takes_posted(vcpu)) {
		scheduler_notify_posted(vcpu);
	} else {
		scheduler_notify(vcpu, false);
	}
}

void vcpu_request(struct vcpu *vcpu, uint32_t requests)
{
	const bool is_deferred = (requests & VCPU_DEFERRED_REQUESTS) != 0;

	if (posted_interrupts_request(&vcpu->posted, requests) || is_deferred) {
		scheduler_notify(vcpu, is_deferred);
	}
}

void vcpu_request_init(struct vcpu *vcpu)
{
	(void)!posted_interrupts_init_signal(&vcpu->posted);
	scheduler_notify(vcpu, true);
}

void vcpu_request_startup(struct vcpu *vcpu, uint8_t vector)
{
	(void)!posted_interrupts_startup(&vcpu->posted, vector);
	scheduler_notify(vcpu, true);
}
