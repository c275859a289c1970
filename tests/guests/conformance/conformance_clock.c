/* SPDX-License-Identifier: MIT */
/* What KVM's clock and steal-time MSRs put into memory. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"
#include "tests/guests/shared/kvm_memory.h"

enum { FLAG_STABLE = 1, FLAG_STOPPED = 2, ENABLE = 1, PATTERN = 0xa5, READINGS = 100 };
enum { OLD_EVEN = 8, OLD_ODD = 7, FLUSH_TLB = 2, PREEMPTED = 1 };
/* 2020 and 2100, in seconds since 1970. */
#define PLAUSIBLE_FIRST     1577836800u
#define PLAUSIBLE_LAST      4102444800u
#define SECOND_NS           1000000000u
#define PLAUSIBLE_STOLEN_NS (3600ull * SECOND_NS)
#define MULTIPLIER_FRACTION 32

static struct system_time *const system_time = (struct system_time *)conformance_page;
static struct wall_clock *const wall_clock = (struct wall_clock *)conformance_page;
static struct steal_time *const steal_time = (struct steal_time *)conformance_page;

static bool write_msr(uint32_t msr, uint64_t value)
{
	uint64_t vector;

	return guest_probe_wrmsr(msr, value, &vector);
}

static void fill_page(uint8_t byte)
{
	memset(conformance_page, byte, sizeof(conformance_page));
}

/* The hypervisor writes while this processor is stopped: plain reads are enough for one read. */
static uint64_t now_ns(void)
{
	const volatile struct system_time *time = system_time;
	uint64_t ticks;
	uint64_t now;
	uint32_t version;

	do {
		version = time->version;
		ticks = guest_rdtsc() - time->tsc_timestamp;
		ticks = time->shift < 0 ? ticks >> -time->shift : ticks << time->shift;
		now = time->system_time + (ticks * time->multiplier >> MULTIPLIER_FRACTION);
	} while (version != time->version);
	return now;
}

static bool is_monotonic(void)
{
	uint64_t before = now_ns();

	for (unsigned i = 0; i < READINGS; i++) {
		const uint64_t now = now_ns();

		if (now < before) {
			return false;
		}
		before = now;
	}
	return true;
}

static void check_system_time(const char *name, uint32_t msr, bool is_stable)
{
	bool holds;

	fill_page(0);
	system_time->version = OLD_ODD;
	if (!write_msr(msr, (uintptr_t)conformance_page | ENABLE)) {
		return;
	}
	case_begin("clock", name, "memory");
	case_value("version_even", system_time->version % 2 == 0);
	case_value("version_greater", system_time->version > OLD_ODD);
	case_value("multiplier_set", system_time->multiplier != 0);
	case_value("tsc_before_now", system_time->tsc_timestamp <= guest_rdtsc());
	case_value("flags", system_time->flags);
	case_value("padding",
		system_time->padding0 | system_time->padding[0] | system_time->padding[1]);
	holds = is_monotonic();
	case_value("monotonic", holds);
	case_end(holds && system_time->version % 2 == 0 && system_time->version > OLD_ODD &&
		 system_time->multiplier != 0 && (system_time->flags & ~FLAG_STABLE) == 0 &&
		 (is_stable || system_time->flags == 0));
	(void)write_msr(msr, 0);
}

/* That the guest was paused stays said until the guest takes it back. */
static void check_stopped_flag(const char *name, uint32_t msr)
{
	fill_page(0);
	system_time->flags = FLAG_STOPPED;
	if (!write_msr(msr, (uintptr_t)conformance_page | ENABLE)) {
		return;
	}
	case_begin("clock", name, "guest_stopped_flag_is_kept");
	case_value("flag", (system_time->flags & FLAG_STOPPED) != 0);
	case_end((system_time->flags & FLAG_STOPPED) != 0);
	(void)write_msr(msr, 0);
}

static bool is_page_filled(size_t from, uint8_t byte)
{
	for (size_t i = from; i < sizeof(conformance_page); i++) {
		if (conformance_page[i] != byte) {
			return false;
		}
	}
	return true;
}

/*
 * Only from the address on: Linux KVM takes an address that is no good for none, and goes on at
 * the one before.
 */
