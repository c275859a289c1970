/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_smp.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_madt.h"
#include "guest/runtime/guest_probe.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/runtime/guest_trap.h"

#include <stddef.h>

#define MSR_GS_BASE      0xc0000101u
#define LIMIT_TICKS      6000000000ull
#define INIT_PAUSE_TICKS 200000ull
#define NO_APIC_ID       0xffffffffu

enum { PAGE_SHIFT = 12, STARTUP_VECTOR = 0x10 };

extern const uint8_t guest_ap_start[];
extern const uint8_t guest_ap_state[];
extern const uint8_t guest_ap_end[];
extern uint32_t guest_ap_ids[GUEST_CPU_MAX];
extern const uint64_t guest_irq_stubs[GUEST_VECTOR_COUNT - VECTOR_EXCEPTION_COUNT];
void guest_irq(unsigned vector);
__attribute__((noreturn)) void guest_ap_main(unsigned index);

/* Written before the others start, or by their owner. */
static struct guest_cpu cpus[GUEST_CPU_MAX];
static unsigned cpu_count = 1;
static unsigned listed_count;
static bool is_listed;
static bool is_polling;
static guest_work first_work;
static uint64_t limit_ticks = LIMIT_TICKS;
static void (*handlers[GUEST_VECTOR_COUNT])(unsigned vector);

struct guest_cpu *guest_cpu_self(void)
{
	struct guest_cpu *cpu;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

struct guest_cpu *guest_cpu_at(unsigned index)
{
	return &cpus[index];
}

unsigned guest_cpu_count(void)
{
	return cpu_count;
}

bool guest_smp_is_listed(void)
{
	return is_listed;
}

unsigned guest_smp_listed_count(void)
{
	return listed_count;
}

uint64_t guest_limit_ticks(void)
{
	return limit_ticks;
}

void guest_spin_ticks(uint64_t ticks)
{
	const uint64_t start = guest_rdtsc();

	while (guest_rdtsc() - start < ticks) {
		guest_pause();
	}
}

bool guest_wait_for(const atomic_uint *word, unsigned value)
{
	const uint64_t start = guest_rdtsc();

	while ((int)(atomic_load(word) - value) < 0) {
		if (guest_rdtsc() - start > limit_ticks) {
			return false;
		}
		guest_pause();
	}
	return true;
}

void guest_smp_set_handler(unsigned vector, void (*handler)(unsigned vector))
{
	handlers[vector] = handler;
}

void guest_irq(unsigned vector)
{
	atomic_fetch_add(&guest_cpu_self()->interrupts[vector], 1);
	if (handlers[vector] != NULL) {
		handlers[vector](vector);
	} else {
		guest_lapic_end_interrupt();
	}
}

static bool count_nmi(struct guest_trap_frame *frame)
{
	if (frame->vector != VECTOR_NMI) {
		return false;
	}
	atomic_fetch_add(&guest_cpu_self()->interrupts[VECTOR_NMI], 1);
	return true;
}

static void add_cpu(uint32_t apic_id)
{
	cpus[cpu_count].apic_id = apic_id;
	guest_ap_ids[cpu_count] = apic_id;
	cpu_count++;
}

/* The caller comes first, then the others as the MADT has them. */
static void find_cpus(void)
{
	uint32_t ids[GUEST_CPU_MAX];
	const unsigned listed = guest_madt_ids(ids, GUEST_CPU_MAX);
	const uint64_t wanted = guest_option("cpus", GUEST_CPU_MAX);

	listed_count = listed;
	for (unsigned i = 0; i < GUEST_CPU_MAX; i++) {
		guest_ap_ids[i] = NO_APIC_ID;
		cpus[i].self = &cpus[i];
		cpus[i].index = i;
	}
	cpus[0].apic_id = guest_lapic_id();
	for (unsigned i = 0; i < listed && i < GUEST_CPU_MAX; i++) {
		if (ids[i] == cpus[0].apic_id) {
			is_listed = true;
		} else if (cpu_count < wanted && cpu_count < GUEST_CPU_MAX) {
			add_cpu(ids[i]);
		}
	}
}

void guest_smp_poll_for_work(void)
{
	is_polling = true;
}

void guest_smp_begin_with(guest_work work)
{
	first_work = work;
}

unsigned guest_smp_init(void)
{
	limit_ticks = guest_option("limit", LIMIT_TICKS);
	guest_lapic_map();
	guest_lapic_enable();
	/* The 8259s and NMI lines of a PC are no business of a test. */
	guest_lapic_write(LAPIC_LVT_LINT0, LAPIC_LVT_MASKED);
	guest_lapic_write(LAPIC_LVT_LINT1, LAPIC_LVT_MASKED);
	find_cpus();
	for (unsigned i = VECTOR_EXCEPTION_COUNT; i < GUEST_VECTOR_COUNT; i++) {
		if (i != VECTOR_PROBE_END) {
			guest_segments_set_gate(i, guest_irq_stubs[i - VECTOR_EXCEPTION_COUNT], 0);
		}
	}
	guest_trap_set_hook(count_nmi);
	guest_wrmsr(MSR_GS_BASE, (uintptr_t)&cpus[0]);
	return cpu_count;
}

struct guest_ap_state *guest_smp_place(unsigned vector)
{
	uint8_t *page = (uint8_t *)((uintptr_t)vector << PAGE_SHIFT);

