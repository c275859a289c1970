/* SPDX-License-Identifier: MIT */
/*
 * Interprocessor interrupts of every kind, in xAPIC and in x2APIC mode. "storm=N" on the command
 * line is how many each processor sends its neighbour at the end.
 */
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "tests/guests/smp_ipi/ipi_rules.h"

#include <stddef.h>

enum { STORM_ROUNDS = 1000 };

static void check_all(const char *scope)
{
	report_set_scope(scope);
	ipi_check_destinations();
	if (guest_cpu_count() > 1) {
		ipi_check_pending();
	}
	ipi_check_storm((unsigned)guest_option("storm", STORM_ROUNDS));
	report_set_scope(NULL);
}

static void enter_x2apic(void *unused)
{
	(void)unused;
	guest_lapic_enter_x2apic();
}

uint32_t guest_main(void)
{
	if (guest_smp_init() < 2) {
		report_skip("other_processors", "there is one processor");
	}
	if (!report_true("all_start", guest_smp_start_all())) {
		return report_result();
	}
	check_all("xapic");
	if (!guest_lapic_has_x2apic()) {
		report_skip("x2apic", "this CPU has none");
	} else if (report_true("all_enter_x2apic", guest_smp_run_all(enter_x2apic, NULL))) {
		check_all("x2apic");
	}
	return report_result();
}
