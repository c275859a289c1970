/* SPDX-License-Identifier: MIT */
#include "cpu/trap.h"

#include "cpu/fixup.h"
#include "cpu/local_apic.h"
#include "cpu/panic.h"
#include "cpu/pic8259_host.h"
#include "cpu/registers.h"
#include "cpu/trap_report.h"

static uint64_t counts[TRAP_VECTOR_COUNT];

uint64_t trap_count(uint8_t vector)
{
	return __atomic_load_n(&counts[vector], __ATOMIC_RELAXED);
}

static void count(uint8_t vector)
{
	__atomic_fetch_add(&counts[vector], 1, __ATOMIC_RELAXED);
}

void trap_external_interrupt(uint8_t vector)
{
	count(vector);
	if (!pic8259_host_eoi(vector)) {
		local_apic_eoi(vector);
	}
}

void trap_handle(struct trap_frame *frame)
{
	uint8_t vector = (uint8_t)frame->vector;

	if (vector >= VECTOR_COUNT) {
		trap_external_interrupt(vector);
		return;
	}
	count(vector);
	if (vector == VECTOR_NMI) {
		panic_stop_if_elsewhere();
		return;
	}
	if (vector == VECTOR_BP) {
		return;
	}
	if (vector == VECTOR_GP && fixup_find(frame->rip, &frame->rip)) {
		return;
	}
	trap_report(frame);
}
