/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_COUNTERS_H
#define HYPERCALL_COUNTERS_H

#include "hypercall/hypercall.h"
#include "lib/types.h"

/* Where each call's counter stands in vcpu->hypercall_counts. */
enum {
	HYPERCALL_COUNTER_KVM = 0,
	HYPERCALL_COUNTER_NATIVE = HYPERCALL_COUNTER_KVM + HYPERCALL_KVM_COUNT,
	HYPERCALL_COUNTER_UNKNOWN = HYPERCALL_COUNTER_NATIVE + HYPERCALL_NATIVE_COUNT,
	HYPERCALL_COUNTER_COUNT,
};

/* Logs "NAME: hypercalls: ..." with every call that was made, or "none". Context: any. */
void hypercall_report_counts(const struct vcpu *vcpu);

#endif
