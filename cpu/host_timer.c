/* SPDX-License-Identifier: MIT */
#include "cpu/host_timer.h"

#include "cpu/cpuid.h"
#include "cpu/insn.h"
#include "cpu/local_apic.h"
#include "cpu/msr.h"
#include "cpu/percpu.h"
#include "cpu/tsc.h"
#include "lib/bits.h"

/* SDM Vol. 3A "APIC Timer". */
enum {
	DIVIDE_BY_1 = 0xb,
	COUNTS_MAX = 0x7fffffff, /* Half of the counter: sums do not leave 32 bits. */
	MEASURES_PER_SECOND = 1000,
};

#define LVT_MASKED       BIT(16)
#define LVT_TSC_DEADLINE BIT(18)

/* How far the counter comes in a thousandth of a second. */
static enum status measure_counter(struct host_timer *timer)
{
	uint64_t start;

	timer->ticks_per_measure = tsc_hz() / MEASURES_PER_SECOND;
	local_apic_write(LOCAL_APIC_DIVIDE, DIVIDE_BY_1);
	local_apic_write(LOCAL_APIC_LVT_TIMER, (uint32_t)LVT_MASKED | HOST_TIMER_VECTOR);
	local_apic_write(LOCAL_APIC_INITIAL_COUNT, UINT32_MAX);
	start = insn_rdtsc();
	while (insn_rdtsc() - start < timer->ticks_per_measure) {
		insn_pause();
	}
	timer->counts_per_measure = UINT32_MAX - local_apic_read(LOCAL_APIC_CURRENT_COUNT);
	local_apic_write(LOCAL_APIC_INITIAL_COUNT, 0);
	return timer->counts_per_measure != 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status host_timer_start(void)
{
	struct host_timer *timer = &this_cpu()->timer;

	timer->kind = HOST_TIMER_NONE;
	if (tsc_hz() < MEASURES_PER_SECOND || !local_apic_enable()) {
		return STATUS_NOT_FOUND;
	}
	if ((insn_cpuid(CPUID_LEAF_FEATURES, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) != 0) {
		local_apic_write(
			LOCAL_APIC_LVT_TIMER, (uint32_t)LVT_TSC_DEADLINE | HOST_TIMER_VECTOR);
		timer->kind = HOST_TIMER_TSC_DEADLINE;
		return STATUS_OK;
	}
	if (measure_counter(timer) != STATUS_OK) {
		return STATUS_NOT_FOUND;
	}
	local_apic_write(LOCAL_APIC_LVT_TIMER, HOST_TIMER_VECTOR);
	timer->kind = HOST_TIMER_ONE_SHOT;
	return STATUS_OK;
}

bool host_timer_is_started(void)
{
	return this_cpu()->timer.kind != HOST_TIMER_NONE;
}

/* Counts until then: rounded up, at least 1, at most what the counter is given at once. */
static uint32_t counts_until(const struct host_timer *timer, uint64_t tsc)
{
	const uint64_t now = insn_rdtsc();
	const uint64_t ticks = tsc > now ? tsc - now : 0;

	if (ticks / timer->ticks_per_measure >= COUNTS_MAX / timer->counts_per_measure) {
		return COUNTS_MAX;
	}
	return (uint32_t)(ticks * timer->counts_per_measure / timer->ticks_per_measure + 1);
}

void host_timer_set(uint64_t tsc)
{
	const struct host_timer *timer = &this_cpu()->timer;

	switch (timer->kind) {
	case HOST_TIMER_NONE:
		return;
	case HOST_TIMER_TSC_DEADLINE:
		/* 0 disarms it, and a TSC of 0 is long past: 1 stands for it. */
		insn_wrmsr(MSR_IA32_TSC_DEADLINE, tsc == HOST_TIMER_NEVER ? 0 : tsc | (tsc == 0));
		return;
	case HOST_TIMER_ONE_SHOT:
		local_apic_write(LOCAL_APIC_INITIAL_COUNT,
			tsc == HOST_TIMER_NEVER ? 0 : counts_until(timer, tsc));
		return;
	}
}
