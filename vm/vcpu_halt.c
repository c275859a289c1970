/* SPDX-License-Identifier: MIT */
#include "vm/vcpu_halt.h"

#include "cpu/insn.h"
#include "cpu/registers.h"
#include "vm/vcpu_interrupts.h"
#include "vm/vcpu_posted.h"
#include "vm/vcpu_timer.h"
#include "vmx/vmcs.h"

/* Counted before what woke it is taken: are_all_idle_for_good() relies on that. */
static void end_idleness(struct vcpu *vcpu)
{
	if (__atomic_load_n(&vcpu->is_idle_for_good, __ATOMIC_RELAXED)) {
		__atomic_store_n(&vcpu->is_idle_for_good, false, __ATOMIC_SEQ_CST);
		__atomic_add_fetch(&vcpu->vm->idle_end_count, 1, __ATOMIC_SEQ_CST);
	}
}

static bool is_all_idle(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (!__atomic_load_n(&vm->vcpus[i]->is_idle_for_good, __ATOMIC_SEQ_CST)) {
			return false;
		}
	}
	return true;
}

static bool is_any_posted_to(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (vcpu_has_posted(vm->vcpus[i])) {
			return true;
		}
	}
	return false;
}

/*
 * What is posted for a vCPU may wake it, and that one posts to the next before it is idle again. If
 * none has left its idleness during both looks, all were idle at the end of the first: nobody posts
 * any more, and what was posted before is there still for the second. Of two that halt at once one
 * at least sees the other.
 */
static bool are_all_idle_for_good(const struct vm *vm)
{
	const uint32_t count = __atomic_load_n(&vm->idle_end_count, __ATOMIC_SEQ_CST);

	return is_all_idle(vm) && !is_any_posted_to(vm) &&
	       __atomic_load_n(&vm->idle_end_count, __ATOMIC_SEQ_CST) == count;
}

static void wait_for_others(struct vcpu *vcpu)
{
	/* It has taken what will start it, say, and does that as soon as it has left the guest. */
	if (vcpu->deferred_requests != 0) {
		return;
	}
	__atomic_store_n(&vcpu->is_idle_for_good, true, __ATOMIC_SEQ_CST);
	if (are_all_idle_for_good(vcpu->vm)) {
		vm_end(vcpu->vm, VM_END_HALTED, 0,
			"HLT with interrupts %s and nothing that could wake it",
			(vmcs_read_natural(VMCS_GUEST_RFLAGS) & RFLAGS_IF) != 0 ? "enabled"
										: "disabled");
	}
}

/* What is posted is taken by the first look, a kick too. */
static bool is_woken(struct vcpu *vcpu)
{
	const bool is_pending = vcpu_interrupts_pend(vcpu);

	if (vcpu->is_kicked) {
		vcpu->is_kicked = false;
		return true;
	}
	return is_pending;
}

bool vcpu_halt(struct vcpu *vcpu)
{
	if (is_woken(vcpu)) {
		return false;
	}
	vcpu->activity = VCPU_HALTED;
	/* vcpu_interrupts_pend() has found out when the guest's next event is due. */
	vcpu->wake_tsc = vcpu->timer.event_tsc;
	if (!vcpu_interrupts_may_come(vcpu)) {
		wait_for_others(vcpu);
	}
	return true;
}

void vcpu_sleep_until(struct vcpu *vcpu, uint64_t tsc)
{
	vcpu->activity = VCPU_SLEEPING;
	vcpu->wake_tsc = tsc;
	__atomic_store_n(&vcpu->after_call, VMX_RESUME_NOT, __ATOMIC_RELAXED);
}

/* Returns true if the vCPU need not wait any longer. */
static bool has_waited(struct vcpu *vcpu)
{
	switch (vcpu->activity) {
	case VCPU_ACTIVE:
		return true;
	case VCPU_HALTED:
		return !vcpu_halt(vcpu);
	case VCPU_SLEEPING:
		return insn_rdtsc() >= vcpu->wake_tsc;
	case VCPU_WAIT_FOR_STARTUP:
		vcpu->wake_tsc = UINT64_MAX;
		wait_for_others(vcpu);
		return false;
	}
	return true;
}

bool vcpu_prepare(struct vcpu *vcpu)
{
	bool is_news;

	vcpu_check_current(vcpu);
	/* Before the look at the end, so that the one who ends the VM has the last word. */
	__atomic_store_n(&vcpu->after_call, VMX_RESUME_CALL, __ATOMIC_SEQ_CST);
	/* Nothing is served for a guest that is no more. */
	if (vm_is_ended(vcpu->vm)) {
		return false;
	}
	end_idleness(vcpu);
	is_news = vcpu_has_posted(vcpu);
	if (is_news) {
		vcpu_take_posted(vcpu);
	}
	if (vcpu->deferred_requests != 0) {
		is_news = true;
		vcpu_serve_deferred(vcpu);
	}
	if (vm_is_ended(vcpu->vm) || !has_waited(vcpu)) {
		return false;
	}
	/* One that only lost its CPU for a while goes on where it stood, if nothing has come. */
	if (vcpu->activity != VCPU_ACTIVE || is_news || insn_rdtsc() >= vcpu->timer.event_tsc) {
		vcpu->activity = VCPU_ACTIVE;
		vcpu_interrupts_update(vcpu);
	}
	vcpu_timer_load(vcpu);
	return !vm_is_ended(vcpu->vm);
}
