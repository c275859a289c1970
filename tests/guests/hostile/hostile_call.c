/* SPDX-License-Identifier: MIT */
/* Calls in batches, and KVM's records at every edge of its RAM. */
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

enum { BATCH_MAX_BITS = 5, EDGE_BITS = 7 };

static const struct hostile_code write_msr = {PROBE_CODE("\x0f\x30")};

static void print_call(const struct trivet_batch_entry *call)
{
	if (hostile_is_traced()) {
		guest_printf("hostile: call=0x%lx rbx=0x%lx rcx=0x%lx rdx=0x%lx rsi=0x%lx\n",
			call->rax, call->rbx, call->rcx, call->rdx, call->rsi);
	}
}

static bool is_left_out(uint64_t number)
{
	const uint64_t low = number & HOSTILE_LOW_HALF;

	/* An end that is asked for; a table that takes most of the time. */
	return low == TRIVET_CALL_END || low == TRIVET_CALL_PRINT_COUNTERS;
}

static bool make_batch(void)
{
	struct trivet_batch_entry *batch =
		(struct trivet_batch_entry *)(uintptr_t)(hostile_arena_address() & ~0x3full);
	const uint64_t count = choose_bits(BATCH_MAX_BITS);

	for (uint64_t i = 0; i < count; i++) {
		const uint64_t number = choose_call();

		batch[i].rax = is_left_out(number) ? TRIVET_CALL_PING : number;
		batch[i].rbx = hostile_away_from_own(hostile_address());
		batch[i].rcx = choose_value();
		batch[i].rdx = choose_value();
		batch[i].rsi = hostile_without_init(choose_value());
		print_call(&batch[i]);
	}
	return trivet_call2(TRIVET_CALL_BATCH, (uintptr_t)batch, count) >= 0;
}

static bool send_ipi(void)
{
	const struct trivet_batch_entry call = {.rax = KVM_CALL_SEND_IPI,
		.rbx = choose_bits(2),
		.rcx = choose_value(),
		.rdx = choose_bits(1),
		.rsi = hostile_without_init(choose_bits(16))};

	print_call(&call);
	(void)trivet_call4(call.rax, call.rbx, call.rcx, call.rdx, call.rsi);
	(void)trivet_call2(KVM_CALL_KICK_CPU, choose_value(), choose_bits(1));
	(void)trivet_kvm_sched_yield((uint32_t)choose_bits(1));
	return true;
}

/* A record of KVM's at the end of RAM, across pages, or in the middle; switched on or off. */
static bool place_record(void)
{
	static const uint32_t records[] = {MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME,
		MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW, MSR_KVM_STEAL_TIME,
		MSR_KVM_PV_EOI_EN, MSR_KVM_POLL_CONTROL};
	struct guest_probe probe = hostile_probe(&write_msr, false);
	uint64_t address = choose_bits(1) != 0 ? hostile_arena_address() : guest_memory_end();

	address += choose_bits(EDGE_BITS) - choose_bits(EDGE_BITS);
	address = choose_bits(2) != 0 ? (address & ~0x3full) | choose_bits(1) : address;
	probe.in.rcx = records[choose_below(ARRAY_COUNT(records))];
	probe.in.rax = address;
	probe.in.rdx = 0;
	return hostile_run(&probe);
}

bool hostile_call(void)
{
	if (!hostile_is_trivet()) {
		return false;
	}
	switch (choose_bits(2)) {
	case 0:
		return send_ipi();
	case 1:
		return place_record();
	default:
		return make_batch();
	}
}