	__asm__("" : "+r"(page));
	memcpy(page, guest_ap_start, (size_t)(guest_ap_end - guest_ap_start));
	return (struct guest_ap_state *)(page + (guest_ap_state - guest_ap_start));
}

void guest_smp_send_init(const struct guest_cpu *cpu)
{
	guest_lapic_send(cpu->apic_id, LAPIC_ICR_INIT | LAPIC_ICR_ASSERT);
	guest_spin_ticks(INIT_PAUSE_TICKS);
}

void guest_smp_send_startup(const struct guest_cpu *cpu, unsigned vector)
{
	guest_lapic_send(cpu->apic_id, LAPIC_ICR_STARTUP | LAPIC_ICR_ASSERT | vector);
}

/* SDM Vol. 3A "MP Initialization Protocol Algorithm for MP Systems": the second start-up IPI is for
 * a processor that missed the first. */
bool guest_smp_start(struct guest_cpu *cpu, unsigned vector)
{
	const unsigned starts = atomic_load(&cpu->start_count);

	guest_smp_send_init(cpu);
	guest_smp_send_startup(cpu, vector);
	guest_spin_ticks(INIT_PAUSE_TICKS);
	guest_smp_send_startup(cpu, vector);
	return guest_wait_for(&cpu->start_count, starts + 1);
}

bool guest_smp_start_all(void)
{
	bool all_came = true;

	(void)guest_smp_place(STARTUP_VECTOR);
	for (unsigned i = 1; i < cpu_count; i++) {
		if (atomic_load(&cpus[i].start_count) == 0) {
			all_came &= guest_smp_start(&cpus[i], STARTUP_VECTOR);
		}
	}
	return all_came;
}

void guest_smp_run(struct guest_cpu *cpu, guest_work work, void *argument)
{
	cpu->argument = argument;
	atomic_store(&cpu->work, work);
	guest_lapic_send(cpu->apic_id, GUEST_VECTOR_WAKE | LAPIC_ICR_ASSERT);
}

bool guest_smp_wait(const struct guest_cpu *cpu)
{
	const uint64_t start = guest_rdtsc();

	while (atomic_load(&cpu->work) != NULL) {
		if (guest_rdtsc() - start > limit_ticks) {
			return false;
		}
		guest_pause();
	}
	return true;
}

bool guest_smp_run_all(guest_work work, void *argument)
{
	bool all_ended = true;

	for (unsigned i = 1; i < cpu_count; i++) {
		guest_smp_run(&cpus[i], work, argument);
	}
	work(argument);
	for (unsigned i = 1; i < cpu_count; i++) {
		all_ended &= guest_smp_wait(&cpus[i]);
	}
	return all_ended;
}

/* Called by guest_ap_start.asm with IF clear. STI lets nothing in before the HLT behind it. */
void guest_ap_main(unsigned index)
{
	struct guest_cpu *cpu = &cpus[index];

	guest_segments_init_cpu(index);
	guest_probe_forget();
	guest_wrmsr(MSR_GS_BASE, (uintptr_t)cpu);
	cpu->svr_at_start = guest_lapic_read(LAPIC_SVR);
	cpu->lint0_at_start = guest_lapic_read(LAPIC_LVT_LINT0);
	cpu->timer_at_start = guest_lapic_read(LAPIC_LVT_TIMER);
	cpu->tpr_at_start = guest_lapic_read(LAPIC_TPR);
	guest_lapic_enable();
	atomic_store(&cpu->work, first_work);
	atomic_fetch_add(&cpu->start_count, 1);
	for (;;) {
		guest_work work = atomic_load(&cpu->work);

		if (work != NULL) {
			work(cpu->argument);
			guest_cli();
			atomic_store(&cpu->work, NULL);
		} else if (is_polling) {
			guest_pause();
		} else {
			__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
		}
	}
}
