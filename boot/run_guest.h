/* SPDX-License-Identifier: MIT */
#ifndef BOOT_RUN_GUEST_H
#define BOOT_RUN_GUEST_H

#include "boot/guests.h"
#include "cpu/page_alloc.h"
#include "vm/vcpu.h"
#include "vmx/capability.h"

/* What a guest is run with. */
struct run_context {
	struct page_alloc *pages;
	const struct vmx_capability *capability;
	const struct gdt_cpu *host_cpu;
	enum apic_choice apic_choice;
	enum timer_choice timer_choice;
	/* Where the guest's serial bytes go as they are; NULL: to the consoles, line by line. */
	void (*raw_byte)(uint8_t byte);
	/* Takes the next byte from there; NULL: the guest reads what is typed on the console. */
	bool (*pull_raw_byte)(void *context, uint8_t *byte);
	/* The self-test's hand on a guest that is set up and has not run; false: do not run it. */
	bool (*prepare)(struct vcpu *vcpu, const struct vcpu_start *start);
};

/*
 * Starts one guest, runs it to its end, and reports the end. All that it held is cleared and given
 * back. Returns its exit status (vm_end_status()). Context: VMX root operation.
 */
unsigned run_guest(const struct run_context *context, const struct guest_entry *entry);

#endif
