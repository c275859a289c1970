/* SPDX-License-Identifier: MIT */
#ifndef HOST_SMP_FIXTURE_H
#define HOST_SMP_FIXTURE_H

#include "vm/scheduler.h"
#include "vm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SMP_VCPUS = 3, SMP_RAM = 64 * 1024 };

/* A guest "vm0" with SMP_VCPUS vCPUs, whose local APICs are software enabled, in xAPIC mode and
 * with their IDs as flat logical IDs: BIT(id). All share the fake CPU's VMCS. */
struct smp_fixture {
	struct vm_config config;
	struct vm vm;
	struct vmx_capability capability;
	struct scheduler scheduler; /* Of all vCPUs; nothing is in it. */
	struct vcpu vcpus[SMP_VCPUS];
	uint8_t ram[SMP_RAM];
};

/* cmocka's set-up and tear-down: all are active, RFLAGS.IF is 1, nothing pends. It is vCPU 0's
 * turn. */
int smp_fixture_set_up(void **state);
int smp_fixture_tear_down(void **state);

/* It is this vCPU's turn: its VMCS is current on the calling thread's CPU. */
void smp_fixture_turn(struct vcpu *vcpu);

/* What was posted is taken and thrown away. */
void smp_fixture_clear_posted(struct smp_fixture *f);

/* RFLAGS.IF of the vCPU whose turn it is. */
void smp_fixture_set_if(bool is_enabled);

#define WITH_SMP(test)                                                                             \
	cmocka_unit_test_setup_teardown(test, smp_fixture_set_up, smp_fixture_tear_down)

#endif
