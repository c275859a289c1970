/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/tsc.c cpu/tsc_calibrate.c cpu/tsc_claims.c cpu/tsc_reference.c
 * tests/host/fake_clocks.c */
#include "cpu/tsc_calibrate.h"

#include "cpu/msr.h"
#include "cpu/tsc.h"
#include "cpu/tsc_reference.h"
#include "fake_clocks.h"
#include "fake_insn.h"
#include "fake_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TSC_HZ 2100000000ull

static const struct acpi_clocks no_clocks;
static const struct acpi_clocks all_clocks = {FAKE_PM_TIMER_PORT, FAKE_HPET_ADDRESS};

enum { SKYLAKE = 0x506e3, WESTMERE = 0x206c2, SILVERMONT = 0x30678, PENRYN = 0x10676 };

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	fake_log_clear();
	fake_clocks_set_tsc_hz(TSC_HZ);
	fake_cpu.tsc_step = 1000; /* A poll takes about half a microsecond. */
	return 0;
}

static void set_leaf_15h(uint32_t crystal_hz)
{
	fake_cpuid_set(0, 0, (struct cpuid_result){.eax = 0x16});
	fake_cpuid_set(0x15, 0, (struct cpuid_result){.eax = 2, .ebx = 168, .ecx = crystal_hz});
}

/* Within a thousandth. */
static void assert_hz(uint64_t hz)
{
	assert_in_range(tsc_hz(), hz - hz / 1000, hz + hz / 1000);
}

static void a_claim_that_the_clock_confirms_is_taken(void **state)
{
	(void)state;
	set_leaf_15h(25000000 + 25000000 / 150);
	fake_clocks_attach_pit();
	assert_int_equal(tsc_calibrate(&no_clocks), STATUS_OK);
	assert_int_equal(tsc_hz(), (25000000ull + 25000000 / 150) * 84);
	assert_string_equal(
		fake_log_text(), "tsc: hz=2113999944 from CPUID leaf 15H, as the 8254 measures\n");
}

static void a_claim_that_is_off_by_more_than_a_hundredth_loses(void **state)
{
	(void)state;
	set_leaf_15h(25000000 + 25000000 / 90);
	fake_clocks_attach_pit();
	assert_int_equal(tsc_calibrate(&no_clocks), STATUS_OK);
	assert_hz(TSC_HZ);
	assert_ptr_equal(
		strstr(fake_log_text(), "warning: tsc: CPUID leaf 15H claims hz=2123333268"),
		fake_log_text());
	assert_non_null(strstr(fake_log_text(), "\ntsc: hz="));
	assert_non_null(strstr(fake_log_text(), " measured by the 8254\n"));
}

/* An emulator of a 2.1 GHz model that executes 10 million instructions a second. */
static void the_claims_of_an_emulated_model_lose(void **state)
{
	(void)state;
	fake_clocks_set_tsc_hz(10000000);
	fake_cpu.tsc_step = 3;
	set_leaf_15h(25000000);
	fake_cpuid_set(0x16, 0, (struct cpuid_result){.eax = 2100});
	fake_clocks_attach_hpet();
	assert_int_equal(tsc_calibrate(&all_clocks), STATUS_OK);
	assert_hz(10000000);
}

static void the_second_claim_is_taken_if_the_first_is_wrong(void **state)
{
	(void)state;
	set_leaf_15h(24000000);
	fake_cpuid_set(0x16, 0, (struct cpuid_result){.eax = 2100});
	fake_clocks_attach_pm_timer();
	assert_int_equal(tsc_calibrate(&all_clocks), STATUS_OK);
	assert_int_equal(tsc_hz(), TSC_HZ);
	assert_non_null(
		strstr(fake_log_text(), "hz=2100000000 from CPUID leaf 16H, as the ACPI PM timer"));
}

static void without_a_clock_the_first_claim_is_taken_with_a_warning(void **state)
{
	(void)state;
	set_leaf_15h(25000000);
	fake_cpuid_set(0x16, 0, (struct cpuid_result){.eax = 2000});
	fake_cpu.tsc_step = 1000000;
	assert_int_equal(tsc_calibrate(&all_clocks), STATUS_OK);
	assert_int_equal(tsc_hz(), TSC_HZ);
	assert_string_equal(fake_log_text(), "warning: tsc: hz=2100000000 from CPUID leaf 15H: no "
					     "clock of the machine counts to check it\n");
}

static void with_neither_no_frequency_is_found(void **state)
{
	(void)state;
	/* All ones: the 8254's output is never low. */
	assert_int_equal(tsc_calibrate(&no_clocks), STATUS_NOT_FOUND);
	assert_int_equal(tsc_hz(), 0);
}

static void a_hypervisor_below_comes_first(void **state)
{
	(void)state;
	set_leaf_15h(25000000);
	fake_cpuid_set(1, 0, (struct cpuid_result){.ecx = 1u << 31});
	fake_cpuid_set(0x40000000, 0, (struct cpuid_result){.eax = 0x40000010});
	fake_cpuid_set(0x40000010, 0, (struct cpuid_result){.eax = 2100123});
	fake_clocks_attach_pit();
	assert_int_equal(tsc_calibrate(&no_clocks), STATUS_OK);
	assert_int_equal(tsc_hz(), 2100123000);
}

