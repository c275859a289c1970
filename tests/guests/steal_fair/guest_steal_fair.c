/* SPDX-License-Identifier: MIT */
/*
 * Spins for a while ("ms=N", 1000 if nothing is said) and says how much of it others had:
 * "FAIR tsc=TICKS khz=N work=N steal_ns=N", and for how long it stood still at most:
 * "GAP ticks=N". Two of them on one processor have about the same. The
 * TSC's frequency is KVM's, or "khz=N".
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/kvm_clock.h"
#include "tests/guests/shared/kvm_memory.h"

enum { SPIN_MS = 1000 };

static struct steal_time record __attribute__((aligned(64)));

/* Returns how often it came round, and the longest time that it did not. */
static uint64_t spin(uint64_t ticks, uint64_t *gap)
{
	const uint64_t start = guest_rdtsc();
	uint64_t last = start;
	uint64_t work = 0;

	*gap = 0;
	while (last - start < ticks) {
		const uint64_t now = guest_rdtsc();

		*gap = now - last > *gap ? now - last : *gap;
		last = now;
		work++;
	}
	return work;
}

/* Even and unchanged: a whole record. */
static uint64_t steal_ns(void)
{
	const volatile struct steal_time *shared = &record;
	uint32_t version;
	uint64_t steal;

	do {
		version = shared->version;
		steal = shared->steal;
	} while (version % 2 != 0 || shared->version != version);
	return steal;
}

uint32_t guest_main(void)
{
	const uint32_t features = trivet_kvm_features();
	const uint32_t needed = KVM_FEATURE_STEAL_TIME | KVM_FEATURE_CLOCKSOURCE2;
	uint64_t khz = guest_option("khz", 0);
	uint64_t start;
	uint64_t work;
	uint64_t before;
	uint64_t gap;

	if ((features & needed) != needed) {
		report_skip("steal_time", "it is not offered");
		return report_result();
	}
	khz = khz != 0 ? khz : kvm_clock_khz();
	if (!report_true("the_frequency_is_known", khz != 0)) {
		return report_result();
	}
	guest_wrmsr(MSR_KVM_STEAL_TIME, (uintptr_t)&record | 1);
	before = steal_ns();
	start = guest_rdtsc();
	work = spin(khz * guest_option("ms", SPIN_MS), &gap);
	/* A call comes back by an entry, at which the record is made up to date. */
	(void)trivet_kvm_vapic_poll_irq();
	guest_printf("FAIR tsc=%lu khz=%lu work=%lu steal_ns=%lu\n", guest_rdtsc() - start, khz,
		work, steal_ns() - before);
	guest_printf("GAP ticks=%lu\n", gap);
	report_true("steal_does_not_go_back", steal_ns() >= before);
	return report_result();
}
