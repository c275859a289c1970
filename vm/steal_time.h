/* SPDX-License-Identifier: MIT */
#ifndef VM_STEAL_TIME_H
#define VM_STEAL_TIME_H

#include "lib/types.h"

struct vcpu;

/*
 * KVM's steal-time record in guest memory: how long the vCPU was ready to run and had no CPU, and
 * whether it has one now. A guest that finds it preempted need not send it an IPI to flush its TLB:
 * it sets a bit, and the flush comes before the vCPU runs again. Source: Linux
 * Documentation/virt/kvm/x86/msr.rst, MSR_KVM_STEAL_TIME; include/uapi/asm/kvm_para.h.
 */
enum {
	STEAL_TIME_PREEMPTED = 1 << 0,
	STEAL_TIME_FLUSH_TLB = 1 << 1,
};

struct steal_time_record {
	uint64_t steal_ns;
	uint32_t version; /* Odd while steal_ns changes. */
	uint32_t flags;
	uint8_t preempted;
	uint8_t padding0[3];
	uint32_t padding[11];
};
_Static_assert(sizeof(struct steal_time_record) == 64, "msr.rst, MSR_KVM_STEAL_TIME");

/* The guest gives its record, or none; the address is a multiple of 64 in RAM, or the record is
 * never written. Context: the vCPU's exit. */
void steal_time_set(struct vcpu *vcpu, uint64_t address, bool is_enabled);

/* What the vCPU waited before its first instruction was not stolen. Context: its CPU. */
void steal_time_begin(struct vcpu *vcpu);

/* Before the vCPU enters the guest, and when it has left its CPU to others. Context: its CPU. */
void steal_time_runs(struct vcpu *vcpu);
void steal_time_leaves(struct vcpu *vcpu);

#endif
