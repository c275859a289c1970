/* SPDX-License-Identifier: MIT */
/* KVM's clocks and the MSRs beside them. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/kvm_memory.h"

enum {
	NO_MEMORY = 0x3ff00000,
	YEAR_2020 = 1577836800,
	SLEEP_US = 2000,
	/* A host may wake a guest late, but not before its time (less a rounding). */
	SLEPT_MIN_NS = 1990000,
	SLEPT_MAX_NS = 20000000,
	/* Between the readings of the clock and of the TSC beside it. */
	READINGS_NS = 200000,
};

static struct system_time system_time __attribute__((aligned(64)));
static struct wall_clock wall_clock __attribute__((aligned(16)));
static struct steal_time steal_time __attribute__((aligned(64)));
static struct pairing pairing;
static uint32_t pv_eoi;

static bool write_msr(uint32_t msr, uint64_t value)
{
	uint64_t vector;

	return guest_probe_wrmsr(msr, value, &vector);
}

static uint64_t read_msr(uint32_t msr)
{
	uint64_t value = ~0ull;
	uint64_t vector;

	return guest_probe_rdmsr(msr, &value, &vector) ? value : ~0ull;
}

static uint64_t ns_of(uint64_t ticks)
{
	ticks = system_time.shift < 0 ? ticks >> -system_time.shift : ticks << system_time.shift;
	return ticks * system_time.multiplier >> 32;
}

/* The time as a guest computes it. */
static uint64_t now_ns(void)
{
	return system_time.system_time + ns_of(guest_rdtsc() - system_time.tsc_timestamp);
}

static void check_system_time(uint32_t msr, uint8_t flags)
{
	const uint64_t address = (uintptr_t)&system_time;
	uint64_t slept_ns;
	uint64_t ticks;

	system_time.version = 7;
	report_true("system_time_is_enabled", write_msr(msr, address | 1));
	report_equal("version_is_even_and_greater", system_time.version, 10);
	report_equal("flags", system_time.flags, flags);
	report_equal("the_msr_reads_back", read_msr(msr), address | 1);
	ticks = guest_rdtsc();
	slept_ns = now_ns();
	trivet_sleep(SLEEP_US);
	slept_ns = now_ns() - slept_ns;
	ticks = guest_rdtsc() - ticks;
	report_true("a_sleep_of_2_ms_ends_in_time",
		slept_ns >= SLEPT_MIN_NS && slept_ns < SLEPT_MAX_NS);
	/* The host has written the clock anew since: it still ran as the TSC did. */
	report_true("the_clock_runs_as_the_tsc_does",
		ns_of(ticks) + 1 >= slept_ns && ns_of(ticks) - slept_ns + 1 < READINGS_NS);
	report_true("system_time_is_disabled", write_msr(msr, 0));
	report_true("no_memory_is_no_gp", write_msr(msr, NO_MEMORY | 1));
	report_true("system_time_is_disabled", write_msr(msr, 0));
}

static void check_tsc_write(void)
{
	uint64_t before;
	uint64_t vector;

	(void)write_msr(MSR_KVM_SYSTEM_TIME_NEW, (uintptr_t)&system_time | 1);
	before = now_ns();
	guest_probe_wrmsr(0x10, 1ull << 40, &vector);
	report_true("the_clock_goes_on_when_the_tsc_jumps",
		now_ns() >= before && now_ns() - before < 10000000);
	(void)write_msr(MSR_KVM_SYSTEM_TIME_NEW, 0);
}

static void check_wall_clock(uint32_t msr)
{
	wall_clock.version = 3;
	wall_clock.seconds = 0;
	report_true("wall_clock_is_written", write_msr(msr, (uintptr_t)&wall_clock));
	report_equal("its_version_is_even_and_greater", wall_clock.version, 6);
	report_true("its_time_is_ours", wall_clock.seconds > YEAR_2020);
	report_true("its_nanoseconds_are_below_a_second", wall_clock.nanoseconds < 1000000000);
	report_true("address_0_is_ignored", write_msr(msr, 0));
	report_true("no_memory_is_ignored", write_msr(msr, NO_MEMORY));
}

