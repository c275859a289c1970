/* SPDX-License-Identifier: MIT */
#ifndef HOST_VCPU_FIXTURE_H
#define HOST_VCPU_FIXTURE_H

#include "vm/scheduler.h"
#include "vm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
	VCPU_FIXTURE_RAM = 4 << 20,
	VCPU_FIXTURE_RIP = 0x2000,
	VCPU_FIXTURE_RSP = 0x8000,
	VCPU_FIXTURE_PML4 = 0x300000, /* Where vcpu_fixture_map_identity() puts its tables. */
};

/* What VM_ENTRY_INTERRUPTION_INFO holds for an injected exception. */
#define INJECTED_DB           0x80000301u
#define INJECTED_INT1         0x80000501u
#define INJECTED_UD           0x80000306u
#define INJECTED_SS           0x80000b0cu
#define INJECTED_GP           0x80000b0du
#define INJECTED_GP_REAL_MODE 0x8000030du
#define INJECTED_PF           0x80000b0eu
#define INJECTED_AC           0x80000b11u

/* A guest "vm0" with RAM at 0 and one vCPU, on a fake Haswell with 40 physical address bits. */
struct vcpu_fixture {
	struct vm_config config;
	struct vm vm;
	struct vcpu vcpu;
	struct scheduler scheduler; /* Of the vCPU; nothing is in it. */
	struct vmx_capability capability;
	uint8_t *ram;
};

/* cmocka's set-up and tear-down: the vCPU stands in 64-bit code at CPL 0, paging untranslated. */
int vcpu_fixture_set_up(void **state);
int vcpu_fixture_tear_down(void **state);

/* Put the vCPU into another mode: flat segments, RIP VCPU_FIXTURE_RIP, no paging but in long mode.
 */
void vcpu_fixture_64bit(struct vcpu_fixture *f);
void vcpu_fixture_compatibility(struct vcpu_fixture *f);
void vcpu_fixture_32bit(struct vcpu_fixture *f);
void vcpu_fixture_real_mode(struct vcpu_fixture *f);
void vcpu_fixture_set_cpl(struct vcpu_fixture *f, unsigned cpl);

/*
 * Maps the first 2 MiB of linear addresses to themselves by 4 KiB pages, user and writable; the
 * page table follows the PML4, PDPT and directory at VCPU_FIXTURE_PML4, so that a test can change
 * entries: vcpu_fixture_page() is a page's entry.
 */
void vcpu_fixture_map_identity(struct vcpu_fixture *f);
uint64_t *vcpu_fixture_page(struct vcpu_fixture *f, uint64_t linear);

/* Takes the end of the VM back, and what it posted. */
void vcpu_fixture_revive(struct vcpu_fixture *f);

/* What the next VM entry injects; 0 if nothing. */
uint32_t vcpu_fixture_injected(void);

#define WITH_VCPU(test)                                                                            \
	cmocka_unit_test_setup_teardown(test, vcpu_fixture_set_up, vcpu_fixture_tear_down)

#endif