static void check_not_written(const char *name, const char *rule, uint32_t msr, uint64_t offset)
{
	const size_t from = offset & ~(uint64_t)ENABLE;

	fill_page(PATTERN);
	if (!write_msr(msr, (uintptr_t)conformance_page + offset)) {
		return;
	}
	case_begin("clock", name, rule);
	case_text("at_address", is_page_filled(from, PATTERN) ? "same" : "written");
	case_end(is_page_filled(from, PATTERN));
	(void)write_msr(msr, 0);
}

static void check_wall_clock(const char *name, uint32_t msr, uint32_t old_version)
{
	const bool is_odd = old_version % 2 != 0;
	bool is_plausible;

	fill_page(PATTERN);
	wall_clock->version = old_version;
	if (!write_msr(msr, (uintptr_t)conformance_page)) {
		return;
	}
	is_plausible =
		wall_clock->seconds > PLAUSIBLE_FIRST && wall_clock->seconds < PLAUSIBLE_LAST;
	case_begin("clock", name, is_odd ? "memory_version_was_odd" : "memory_version_was_even");
	case_value("version", wall_clock->version);
	case_value("year_plausible", is_plausible);
	case_value("nsec_below_second", wall_clock->nanoseconds < SECOND_NS);
	case_text("behind", conformance_page[sizeof(*wall_clock)] == PATTERN ? "same" : "written");
	case_end(is_plausible && wall_clock->version % 2 == 0 &&
		 wall_clock->version > old_version && wall_clock->nanoseconds < SECOND_NS &&
		 conformance_page[sizeof(*wall_clock)] == PATTERN);
	(void)write_msr(msr, 0);
}

static void check_steal_time(const char *name, uint8_t preempted, uint64_t stolen)
{
	bool holds;

	fill_page(0);
	steal_time->preempted = preempted;
	steal_time->steal = stolen;
	steal_time->version = OLD_ODD;
	steal_time->flags = PATTERN;
	if (!write_msr(MSR_KVM_STEAL_TIME, (uintptr_t)conformance_page | ENABLE)) {
		return;
	}
	holds = steal_time->steal - stolen < PLAUSIBLE_STOLEN_NS;
	case_begin("clock", "steal_time", name);
	case_value("preempted", steal_time->preempted);
	case_value("version_even", steal_time->version % 2 == 0);
	case_value("version_greater", steal_time->version > OLD_ODD);
	case_value("stolen_is_added", holds);
	case_value("flags", steal_time->flags);
	case_end(holds && steal_time->preempted == 0 && steal_time->version % 2 == 0 &&
		 steal_time->version > OLD_ODD);
	(void)write_msr(MSR_KVM_STEAL_TIME, 0);
}

static void check_pv_eoi(void)
{
	fill_page(PATTERN);
	if (!write_msr(MSR_KVM_PV_EOI_EN, (uintptr_t)conformance_page | ENABLE)) {
		return;
	}
	case_begin("clock", "pv_eoi", "nothing_in_service");
	case_value("first_byte", conformance_page[0]);
	conformance_page[0] = PATTERN;
	case_text("others", is_page_filled(0, PATTERN) ? "same" : "written");
	case_end(is_page_filled(0, PATTERN));
	(void)write_msr(MSR_KVM_PV_EOI_EN, 0);
}

static void check_clock(const char *wall, const char *time, uint32_t wall_msr, uint32_t time_msr)
{
	const bool is_stable =
		time_msr == MSR_KVM_SYSTEM_TIME_NEW && offers(FEATURE_CLOCKSOURCE_STABLE);

	check_system_time(time, time_msr, is_stable);
	check_stopped_flag(time, time_msr);
	check_not_written(time, "not_enabled_writes_nothing", time_msr, 0);
	check_not_written(time, "across_pages_writes_nothing", time_msr, 0xff0 | ENABLE);
	check_wall_clock(wall, wall_msr, OLD_ODD);
	check_wall_clock(wall, wall_msr, OLD_EVEN);
}

void conformance_clock(void)
{
	check_clock("wall_clock_old", "system_time_old", MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME);
	check_clock("wall_clock", "system_time", MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW);
	check_steal_time("memory", 0, 0);
	check_steal_time("was_preempted", PREEMPTED, 0);
	check_steal_time("asked_for_flush", PREEMPTED | FLUSH_TLB, 0);
	check_steal_time("old_value_counts_on", 0, 0x100000000ull);
	check_not_written("steal_time", "not_enabled_writes_nothing", MSR_KVM_STEAL_TIME, 0);
	check_pv_eoi();
}
