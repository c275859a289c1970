/* SPDX-License-Identifier: MIT */
/*
 * A gap is what lies between two reads of the TSC that follow each other. Of it others had what
 * KVM's record of stolen time says; the rest is exits of this guest's own, and what the hypervisor
 * does without saying.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/kvm_clock.h"
#include "tests/guests/shared/kvm_memory.h"
#include "tests/guests/victim/victim.h"

/* More than the loop takes, and less than a switch of vCPUs. */
enum { GAP_TICKS_MIN = 100 };

static struct steal_time record __attribute__((aligned(64)));
static struct victim_delays delays;

/* Even and unchanged: a whole record. */
static uint64_t stolen_ticks(void)
{
	const volatile struct steal_time *shared = &record;
	uint32_t version;
	uint64_t steal;

	do {
		version = shared->version;
		steal = shared->steal;
	} while (version % 2 != 0 || shared->version != version);
	return steal * delays.khz / NS_TIMES_KHZ;
}

void victim_delay_begin(void)
{
	const uint32_t features = trivet_kvm_features();

	delays.khz = guest_option("khz", 0);
	if ((features & KVM_FEATURE_CLOCKSOURCE2) != 0 && delays.khz == 0) {
		delays.khz = kvm_clock_khz();
	}
	if ((features & KVM_FEATURE_STEAL_TIME) != 0) {
		guest_wrmsr(MSR_KVM_STEAL_TIME, (uintptr_t)&record | 1);
	}
}

static void note_gap(uint64_t ticks, uint64_t stolen)
{
	const uint64_t unstolen = ticks > stolen ? ticks - stolen : 0;

	delays.gap_count++;
	if (ticks > delays.longest_ticks) {
		delays.longest_ticks = ticks;
		delays.longest_stolen_ticks = stolen;
	}
	if (unstolen > delays.longest_unstolen_ticks) {
		delays.longest_unstolen_ticks = unstolen;
	}
}

void victim_delay_spin(uint64_t ticks)
{
	const uint64_t start = guest_rdtsc();
	uint64_t stolen = stolen_ticks();
	uint64_t last = start;

	while (last - start < ticks) {
		const uint64_t now = guest_rdtsc();

		if (now - last > GAP_TICKS_MIN) {
			const uint64_t stolen_now = stolen_ticks();

			note_gap(now - last, stolen_now - stolen);
			stolen = stolen_now;
			/* What noting it took is no gap. */
			last = guest_rdtsc();
		} else {
			last = now;
		}
	}
}

struct victim_delays victim_delay_result(void)
{
	return delays;
}