static void a_hypervisor_without_the_leaf_claims_nothing(void **state)
{
	(void)state;
	fake_cpuid_set(1, 0, (struct cpuid_result){.ecx = 1u << 31});
	fake_cpuid_set(0x40000000, 0, (struct cpuid_result){.eax = 0x40000001});
	fake_cpuid_set(0x40000010, 0, (struct cpuid_result){.eax = 2100123});
	fake_clocks_attach_pit();
	assert_int_equal(tsc_calibrate(&no_clocks), STATUS_OK);
	assert_hz(TSC_HZ);
	assert_true(tsc_hz() != 2100123000);
}

static void platform_info_counts_the_bus_clock_of_its_model(void **state)
{
	static const struct {
		uint32_t signature;
		uint64_t ratio;
		uint64_t hz; /* 0: it claims nothing. */
	} rows[] = {
		{SKYLAKE, 21, 2100000000},
		{WESTMERE, 16, 2133333328},
		{SILVERMONT, 21, 0},
		{PENRYN, 21, 0},
		{SKYLAKE, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)set_up(NULL);
		fake_cpuid_set(1, 0, (struct cpuid_result){.eax = rows[i].signature});
		fake_msr_set(MSR_PLATFORM_INFO, rows[i].ratio << 8);
		fake_cpu.tsc_step = 1000000;
		assert_int_equal(
			tsc_calibrate(&no_clocks), rows[i].hz != 0 ? STATUS_OK : STATUS_NOT_FOUND);
		assert_int_equal(tsc_hz(), rows[i].hz);
	}
}

static void each_clock_measures(void **state)
{
	static void (*const attach[])(void) = {
		fake_clocks_attach_pit, fake_clocks_attach_pm_timer, fake_clocks_attach_hpet};
	static const char *const names[] = {"8254", "ACPI PM timer", "HPET"};
	/* 1 GHz and little work between two polls is an emulator's; 5 GHz a fast machine's. */
	static const struct {
		uint64_t hz;
		uint64_t step;
	} machines[] = {{10000000, 3}, {1000000000, 5}, {2100000000, 2100}, {5000000000, 1700}};

	(void)state;
	for (size_t m = 0; m < sizeof(machines) / sizeof(machines[0]); m++) {
		for (size_t i = 0; i < 3; i++) {
			struct tsc_measurement measured;

			fake_insn_reset();
			fake_clocks_set_tsc_hz(machines[m].hz);
			fake_cpu.tsc_step = machines[m].step;
			attach[i]();
			measured = tsc_reference_measure(&all_clocks);
			assert_string_equal(measured.clock, names[i]);
			assert_in_range(measured.hz, machines[m].hz - machines[m].hz / 1000,
				machines[m].hz + machines[m].hz / 1000);
		}
	}
}

static void every_clock_is_left_as_it_was(void **state)
{
	(void)state;
	fake_clocks_attach_hpet();
	(void)tsc_reference_measure(&all_clocks);
	assert_int_equal(fake_clocks_hpet_configuration(), 0);
	fake_insn_reset();
	fake_clocks_attach_pit();
	(void)tsc_reference_measure(&no_clocks);
	assert_int_equal(fake_clocks_system_control(), 0x0c);
}

/* A clock that stands still is given up for the next one, which counts. */
static void clocks_that_stand_still_are_given_up(void **state)
{
	(void)state;
	fake_clocks_attach_hpet();
	fake_clocks_attach_pm_timer();
	fake_clocks_attach_pit();
	fake_clocks_stop();
	fake_cpu.tsc_step = 100000;
	assert_null(tsc_reference_measure(&all_clocks).clock);
	/* Two standstills, and the 8254's bound. */
	assert_in_range(fake_cpu.tsc, TSC_REFERENCE_TICKS_MAX, TSC_REFERENCE_TICKS_MAX + 10000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_claim_that_the_clock_confirms_is_taken, set_up),
		cmocka_unit_test_setup(a_claim_that_is_off_by_more_than_a_hundredth_loses, set_up),
		cmocka_unit_test_setup(the_claims_of_an_emulated_model_lose, set_up),
		cmocka_unit_test_setup(the_second_claim_is_taken_if_the_first_is_wrong, set_up),
		cmocka_unit_test_setup(
			without_a_clock_the_first_claim_is_taken_with_a_warning, set_up),
		cmocka_unit_test_setup(with_neither_no_frequency_is_found, set_up),
		cmocka_unit_test_setup(a_hypervisor_below_comes_first, set_up),
		cmocka_unit_test_setup(a_hypervisor_without_the_leaf_claims_nothing, set_up),
		cmocka_unit_test_setup(platform_info_counts_the_bus_clock_of_its_model, set_up),
		cmocka_unit_test_setup(each_clock_measures, set_up),
		cmocka_unit_test_setup(every_clock_is_left_as_it_was, set_up),
		cmocka_unit_test_setup(clocks_that_stand_still_are_given_up, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
