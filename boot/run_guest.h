/* SPDX-License-Identifier: MIT */
#ifndef BOOT_RUN_GUEST_H
#define BOOT_RUN_GUEST_H

#include "boot/guests.h"
#include "cpu/page_alloc.h"
#include "vm/vcpu.h"
#include "vmx/capability.h"
#include "vmx/itlb_multihit.h"

/* What guests are run with. */
struct run_context {
	struct page_alloc *pages;
	const struct vmx_capability *capability;
	const struct xsave_layout *xsave_layout; /* Of each processor that runs guests. */
	enum apic_choice apic_choice;
	enum timer_choice timer_choice;
	enum large_page_choice large_page_choice;
	/* One guest after another, each alone on the machine; else all side by side. */
	bool is_in_turn;
	/* The self-test's hand on a guest that is set up and has not run; false: do not run it. */
	bool (*prepare)(struct vcpu *vcpu, const struct vcpu_start *start);
};

/*
 * Starts one guest, runs it to its end, and reports the end. All that it held is cleared and given
 * back. Returns its exit status (vm_end_status()). Context: the boot processor, VMX root operation,
 * its scheduler is there; no other guest runs.
 */
unsigned run_guest(const struct run_context *context, const struct guest_entry *entry);

#endif
