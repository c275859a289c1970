/* SPDX-License-Identifier: MIT */
/* The native calls but log and end: batch, counters, sleep, trace mark. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"

enum { COUNTERS_MAX = 100 };

#define ENTRY_ALIGNED __attribute__((aligned(TRIVET_BATCH_ENTRY_BYTES)))

#define SLEEP_US ((uintptr_t)500)

static struct trivet_batch_entry batch[TRIVET_BATCH_MAX] ENTRY_ALIGNED;
static struct trivet_counter counters[COUNTERS_MAX];

static uintptr_t address_of(const void *pointer)
{
	return (uintptr_t)pointer;
}

static void check_batch(void)
{
	static const char text[] = "a text logged from a batch";

	batch[0] = (struct trivet_batch_entry){.rax = TRIVET_CALL_PING};
	batch[1] = (struct trivet_batch_entry){.rax = 0x1234};
	batch[2] = (struct trivet_batch_entry){
		.rax = TRIVET_CALL_LOG, .rbx = address_of(text), .rcx = sizeof(text) - 1};
	batch[3] = (struct trivet_batch_entry){
		.rax = TRIVET_CALL_BATCH, .rbx = address_of(batch), .rcx = 1};
	batch[4] = (struct trivet_batch_entry){.rax = TRIVET_CALL_PING, .result = 7};
	report_equal("batch_returns_how_many_were_made",
		(uint64_t)trivet_batch(address_of(batch), 4), 4);
	report_equal("batch_ping", batch[0].result, TRIVET_PING_RESULT);
	report_equal("batch_unknown", batch[1].result, (uint64_t)-TRIVET_ENOSYS);
	report_equal("batch_log", batch[2].result, 0);
	report_equal("batch_in_batch_is_einval", batch[3].result, (uint64_t)-TRIVET_EINVAL);
	report_equal("batch_leaves_other_entries", batch[4].result, 7);
	report_equal("batch_of_none", (uint64_t)trivet_batch(address_of(batch), 0), 0);
}

static void check_bad_batches(void)
{
	const uintptr_t end = guest_memory_end();
	const struct {
		uintptr_t address;
		uintptr_t count;
		int error;
	} bad[] = {
		{end - 64, 2, TRIVET_EFAULT},
		{end, 1, TRIVET_EFAULT},
		{0xfee00000, 1, TRIVET_EFAULT},
		{UINTPTR_MAX - 63, 1, TRIVET_EFAULT},
		{UINTPTR_MAX - 63, TRIVET_BATCH_MAX, TRIVET_EFAULT},
		{end - 64 + 8, 1, TRIVET_EINVAL},
		{0, TRIVET_BATCH_MAX + 1, TRIVET_E2BIG},
		{0, UINTPTR_MAX, TRIVET_E2BIG},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		report_equal("bad_batch_is_refused_whole",
			(uint64_t)trivet_batch(bad[i].address, bad[i].count),
			(uint64_t) - (int64_t)bad[i].error);
	}
}

static uint64_t count_of(uint32_t kind, uint32_t number)
{
	const intptr_t found = trivet_read_counters(address_of(counters), COUNTERS_MAX);

	for (intptr_t i = 0; i < found && i < COUNTERS_MAX; i++) {
		if (counters[i].kind == kind && counters[i].number == number) {
			uint64_t sum = 0;

			for (unsigned bin = 0; bin < TRIVET_COUNTER_BINS; bin++) {
				sum += counters[i].bins[bin];
			}
			report_equal("bins_add_up_to_the_count", sum, counters[i].count);
			return counters[i].count;
		}
	}
	return 0;
}

static void check_counters(void)
{
	enum { EXIT_REASON_CPUID = 10 };
	const uint64_t pings = count_of(TRIVET_COUNTER_HYPERCALL, TRIVET_CALL_PING);
	const uint64_t cpuids = count_of(TRIVET_COUNTER_EXIT, EXIT_REASON_CPUID);

	trivet_ping();
	trivet_cpuid(0);
	trivet_cpuid(0);
	report_equal("a_ping_is_counted", count_of(TRIVET_COUNTER_HYPERCALL, TRIVET_CALL_PING),
		pings + 1);
	report_equal(
		"exits_are_counted", count_of(TRIVET_COUNTER_EXIT, EXIT_REASON_CPUID), cpuids + 2);
	batch[0] = (struct trivet_batch_entry){.rax = TRIVET_CALL_PING};
	(void)trivet_batch(address_of(batch), 1);
	report_equal("calls_of_a_batch_are_counted",
		count_of(TRIVET_COUNTER_HYPERCALL, TRIVET_CALL_PING), pings + 2);
	report_equal("counters_need_ram", (uint64_t)trivet_read_counters(guest_memory_end() - 8, 1),
		(uint64_t)-TRIVET_EFAULT);
	report_true("counters_that_do_not_fit_are_counted_only", trivet_read_counters(0, 0) > 0);
	report_equal("counters_are_printed", (uint64_t)trivet_print_counters(), 0);
}

static uint64_t slept_ticks(uintptr_t microseconds)
{
	const uint64_t start = guest_rdtsc();
	const intptr_t result = trivet_sleep(microseconds);
	const uint64_t ticks = guest_rdtsc() - start;

	report_equal("sleep_returns_0", (uint64_t)result, 0);
	return ticks;
}

static void check_sleep(void)
{
	const uint64_t short_ticks = slept_ticks(SLEEP_US);
	const uint64_t long_ticks = slept_ticks(4 * SLEEP_US);

	report_true("four_times_the_time_takes_four_times_the_ticks",
		long_ticks > 3 * short_ticks && long_ticks < 5 * short_ticks);
	report_equal("sleep_of_0", (uint64_t)trivet_sleep(0), 0);
	report_equal("sleep_has_a_limit", (uint64_t)trivet_sleep(TRIVET_SLEEP_MAX_US + 1),
		(uint64_t)-TRIVET_EINVAL);
}

uint32_t guest_main(void)
{
	if (!report_has_trivet("native_calls")) {
		return report_result();
	}
	check_batch();
	check_bad_batches();
	check_counters();
	check_sleep();
	report_equal("guest_control_needs_the_right",
		(uint64_t)trivet_guest_control(TRIVET_GUEST_STOP, 0), (uint64_t)-TRIVET_EPERM);
	report_equal("guest_list_needs_the_right", (uint64_t)trivet_guest_list(0, 0),
		(uint64_t)-TRIVET_EPERM);
	report_equal("trace_mark_returns_0", (uint64_t)trivet_trace_mark(0x1122, 0x3344), 0);
	return report_result();
}
