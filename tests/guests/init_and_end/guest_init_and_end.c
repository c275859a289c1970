/* SPDX-License-Identifier: MIT */
/*
 * Sends INIT and STARTUP to its second processor, which has not run yet, and ends at once, so that
 * the processor has to be started and to leave at the same time. "way=N" on the command line says
 * how it sends them, and how it ends:
 *   0  by SEND_IPI, and the END call, all three in one batch
 *   1  by SEND_IPI in a batch, and a reset by port 0xCF9
 *   2  by the local APIC's interrupt command register, and that reset: for hypercalls=none
 *   3  by that register, and a triple fault
 *   4  by that register again and again; it does not end by itself
 * "linger=N": it waits so many ticks before.
 *
 * The architecture demands nothing of the second processor: the guest never sees whether it came.
 * What is demanded is that guests beside it notice nothing (tests/guests/self_check).
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "guest/trivet_guest.h"

enum {
	WAY_CALLS_AND_END,
	WAY_CALLS_AND_RESET,
	WAY_APIC_AND_RESET,
	WAY_APIC_AND_CRASH,
	WAY_APIC_FOREVER,
	RESET_CONTROL_PORT = 0xcf9,
	RESET_HARD = 0x06,
	STARTUP_VECTOR = 0x10,
	BATCH_INIT = 0,
	BATCH_STARTUP = 1,
	BATCH_END = 2,
	BATCH_ENTRIES = 3,
};

static struct trivet_batch_entry batch[BATCH_ENTRIES] __attribute__((aligned(64)));

static struct trivet_batch_entry ipi_call(uint32_t apic_id, uint32_t icr)
{
	return (struct trivet_batch_entry){
		.rax = KVM_CALL_SEND_IPI, .rbx = 1, .rdx = apic_id, .rsi = icr};
}

static void send_by_calls(uint32_t apic_id, unsigned count)
{
	batch[BATCH_INIT] = ipi_call(apic_id, LAPIC_ICR_INIT | LAPIC_ICR_ASSERT);
	batch[BATCH_STARTUP] =
		ipi_call(apic_id, LAPIC_ICR_STARTUP | LAPIC_ICR_ASSERT | STARTUP_VECTOR);
	batch[BATCH_END] = (struct trivet_batch_entry){.rax = TRIVET_CALL_END};
	(void)trivet_batch((uintptr_t)batch, count);
}

static void send_by_apic(uint32_t apic_id)
{
	guest_lapic_send(apic_id, LAPIC_ICR_INIT | LAPIC_ICR_ASSERT);
	guest_lapic_send(apic_id, LAPIC_ICR_STARTUP | LAPIC_ICR_ASSERT | STARTUP_VECTOR);
}

static void crash(void)
{
	const struct guest_table_pointer nothing = {0, 0};

	guest_lidt(&nothing);
	__asm__ volatile("ud2");
}

static void send_and_end(uint64_t way, uint32_t apic_id)
{
	switch (way) {
	case WAY_CALLS_AND_END:
		send_by_calls(apic_id, BATCH_ENTRIES);
		break;
	case WAY_CALLS_AND_RESET:
		send_by_calls(apic_id, BATCH_END);
		guest_out8(RESET_CONTROL_PORT, RESET_HARD);
		break;
	case WAY_APIC_AND_RESET:
		send_by_apic(apic_id);
		guest_out8(RESET_CONTROL_PORT, RESET_HARD);
		break;
	case WAY_APIC_AND_CRASH:
		send_by_apic(apic_id);
		crash();
		break;
	default:
		for (;;) {
			send_by_apic(apic_id);
		}
	}
}

uint32_t guest_main(void)
{
	const uint64_t way = guest_option("way", WAY_CALLS_AND_END);

	if (guest_smp_init() < 2) {
		/* Alone it shows that INIT and STARTUP to a processor that is not there do nothing.
		 */
		send_by_apic(guest_cpu_at(0)->apic_id + 1);
		report_true("an_absent_processor_is_not_started", guest_cpu_count() == 1);
		return report_result();
	}
	(void)guest_smp_place(STARTUP_VECTOR);
	guest_spin_ticks(guest_option("linger", 0));
	send_and_end(way, guest_cpu_at(1)->apic_id);
	guest_spin_ticks(guest_limit_ticks());
	report_true("the_end_comes", false);
	return report_result();
}
