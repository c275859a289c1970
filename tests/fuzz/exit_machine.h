/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_EXIT_MACHINE_H
#define FUZZ_EXIT_MACHINE_H

#include "boot/guest_block.h"
#include "boot/run_guest.h"
#include "vm/scheduler.h"

/* For the loops of the checks themselves, whose ways teach the fuzzer nothing. */
#define UNTRACED __attribute__((no_sanitize("coverage")))

/*
 * A machine of one fake processor with two guests: "a" has two vCPUs, "b" has one. All memory that
 * the hypervisor gives to its guests comes from one arena, by the same code that a boot uses, so
 * that a comparison of the arena finds each byte that changed. Each VMCS region has fields of its
 * own: the hypervisor may read and write only those of the vCPU whose state the processor holds.
 */

enum {
	MACHINE_VMS = 2,
	MACHINE_VCPUS = 3,
	MACHINE_ARENA_PAGES = 224,
	MACHINE_RAM_PAGES = 24, /* Of each guest. */
	MACHINE_RAM_BYTES = MACHINE_RAM_PAGES * 4096,
	/* Page tables in guest RAM, which map all of it and the two APICs' pages one to one. */
	MACHINE_TABLES_64_BIT = 16 * 4096,
	MACHINE_TABLES_PAE = 21 * 4096,
	MACHINE_TABLES_32_BIT = 22 * 4096,
	MACHINE_RIP = 0x1000,
	MACHINE_RSP = 0x3000,
};

/* What one run's first bytes decide. */
struct machine_choice {
	uint8_t model;
	uint8_t apic;  /* Low bits: enum apic_choice, and whether the CPU posts interrupts. */
	uint8_t guest; /* Population, VMMCALL, tracing, management, and the first mode. */
	uint8_t more;  /* How often guests that ended begin again, and the local APICs. */
	uint64_t refused_calls;
};

enum {
	MACHINE_APIC_POSTING = 1 << 2,
	MACHINE_HOST_TIMER = 1 << 3,
	MACHINE_GUEST_TOUCH = 1 << 0,
	MACHINE_GUEST_VMMCALL_UD = 1 << 1,
	MACHINE_GUEST_TRACE = 1 << 2,
	MACHINE_GUEST_MANAGE = 1 << 3,
	MACHINE_GUEST_REFUSES = 1 << 4,
	MACHINE_GUEST_BOTH_START = 1 << 5, /* The second vCPU of "a" has had its STARTUP. */
	MACHINE_GUEST_MODE_LOW = 6,
	MACHINE_MORE_RESTARTS = 7,
	MACHINE_MORE_APIC_OFF = 1 << 3,       /* Local APICs are as after a reset, else enabled. */
	MACHINE_MORE_LARGE_PAGES = 1 << 4,    /* Guests execute from large pages. */
	MACHINE_MORE_FEW_COMPONENTS = 1 << 5, /* XSAVE has x87, SSE and AVX alone. */
};

struct machine {
	struct page_alloc pages;
	struct vmx_capability capability;
	struct xsave_layout xsave_layout;
	struct run_context context;
	struct vm_config configs[MACHINE_VMS];
	struct guest_block *blocks[MACHINE_VMS];
	struct vcpu *vcpus[MACHINE_VCPUS];
	struct vcpu_start start;
	struct scheduler *scheduler;
	struct cpu cpu;
	unsigned restarts_left;
	bool is_apic_off;
	bool has_left[MACHINE_VMS];
	unsigned kick_count;
};

extern struct machine machine;

/* The arena's first byte; it has MACHINE_ARENA_PAGES pages and nothing is mapped around it. */
uint8_t *machine_arena(void);

/* Resets everything and starts both guests. */
void machine_start(const struct machine_choice *choice);

/* Begins guests again that have left, as the manager does, while restarts are left. */
void machine_restart_guests(void);

/* Returns the vCPU whose VMCS region is current; NULL if none is. */
const struct vcpu *machine_current_vmcs(void);

/* Fills a guest's page tables. */
void machine_write_tables(uint8_t *ram);

/* The VMCS fields that the hypervisor names, in the order of vmx/vmcs_fields.def. */
size_t machine_field_count(void);
const char *machine_field(size_t index, uint32_t *field);

enum { MACHINE_FIELDS_MAX = 256 };

/* The fields of the current VMCS, in the same order. */
void machine_vmcs_save(uint64_t values[MACHINE_FIELDS_MAX]);
void machine_vmcs_load(const uint64_t values[MACHINE_FIELDS_MAX]);

#endif
