/* SPDX-License-Identifier: MIT */
/*
 * What processors cost each other, in ticks of the time-stamp counter: "bench NAME cpus=N cpu=I
 * ticks=MEDIAN min=LEAST". A call is timed on 1, 2 .. all processors at once, each with its own
 * line; an interrupt from before its sending to the first instruction of its handler elsewhere;
 * "halt_ping_pong" is the mean of one way of two processors that wake each other from HLT in turn;
 * "yield_switch" is from a SCHED_YIELD to the other's first instruction, where both share one
 * processor of the machine.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_lock.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/runtime/guest_smp.h"
#include "guest/trivet_guest.h"

#include <stddef.h>

enum { SAMPLE_COUNT = 1000, VECTOR = 0x61, PING_VECTOR = 0x62, SETTLE_TICKS = 3000 };

void smp_bench_handler(void);
extern volatile uint64_t smp_bench_came_tsc;

struct call_run {
	uintptr_t number;
	unsigned cpus;
};

static uint64_t samples[GUEST_CPU_MAX][SAMPLE_COUNT];
static struct guest_barrier barrier;
static unsigned sample_count;
static atomic_uint is_over;
static atomic_uint is_ready;
static atomic_uint turn;
static _Atomic uint64_t yield_tsc;
static uint32_t features;

static void sort(uint64_t *values)
{
	for (size_t gap = sample_count / 2; gap > 0; gap /= 2) {
		for (size_t i = gap; i < sample_count; i++) {
			uint64_t value = values[i];
			size_t at = i;

			for (; at >= gap && values[at - gap] > value; at -= gap) {
				values[at] = values[at - gap];
			}
			values[at] = value;
		}
	}
}

static void print(const char *name, unsigned cpus, unsigned cpu)
{
	sort(samples[cpu]);
	guest_printf("bench %s cpus=%u cpu=%u ticks=%lu min=%lu\n", name, cpus, cpu,
		samples[cpu][sample_count / 2], samples[cpu][0]);
}

static void time_calls(void *argument)
{
	const struct call_run *run = argument;
	uint64_t *mine = samples[guest_cpu_self()->index];

	if (guest_cpu_self()->index >= run->cpus) {
		return;
	}
	guest_barrier_meet(&barrier, run->cpus);
	for (unsigned i = 0; i < sample_count; i++) {
		const uint64_t start = guest_rdtsc();

		(void)trivet_call0(run->number);
		mine[i] = guest_rdtsc() - start;
	}
}

static void bench_call(const char *name, uintptr_t number)
{
	for (unsigned cpus = 1; cpus <= guest_cpu_count(); cpus++) {
		struct call_run run = {number, cpus};

		atomic_store(&barrier.arrived, 0);
		report_true("all_call", guest_smp_run_all(time_calls, &run));
		for (unsigned i = 0; i < cpus; i++) {
			print(name, cpus, i);
		}
	}
}

static void spin_open(void *unused)
{
	(void)unused;
	guest_sti();
	atomic_store(&is_ready, 1);
	while (atomic_load(&is_over) == 0) {
		guest_pause();
	}
	guest_cli();
}

static void halt_open(void *unused)
{
	(void)unused;
	atomic_store(&is_ready, 1);
	while (atomic_load(&is_over) == 0) {
		__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
	}
}

static void send_by_icr(const struct guest_cpu *target)
{
	guest_lapic_send(target->apic_id, VECTOR | LAPIC_ICR_ASSERT);
}

static void send_by_call(const struct guest_cpu *target)
{
	(void)trivet_kvm_send_ipi(1, 0, target->apic_id, VECTOR);
}

/* The TSCs of a guest's processors are the same. Returns false if one does not come. */
static bool time_one(
	const struct guest_cpu *target, void (*send)(const struct guest_cpu *), uint64_t *ticks)
{
	uint64_t start;

	guest_spin_ticks(SETTLE_TICKS);
	smp_bench_came_tsc = 0;
	start = guest_rdtsc();
	send(target);
	while (smp_bench_came_tsc == 0) {
		if (guest_rdtsc() - start > guest_limit_ticks()) {
			return false;
		}
		guest_pause();
	}
	*ticks = smp_bench_came_tsc - start;
	return true;
}

