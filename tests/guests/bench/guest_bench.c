/* SPDX-License-Identifier: MIT */
/*
 * What an exit costs, as the guest sees it: ticks of the time-stamp counter from RDTSC to RDTSC,
 * the median of 1000. The line "bench empty" is the same loop with no operation in it; it is not
 * subtracted from the others.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/trivet_guest.h"

#include <stddef.h>

enum { SAMPLE_COUNT = 1000, TIMER_VECTOR = 0x51, SPURIOUS_VECTOR = 0x3f };

#define MSR_APIC_BASE            0x1bu
#define MSR_X2APIC_SVR           0x80fu
#define MSR_X2APIC_LVT_TIMER     0x832u
#define APIC_BASE_X2APIC         (3u << 10) /* EN and EXTD. */
#define SVR_ENABLE               (1u << 8)
#define LVT_TIMER_TSC_DEADLINE   (1u << 18)
#define CPUID_1_ECX_X2APIC       (1u << 21)
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)

uint64_t bench_empty(void);
uint64_t bench_vmcall_1(void);
uint64_t bench_vmcall_unknown(void);
uint64_t bench_vmcall_ping(void);
uint64_t bench_cpuid(void);
uint64_t bench_rdmsr(void);
uint64_t bench_in_uart(void);
uint64_t bench_vmcall_batch(void);
uint64_t bench_wrmsr_deadline(void);
uint64_t bench_wrmsr_eoi(void);
uint64_t bench_timer_tick(void);
void bench_tick_handler(void);

/* Below 4 GiB, as the assembly takes its address. */
extern struct trivet_batch_entry bench_batch[TRIVET_BATCH_MAX];
struct trivet_batch_entry bench_batch[TRIVET_BATCH_MAX]
	__attribute__((aligned(TRIVET_BATCH_ENTRY_BYTES)));

/* On a bare processor VMCALL raises #UD; KVM and Trivet serve it, the native calls Trivet alone. */
enum need {
	NEEDS_NOTHING,
	NEEDS_KVM_INTERFACE,
	NEEDS_TRIVET,
	NEEDS_TSC_DEADLINE,
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
	{"wrmsr_deadline", bench_wrmsr_deadline, NEEDS_TSC_DEADLINE},
	{"wrmsr_eoi", bench_wrmsr_eoi, NEEDS_TSC_DEADLINE},
	{"timer_tick", bench_timer_tick, NEEDS_TSC_DEADLINE},
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

static bool has_tsc_deadline(void)
{
	const uint32_t needed = CPUID_1_ECX_X2APIC | CPUID_1_ECX_TSC_DEADLINE;

	return (guest_cpuid(1, 0).ecx & needed) == needed;
}

/* x2APIC mode, its timer in TSC-deadline mode; it is not armed. */
static void start_timer(void)
{
	guest_segments_set_gate(TIMER_VECTOR, (uintptr_t)bench_tick_handler, 0);
	guest_wrmsr(MSR_APIC_BASE, guest_rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	guest_wrmsr(MSR_X2APIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR);
	guest_wrmsr(MSR_X2APIC_LVT_TIMER, LVT_TIMER_TSC_DEADLINE | TIMER_VECTOR);
}

static const char *why_not(enum need need, bool is_trivet)
{
	if (need == NEEDS_TRIVET && !is_trivet) {
		return "not under Trivet";
	}
	if (need == NEEDS_KVM_INTERFACE && trivet_find("KVMKVMKVM\0\0\0") == 0) {
		return "no KVM interface";
	}
	if (need == NEEDS_TSC_DEADLINE && !has_tsc_deadline()) {
		return "no x2APIC or no TSC deadline";
	}
	return NULL;
}

uint32_t guest_main(void)
{
	const bool is_trivet = report_is_trivet();

	if (has_tsc_deadline()) {
		start_timer();
	}
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
