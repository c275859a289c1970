/* SPDX-License-Identifier: MIT */
#include "fake_vm.h"
#include "vm/vcpu_posted.h"

unsigned fake_serve_deferred_count;

void vcpu_serve_deferred(struct vcpu *vcpu)
{
	vcpu_check_current(vcpu);
	vcpu->deferred_requests = 0;
	__atomic_fetch_add(&fake_serve_deferred_count, 1, __ATOMIC_RELAXED);
}
