/* SPDX-License-Identifier: MIT */
#ifndef HYPERCALL_ABI_TYPES_H
#define HYPERCALL_ABI_TYPES_H

/*
 * What calls find in guest memory. Guests may copy this file beside hypercall/abi.h: C, C++ and
 * Linux modules can include it. The layouts are the same in 16, 32 and 64-bit code.
 */

#include "hypercall/abi.h"

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/*
 * One call of a batch: TRIVET_CALL_BATCH. The registers of the call, one cache line; arrays of it
 * are aligned to 64 bytes.
 */
struct trivet_batch_entry {
	uint64_t rax; /* The number. */
	uint64_t rcx; /* Argument 1. */
	uint64_t rdx; /* Argument 2. */
	uint64_t rbx; /* Argument 0. */
	uint64_t reserved[2];
	uint64_t rsi;    /* Argument 3. */
	uint64_t result; /* Written by the hypervisor. */
};

/* What one exit reason or one call cost: TRIVET_CALL_READ_COUNTERS. */
struct trivet_counter {
	uint32_t kind; /* TRIVET_COUNTER_EXIT or TRIVET_COUNTER_HYPERCALL. */
	uint32_t number;
	uint64_t count;
	/* bins[n]: how often the hypervisor took 2^n to 2^(n+1)-1 ticks of the TSC. */
	uint64_t bins[TRIVET_COUNTER_BINS];
};

/* A guest, as it is at the moment: TRIVET_CALL_GUEST_LIST. */
struct trivet_guest_info {
	char name[TRIVET_GUEST_NAME_BYTES]; /* NULs behind it. */
	uint32_t state;                     /* TRIVET_GUEST_STOPPED or TRIVET_GUEST_RUNNING. */
	uint32_t flags;                     /* TRIVET_GUEST_FLAG_CALLER: it is the caller. */
	uint32_t vcpu_count;
	uint32_t weight;
	uint32_t restart_count; /* Since the machine's start. */
	uint32_t reserved0;
	uint64_t memory_bytes;
	/* Of all its processors together, since it was started; 0 while it is stopped. */
	uint64_t run_ns;
	uint64_t wait_ns; /* Ready to run, but another had the CPU. */
	uint64_t reserved[6];
};

/* The time of day and the guest's TSC of the same moment: KVM_CALL_CLOCK_PAIRING. */
struct trivet_clock_pairing {
	int64_t seconds; /* Since 1970, UTC. */
	int64_t nanoseconds;
	uint64_t tsc;
	uint32_t flags; /* 0. */
	uint32_t reserved[9];
};

#endif
