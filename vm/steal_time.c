/* SPDX-License-Identifier: MIT */
#include "vm/steal_time.h"

#include "cpu/wall_clock.h"
#include "vm/vcpu.h"
#include "vmx/operation.h"

void steal_time_begin(struct vcpu *vcpu)
{
	vcpu->kvm.stolen_told_ticks = vcpu->run.wait_ticks;
	vcpu->kvm.stolen_told_ns = wall_clock_ticks_ns(vcpu->run.wait_ticks);
}

/* The guest may read meanwhile: it reads again if the version is odd or has changed. */
static void add_stolen(struct vcpu *vcpu, struct steal_time_record *record)
{
	const uint64_t waited_ns = wall_clock_ticks_ns(vcpu->run.wait_ticks);
	const uint32_t version = __atomic_load_n(&record->version, __ATOMIC_RELAXED) | 1;
	const uint64_t steal_ns = __atomic_load_n(&record->steal_ns, __ATOMIC_RELAXED);

	__atomic_store_n(&record->version, version, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&record->steal_ns, steal_ns + waited_ns - vcpu->kvm.stolen_told_ns,
		__ATOMIC_RELAXED);
	__atomic_store_n(&record->version, version + 1, __ATOMIC_RELEASE);
	vcpu->kvm.stolen_told_ns = waited_ns;
	vcpu->kvm.stolen_told_ticks = vcpu->run.wait_ticks;
}

void steal_time_set(struct vcpu *vcpu, uint64_t address, bool is_enabled)
{
	void *record = NULL;

	if (is_enabled && guest_memory_writable_span(&vcpu->vm->memory, gpa(address),
				  sizeof(struct steal_time_record),
				  &record) != sizeof(struct steal_time_record)) {
		record = NULL;
	}
	vcpu->kvm.steal_record = record;
	if (record != NULL) {
		__atomic_store_n(&vcpu->kvm.steal_record->preempted, 0, __ATOMIC_SEQ_CST);
		add_stolen(vcpu, record);
	}
}

void steal_time_runs(struct vcpu *vcpu)
{
	struct steal_time_record *record = vcpu->kvm.steal_record;

	if (record == NULL) {
		return;
	}
	if ((__atomic_exchange_n(&record->preempted, 0, __ATOMIC_SEQ_CST) & STEAL_TIME_FLUSH_TLB) !=
		0) {
		vmx_invalidate_vpid(vcpu->capability, vcpu->vpid);
		vcpu->kvm.tlb_flush_count++;
	}
	if (vcpu->run.wait_ticks != vcpu->kvm.stolen_told_ticks) {
		add_stolen(vcpu, record);
	}
}

void steal_time_leaves(struct vcpu *vcpu)
{
	if (vcpu->kvm.steal_record != NULL) {
		__atomic_store_n(
			&vcpu->kvm.steal_record->preempted, STEAL_TIME_PREEMPTED, __ATOMIC_SEQ_CST);
	}
}
