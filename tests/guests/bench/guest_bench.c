/* SPDX-License-Identifier: MIT */
/*
 * What an exit costs, as the guest sees it: ticks of the time-stamp counter from RDTSC to RDTSC,
 * the median of 1000. The line "bench empty" is the same loop with no operation in it; it is not
 * subtracted from the others.
 */
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"

#include <stddef.h>

enum { SAMPLE_COUNT = 1000 };
#define MSR_BIOS_SIGN_ID 0x8b

uint64_t bench_empty(void);
uint64_t bench_vmcall_1(void);
uint64_t bench_vmcall_unknown(void);
uint64_t bench_vmcall_ping(void);
uint64_t bench_cpuid(void);
uint64_t bench_rdmsr(void);
uint64_t bench_in_uart(void);
uint64_t bench_vmcall_batch(void);

/* Below 4 GiB, as the assembly takes its address. */
extern struct trivet_batch_entry bench_batch[TRIVET_BATCH_MAX];
struct trivet_batch_entry bench_batch[TRIVET_BATCH_MAX]
	__attribute__((aligned(TRIVET_BATCH_ENTRY_BYTES)));

/* On a bare processor VMCALL raises #UD; KVM and Trivet serve it, the native calls Trivet alone. */
enum need {
	NEEDS_NOTHING,
	NEEDS_KVM_INTERFACE,
	NEEDS_TRIVET,
};

struct operation {
	const char *name;
	uint64_t (*run)(void);
	enum need need;
};

static const struct operation operations[] = {
	{"empty", bench_empty, NEEDS_NOTHING},
	{"vmcall_1", bench_vmcall_1, NEEDS_KVM_INTERFACE},
	{"vmcall_unknown", bench_vmcall_unknown, NEEDS_KVM_INTERFACE},
	{"vmcall_ping", bench_vmcall_ping, NEEDS_TRIVET},
	{"cpuid_0", bench_cpuid, NEEDS_NOTHING},
	{"rdmsr_0x8b", bench_rdmsr, NEEDS_KVM_INTERFACE},
	{"in_uart_lsr", bench_in_uart, NEEDS_NOTHING},
	{"batch_64", bench_vmcall_batch, NEEDS_TRIVET},
};

static uint64_t samples[SAMPLE_COUNT];

static void sort_samples(void)
{
	for (size_t gap = SAMPLE_COUNT / 2; gap > 0; gap /= 2) {
		for (size_t i = gap; i < SAMPLE_COUNT; i++) {
			uint64_t value = samples[i];
			size_t at = i;

			for (; at >= gap && samples[at - gap] > value; at -= gap) {
				samples[at] = samples[at - gap];
			}
			samples[at] = value;
		}
	}
}

static void measure(const struct operation *operation)
{
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		samples[i] = operation->run();
	}
	sort_samples();
	guest_printf("bench %s ticks=%lu\n", operation->name, samples[SAMPLE_COUNT / 2]);
}

static const char *why_not(enum need need, bool is_trivet)
{
	if (need == NEEDS_TRIVET && !is_trivet) {
		return "not under Trivet";
	}
	if (need == NEEDS_KVM_INTERFACE && trivet_find("KVMKVMKVM\0\0\0") == 0) {
		return "no KVM interface";
	}
	return NULL;
}

uint32_t guest_main(void)
{
	const bool is_trivet = report_is_trivet();

	for (size_t i = 0; i < TRIVET_BATCH_MAX; i++) {
		bench_batch[i].rax = TRIVET_CALL_PING;
	}
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		const char *reason = why_not(operations[i].need, is_trivet);

		if (reason != NULL) {
			report_skip(operations[i].name, reason);
		} else {
			measure(&operations[i]);
		}
	}
	for (size_t i = 0; is_trivet && i < TRIVET_BATCH_MAX; i++) {
		report_equal("every_call_of_the_batch_was_made", bench_batch[i].result,
			TRIVET_PING_RESULT);
	}
	report_pass("bench_measured");
	return report_result();
}
