/* SPDX-License-Identifier: MIT */
#include "vm/vcpu_shootdown.h"

#include "cpu/insn.h"
#include "vm/vcpu_posted.h"
#include "vmx/operation.h"

static void invalidate_own(struct vcpu *vcpu)
{
	vmx_invalidate_ept(vcpu->capability, ept_pointer(&vcpu->vm->ept));
	__atomic_store_n(&vcpu->is_ept_stale, false, __ATOMIC_RELEASE);
}

/* Two that shoot at once wait for each other: each goes on invalidating for itself meanwhile. */
static void wait_for(struct vcpu *self, const struct vcpu *other)
{
	while (__atomic_load_n(&other->is_ept_stale, __ATOMIC_ACQUIRE) &&
		__atomic_load_n(&other->is_on_cpu, __ATOMIC_SEQ_CST)) {
		if (__atomic_load_n(&self->is_ept_stale, __ATOMIC_ACQUIRE)) {
			invalidate_own(self);
		}
		insn_pause();
	}
}

void vcpu_flush_ept(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;

	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (vm->vcpus[i] != vcpu) {
			__atomic_store_n(&vm->vcpus[i]->is_ept_stale, true, __ATOMIC_SEQ_CST);
			vcpu_request(vm->vcpus[i], POSTED_REQUEST_FLUSH_EPT);
		}
	}
	invalidate_own(vcpu);
}

void vcpu_shoot_down_ept(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;

	vcpu_flush_ept(vcpu);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (vm->vcpus[i] != vcpu) {
			wait_for(vcpu, vm->vcpus[i]);
		}
	}
}
