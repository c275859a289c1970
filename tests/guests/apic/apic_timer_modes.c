/* SPDX-License-Identifier: MIT */
/* Periodic and TSC-deadline mode: SDM Vol. 3A "APIC Timer", "TSC-Deadline Mode". */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "tests/guests/apic/apic_device.h"
#include "tests/guests/apic/apic_rules.h"

#define MSR_TSC_DEADLINE         0x6e0u
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define LVT_PERIODIC             (1u << 17)
#define LVT_TSC_DEADLINE         (1u << 18)

enum {
	DISTANCE = 400000,
	TWICE_DISTANCE = 2 * DISTANCE,
	LATE_MOST = DISTANCE / 4,
	LIMIT = 100 * DISTANCE,
	PERIOD_COUNT = 4000000, /* Of the timer; its clock may be faster than the TSC. */
	PERIODS = 5,
};

static uint64_t arm(uint64_t distance)
{
	const uint64_t deadline = guest_rdtsc() + distance;

	guest_wrmsr(MSR_TSC_DEADLINE, deadline);
	return deadline;
}

/* Runs until so many interrupts came; returns the TSC then. Where it exits all the time, the time
 * that the hypervisor takes must not make the timer late. */
static uint64_t wait_for(uint64_t count, bool is_exiting)
{
	const uint64_t start = guest_rdtsc();

	while (apic_count() < count && guest_rdtsc() - start < LIMIT) {
		if (is_exiting) {
			(void)guest_cpuid(0, 0);
		}
	}
	return guest_rdtsc();
}

static void check_on_time(const char *rule, bool is_exiting)
{
	uint64_t deadline;
	uint64_t came;

	apic_forget();
	guest_sti();
	deadline = arm(DISTANCE);
	came = wait_for(1, is_exiting);
	guest_cli();
	report_equal("a_deadline_strikes_once", apic_count(), 1);
	report_true("a_deadline_is_not_early", came >= deadline);
	report_true(rule, came - deadline < LATE_MOST);
	report_equal("a_deadline_disarms_itself", guest_rdmsr(MSR_TSC_DEADLINE), 0);
	apic_end_interrupt();
}

static void check_disarming(void)
{
	uint64_t deadline;

	apic_forget();
	guest_sti();
	deadline = arm(DISTANCE);
	report_equal("an_armed_deadline_reads_back", guest_rdmsr(MSR_TSC_DEADLINE), deadline);
	guest_wrmsr(MSR_TSC_DEADLINE, 0);
	apic_spin(TWICE_DISTANCE);
	report_equal("a_deadline_of_0_disarms", apic_count(), 0);
	(void)arm(DISTANCE);
	(void)arm(LIMIT);
	apic_spin(TWICE_DISTANCE);
	report_equal("a_deadline_can_be_put_off", apic_count(), 0);
	(void)arm(DISTANCE);
	apic_spin(TWICE_DISTANCE);
	guest_cli();
	report_equal("a_deadline_can_be_brought_forward", apic_count(), 1);
	apic_end_interrupt();
}

static void check_past_and_masked(void)
{
	apic_forget();
	guest_sti();
	guest_wrmsr(MSR_TSC_DEADLINE, 1);
	report_equal("a_deadline_in_the_past_strikes_at_once", apic_count(), 1);
	guest_cli();
	apic_end_interrupt();
	(void)arm(DISTANCE);
	apic_spin(TWICE_DISTANCE);
	report_equal("a_deadline_waits_for_if", apic_count(), 1);
	apic_open();
	report_equal("a_deadline_that_waited_comes_once", apic_count(), 2);
	apic_end_interrupt();
	apic_open();
	report_equal("and_no_more", apic_count(), 2);
	(void)arm(DISTANCE);
	__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
	report_equal("a_deadline_wakes_a_halted_guest", apic_count(), 3);
	apic_end_interrupt();
}

static void check_deadline_mode(void)
{
	apic_put(APIC_LVT_TIMER, LVT_TSC_DEADLINE | APIC_VECTOR_TIMER);
	check_on_time("a_deadline_is_met_by_a_spinning_guest", false);
	check_on_time("a_deadline_is_met_by_a_guest_that_exits", true);
	check_disarming();
	check_past_and_masked();
	apic_put(APIC_INITIAL_COUNT, DISTANCE);
	report_equal("deadline_mode_has_no_count", apic_get(APIC_CURRENT_COUNT), 0);
	(void)arm(DISTANCE);
	apic_put(APIC_LVT_TIMER, APIC_VECTOR_TIMER);
	report_equal("leaving_the_mode_disarms", guest_rdmsr(MSR_TSC_DEADLINE), 0);
}

static void check_periodic_mode(void)
{
	uint64_t start;
	uint64_t first_ticks;
	uint64_t all_ticks;

	apic_forget();
	apic_put(APIC_LVT_TIMER, LVT_PERIODIC | APIC_VECTOR_TIMER);
	start = guest_rdtsc();
	apic_put(APIC_INITIAL_COUNT, PERIOD_COUNT);
	guest_sti();
	first_ticks = wait_for(1, false) - start;
	for (uint64_t i = 2; i <= PERIODS; i++) {
		apic_end_interrupt();
		(void)wait_for(i, i % 2 == 0);
	}
	all_ticks = guest_rdtsc() - start;
	apic_put(APIC_INITIAL_COUNT, 0);
	apic_end_interrupt();
	apic_spin(2 * first_ticks);
	guest_cli();
	report_equal("periods_end_by_an_initial_count_of_0", apic_count(), PERIODS);
	report_true("periods_do_not_shrink", all_ticks > PERIODS * first_ticks - first_ticks / 2);
	report_true("periods_do_not_grow", all_ticks < PERIODS * first_ticks + first_ticks / 2);
	apic_stop_timer();
}

void apic_check_timer_modes(void)
{
	check_periodic_mode();
	if ((guest_cpuid(1, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) != 0) {
		check_deadline_mode();
	} else {
		report_skip("tsc_deadline", "this CPU has none");
	}
	apic_stop_timer();
}