static void check_steal_time(void)
{
	const uint64_t address = (uintptr_t)&steal_time;

	steal_time.preempted = 1;
	report_true("steal_time_is_registered", write_msr(MSR_KVM_STEAL_TIME, address | 1));
	report_equal("preempted_is_cleared", steal_time.preempted, 0);
	report_equal("nothing_is_stolen", steal_time.steal, 0);
	report_equal("its_version_is_even", steal_time.version, 2);
	report_equal("steal_time_reads_back", read_msr(MSR_KVM_STEAL_TIME), address | 1);
	for (unsigned bit = 1; bit <= 5; bit++) {
		report_true("a_reserved_bit_is_gp",
			!write_msr(MSR_KVM_STEAL_TIME, address | 1 | 1u << bit));
	}
	report_true("steal_time_is_given_up", write_msr(MSR_KVM_STEAL_TIME, 0));
}

static void check_small_msrs(void)
{
	const uint64_t address = (uintptr_t)&pv_eoi;

	report_true("pv_eoi_is_registered", write_msr(MSR_KVM_PV_EOI_EN, address | 1));
	report_equal("pv_eoi_reads_back", read_msr(MSR_KVM_PV_EOI_EN), address | 1);
	report_true("pv_eoi_must_be_aligned", !write_msr(MSR_KVM_PV_EOI_EN, address | 2 | 1));
	report_true("pv_eoi_needs_memory", !write_msr(MSR_KVM_PV_EOI_EN, NO_MEMORY | 1));
	report_true("pv_eoi_is_given_up", write_msr(MSR_KVM_PV_EOI_EN, 0));
	report_equal("polling_is_on_at_first", read_msr(MSR_KVM_POLL_CONTROL), 1);
	report_true("polling_is_switched_off", write_msr(MSR_KVM_POLL_CONTROL, 0));
	report_equal("poll_control_reads_back", read_msr(MSR_KVM_POLL_CONTROL), 0);
	report_true("a_reserved_bit_of_it_is_gp", !write_msr(MSR_KVM_POLL_CONTROL, 2));
	for (uint32_t msr = 0x4b564d02; msr <= 0x4b564d09; msr++) {
		if (msr == 0x4b564d02 || msr > MSR_KVM_POLL_CONTROL) {
			report_true("what_is_not_offered_is_gp", !write_msr(msr, 0));
			report_equal("what_is_not_offered_is_gp", read_msr(msr), ~0ull);
		}
	}
}

static void check_calls(void)
{
	const uint64_t before = guest_rdtsc();

	pairing.flags = 7;
	report_equal("clock_pairing_returns_0",
		(uint64_t)trivet_call2(KVM_CALL_CLOCK_PAIRING, (uintptr_t)&pairing, 0), 0);
	report_true("its_time_is_the_wall_clock_s",
		pairing.seconds >= wall_clock.seconds && pairing.seconds < wall_clock.seconds + 60);
	report_true("its_tsc_is_now", pairing.tsc > before && pairing.tsc < guest_rdtsc());
	report_equal("its_flags_are_0", pairing.flags, 0);
	report_equal("another_type_is_eopnotsupp",
		(uint64_t)trivet_call2(KVM_CALL_CLOCK_PAIRING, (uintptr_t)&pairing, 1),
		(uint64_t)-TRIVET_EOPNOTSUPP);
	report_equal("no_memory_is_efault",
		(uint64_t)trivet_call2(KVM_CALL_CLOCK_PAIRING, NO_MEMORY, 0),
		(uint64_t)-TRIVET_EFAULT);
	report_equal("kick_returns_0", (uint64_t)trivet_call2(KVM_CALL_KICK_CPU, 0, 99), 0);
	report_equal("yield_returns_0", (uint64_t)trivet_call1(KVM_CALL_SCHED_YIELD, 99), 0);
	report_equal("kick_returns_0", (uint64_t)trivet_call2(KVM_CALL_KICK_CPU, 0, 0), 0);
	__asm__ volatile("hlt");
	report_pass("a_kick_before_hlt_is_not_lost");
}

uint32_t guest_main(void)
{
	if (!report_has_trivet("kvm_clock")) {
		return report_result();
	}
	report_set_scope("old");
	check_system_time(MSR_KVM_SYSTEM_TIME, 0);
	check_wall_clock(MSR_KVM_WALL_CLOCK);
	report_set_scope("new");
	check_system_time(MSR_KVM_SYSTEM_TIME_NEW, 1);
	check_wall_clock(MSR_KVM_WALL_CLOCK_NEW);
	report_set_scope(0);
	check_tsc_write();
	check_steal_time();
	check_small_msrs();
	check_calls();
	return report_result();
}