static void bench_ipi(const char *name, guest_work receive, void (*send)(const struct guest_cpu *))
{
	struct guest_cpu *target = guest_cpu_at(1);
	unsigned done = 0;

	atomic_store(&is_over, 0);
	atomic_store(&is_ready, 0);
	guest_smp_run(target, receive, NULL);
	(void)guest_wait_for(&is_ready, 1);
	while (done < sample_count && time_one(target, send, &samples[0][done])) {
		done++;
	}
	atomic_store(&is_over, 1);
	send(target);
	report_true("it_ends", guest_smp_wait(target));
	if (report_equal("all_came", done, sample_count)) {
		print(name, 2, 0);
	}
}

/* Each halts until it is its turn, and then wakes the other. The word, not the interrupt, says
 * whose turn it is. */
static void play(unsigned me, const struct guest_cpu *other)
{
	for (unsigned i = me; i < 2 * sample_count; i += 2) {
		while (atomic_load(&turn) != i) {
			__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
		}
		atomic_store(&turn, i + 1);
		guest_lapic_send(other->apic_id, PING_VECTOR | LAPIC_ICR_ASSERT);
	}
}

static void play_second(void *unused)
{
	(void)unused;
	play(1, guest_cpu_at(0));
}

static void bench_ping_pong(void)
{
	uint64_t start;
	uint64_t ticks;

	atomic_store(&turn, 0);
	guest_smp_run(guest_cpu_at(1), play_second, NULL);
	start = guest_rdtsc();
	play(0, guest_cpu_at(1));
	report_true("the_second_ends", guest_smp_wait(guest_cpu_at(1)));
	ticks = (guest_rdtsc() - start) / (2 * (uint64_t)sample_count);
	guest_printf("bench halt_ping_pong cpus=2 cpu=0 ticks=%lu min=%lu\n", ticks, ticks);
}

/* Each gives its processor to the other, and notes how long ago the other did. */
static void yield_in_turn(unsigned me, const struct guest_cpu *other)
{
	for (unsigned i = 0; i < sample_count; i++) {
		samples[me][i] = guest_rdtsc() - atomic_load(&yield_tsc);
		atomic_store(&yield_tsc, guest_rdtsc());
		(void)trivet_call1(KVM_CALL_SCHED_YIELD, other->apic_id);
	}
}

static void yield_second(void *unused)
{
	(void)unused;
	yield_in_turn(1, guest_cpu_at(0));
}

/* Of a switch's cost on a machine with one processor; with more, each has its own. */
static void bench_yield(void)
{
	atomic_store(&yield_tsc, guest_rdtsc());
	guest_smp_run(guest_cpu_at(1), yield_second, NULL);
	yield_in_turn(0, guest_cpu_at(1));
	report_true("the_other_yields_too", guest_smp_wait(guest_cpu_at(1)));
	print("yield_switch", 2, 0);
}

static void enter_x2apic(void *unused)
{
	(void)unused;
	guest_lapic_enter_x2apic();
}

static void bench_interrupts(void)
{
	guest_segments_set_gate(VECTOR, (uintptr_t)smp_bench_handler, 0);
	bench_ipi("ipi_to_spinning", spin_open, send_by_icr);
	bench_ipi("ipi_to_halted", halt_open, send_by_icr);
	if ((features & KVM_FEATURE_PV_SEND_IPI) != 0) {
		bench_ipi("send_ipi_to_spinning", spin_open, send_by_call);
		bench_ipi("send_ipi_to_halted", halt_open, send_by_call);
	} else {
		report_skip("send_ipi", "it is not offered");
	}
	bench_ping_pong();
	if ((features & KVM_FEATURE_PV_SCHED_YIELD) != 0) {
		bench_yield();
	} else {
		report_skip("sched_yield", "it is not offered");
	}
}

uint32_t guest_main(void)
{
	sample_count = (unsigned)guest_option("samples", SAMPLE_COUNT);
	sample_count = sample_count < SAMPLE_COUNT ? sample_count : SAMPLE_COUNT;
	features = trivet_kvm_features();
	if (guest_smp_init() < 2) {
		report_skip("interrupts", "there is one processor");
	}
	report_true("all_start", guest_smp_start_all());
	if (guest_lapic_has_x2apic()) {
		(void)guest_smp_run_all(enter_x2apic, NULL);
	}
	if (report_is_trivet()) {
		bench_call("vmcall_ping", TRIVET_CALL_PING);
	}
	if (features != 0) {
		bench_call("vmcall_1", KVM_CALL_VAPIC_POLL_IRQ);
	} else {
		report_skip("vmcall_1", "no KVM interface");
	}
	if (guest_cpu_count() > 1) {
		bench_interrupts();
	}
	return report_result();
}
