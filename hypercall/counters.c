/* SPDX-License-Identifier: MIT */
/* What is counted of a vCPU, for the log and for the guest. */
#include "hypercall/counters.h"

#include "cpu/log.h"
#include "hypercall/abi_types.h"
#include "hypercall/dispatch.h"
#include "lib/format.h"
#include "lib/string.h"

enum { BINS_TEXT_MAX = 160 };

_Static_assert(sizeof(struct trivet_counter) == TRIVET_COUNTER_BYTES, "hypercall/abi.h");
_Static_assert((int)TRIVET_COUNTER_BINS == (int)TICK_HISTOGRAM_BINS, "the guest sees all bins");

/* The counters in one row: the exit reasons, then the calls. */
enum { ROW_COUNT = (int)EXIT_REASON_COUNT + (int)HYPERCALL_ROW_COUNT };

/* VMCALL's is made here: on the hypercall path each call is counted once. */
static struct tick_histogram exit_ticks(const struct vcpu *vcpu, size_t reason)
{
	struct tick_histogram sum = vcpu->exit_ticks[reason];

	if (reason == EXIT_REASON_VMCALL) {
		for (size_t row = 0; row < HYPERCALL_ROW_COUNT; row++) {
			tick_histogram_merge(&sum, &vcpu->hypercall_ticks[row]);
		}
	}
	return sum;
}

static struct tick_histogram histogram_of(const struct vcpu *vcpu, size_t row)
{
	struct tick_histogram sum;

	if (row < EXIT_REASON_COUNT) {
		return exit_ticks(vcpu, row);
	}
	sum = vcpu->hypercall_ticks[row - EXIT_REASON_COUNT];
	tick_histogram_merge(&sum, &vcpu->batched_ticks[row - EXIT_REASON_COUNT]);
	return sum;
}

static const char *name_of(size_t row)
{
	return row < EXIT_REASON_COUNT ? exit_reason_name((uint32_t)row)
				       : hypercall_table[row - EXIT_REASON_COUNT].name;
}

static void pass(void (*between)(void))
{
	if (between != NULL) {
		between();
	}
}

static void report_trace(const struct vcpu *vcpu, const struct trace *trace, void (*between)(void))
{
	uint64_t before = trace_count(trace) == 0 ? 0 : trace_get(trace, 0)->tsc;

	if (trace->written > trace_count(trace)) {
		log_info(vcpu->vm->config->name, "trace: the last %lu of %lu records",
			trace_count(trace), trace->written);
	}
	for (size_t i = 0; i < trace_count(trace); i++) {
		const struct trace_record *record = trace_get(trace, i);

		if (record->kind == TRACE_MARK) {
			log_info(vcpu->vm->config->name, "trace: +%-8lu mark %#lx %#lx",
				record->tsc - before, record->values[0], record->values[1]);
		} else {
			log_info(vcpu->vm->config->name, "trace: +%-8lu call %s result=%#lx",
				record->tsc - before,
				hypercall_table[hypercall_row_of_number(record->values[0])].name,
				record->values[1]);
		}
		before = record->tsc;
		pass(between);
	}
}

void hypercall_report_counters(const struct vcpu *vcpu, void (*between)(void))
{
	/* A vCPU that runs in between would move its records. Who has something to do in between is
	 * the boot processor's loop alone. */
	static struct trace trace;
	const char *name = vcpu->vm->is_smp ? vcpu->name : vcpu->vm->config->name;

	if (between != NULL) {
		trace = vcpu->trace;
	}
	log_info(name, "%-5s %-23s %10s  ticks in the hypervisor, 2^n:times", "count", "of",
		"times");
	for (size_t row = 0; row < ROW_COUNT; row++) {
		const struct tick_histogram histogram = histogram_of(vcpu, row);
		const uint64_t count = tick_histogram_count(&histogram);
		char bins[BINS_TEXT_MAX];

		if (count != 0) {
			tick_histogram_format(&histogram, bins, sizeof(bins));
			log_info(name, "%-5s %-23s %10lu  %s",
				row < EXIT_REASON_COUNT ? "exit" : "call", name_of(row), count,
				bins);
			pass(between);
		}
	}
	report_trace(vcpu, between != NULL ? &trace : &vcpu->trace, between);
}

static void fill_counter(
	struct trivet_counter *counter, const struct tick_histogram *histogram, size_t row)
{
	const bool is_exit = row < EXIT_REASON_COUNT;

	counter->kind = is_exit ? TRIVET_COUNTER_EXIT : TRIVET_COUNTER_HYPERCALL;
	counter->number =
		is_exit ? (uint32_t)row : (uint32_t)hypercall_table[row - EXIT_REASON_COUNT].number;
	counter->count = tick_histogram_count(histogram);
	memcpy(counter->bins, histogram->bins, sizeof(counter->bins));
}

uint64_t hypercall_native_read_counters(struct vcpu *vcpu, struct hypercall call)
{
	const uint64_t address = hypercall_argument(call, 0);
	const uint64_t room = hypercall_argument(call, 1);
	const uint64_t fitting = room < ROW_COUNT ? room : ROW_COUNT;
	uint64_t count = 0;

	if (!guest_memory_is_writable(
		    &vcpu->vm->memory, gpa(address), fitting * sizeof(struct trivet_counter))) {
		return hypercall_error(TRIVET_EFAULT);
	}
	for (size_t row = 0; row < ROW_COUNT; row++) {
		const struct tick_histogram histogram = histogram_of(vcpu, row);
		struct trivet_counter counter;

		if (tick_histogram_count(&histogram) == 0) {
			continue;
		}
		fill_counter(&counter, &histogram, row);
		if (count < fitting && guest_memory_write(&vcpu->vm->memory,
					       gpa(address + count * sizeof(counter)), &counter,
					       sizeof(counter)) != STATUS_OK) {
			return hypercall_error(TRIVET_EFAULT);
		}
		count++;
	}
	return count;
}

uint64_t hypercall_native_print_counters(struct vcpu *vcpu, struct hypercall call)
{
	(void)call;
	hypercall_report_counters(vcpu, NULL);
	return 0;
}
