/* SPDX-License-Identifier: MIT */
/*
 * All processors send random interrupts, and make random calls of KVM's, with IDs of nobody and
 * bits of nothing; whatever comes of it, the guest stays whole. "seed=N" and "rounds=N" on the
 * command line repeat a run and make it longer.
 *
 * Left out is what stops a processor by right (INIT to one that is there), what a bare machine's
 * firmware takes (SMI, ExtINT), vectors of exceptions, whose handlers expect an error code, and the
 * spurious vector, which need not have an end.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "guest/runtime/guest_trap.h"
#include "guest/trivet_guest.h"

#include <stddef.h>

enum {
	ROUNDS = 2000,
	OPERATIONS = 8,
	WRMSR_BYTES = 2,
	MODE_SHIFT = 8,
	MODE_MASK = 7,
	MODE_SMI = 2,
	MODE_INIT = 5,
	MODE_EXTINT = 7,
	FIRST_EXCEPTION = 0x10,
	VECTOR_SPURIOUS = 0xff,
	ABSENT_ID = 0x70,
	ALIVE_VECTOR = 0x61,
};

#define NO_MEMORY 0x3ff00000ull

static uint64_t seed;
static unsigned rounds;
static uint32_t features;
static bool is_trivet;
static atomic_uint refused_count;

/* xorshift64: any state but 0. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* WRMSR that may raise #GP: the hook goes on behind it. */
__attribute__((noinline)) static void try_wrmsr(uint32_t msr, uint64_t value)
{
	guest_wrmsr(msr, value);
}

static bool survive(struct guest_trap_frame *frame)
{
	static const uint8_t wrmsr_code[WRMSR_BYTES] = {0x0f, 0x30};

	if (frame->vector == VECTOR_NMI) {
		return true;
	}
	if (frame->vector == VECTOR_GP &&
		memcmp((const void *)(uintptr_t)frame->rip, wrmsr_code, WRMSR_BYTES) == 0) {
		atomic_fetch_add(&refused_count, 1);
		frame->rip += WRMSR_BYTES;
		return true;
	}
	return false;
}

/*
 * Reserved bits too: they say nothing of the mode. Emulators of a bare machine deliver vectors
 * below 16, which are an error, and keep the bit that says that the last one is on its way.
 */
static uint32_t random_icr(uint64_t *state)
{
	uint32_t icr = (uint32_t)random_next(state) & ~(is_trivet ? 0u : LAPIC_ICR_PENDING);
	const uint32_t mode = icr >> MODE_SHIFT & MODE_MASK;
	const uint32_t vector = icr & 0xff;

	if (mode == MODE_SMI || mode == MODE_INIT || mode == MODE_EXTINT) {
		icr &= ~(1u << MODE_SHIFT | 2u << MODE_SHIFT | 4u << MODE_SHIFT);
	}
	if ((vector >= (is_trivet ? (uint32_t)FIRST_EXCEPTION : 0) &&
		    vector < VECTOR_EXCEPTION_COUNT) ||
		vector == VECTOR_PROBE_END) {
		icr |= 0x40;
		icr ^= vector == VECTOR_PROBE_END ? 0u : 0x20u;
	}
	if (vector == VECTOR_SPURIOUS) {
		icr ^= 1;
	}
	return icr;
}

static uint32_t random_id(uint64_t *state)
{
	const uint64_t value = random_next(state);

	switch (value >> 32 & 3) {
	case 0:
		return (uint32_t)value;
	case 1:
		return ABSENT_ID + (uint32_t)(value & 7);
	default:
		return guest_cpu_at((unsigned)(value & 0xff) % guest_cpu_count())->apic_id;
	}
}

/* By the registers as they are, reserved bits and all. */
static void send_random(uint64_t *state)
{
	const uint32_t icr = random_icr(state);
	const uint32_t id = random_id(state);

	if (guest_lapic_is_x2apic()) {
		try_wrmsr(guest_lapic_msr(LAPIC_ICR), (uint64_t)id << 32 | icr);
	} else {
		guest_lapic_send(id, icr);
	}
}

/* An INIT that nobody gets. */
static void send_absent_init(void)
{
	guest_lapic_send(ABSENT_ID, LAPIC_ICR_INIT | LAPIC_ICR_ASSERT);
	guest_lapic_send(ABSENT_ID, LAPIC_ICR_STARTUP | LAPIC_ICR_ASSERT);
}

static void call_random(uint64_t *state, unsigned operation)
{
	const uint64_t value = random_next(state);

	if (features == 0) {
		return;
	}
	switch (operation) {
	case 0:
		(void)trivet_kvm_send_ipi(
			random_next(state), value, random_id(state), random_icr(state));
		break;
	case 1:
		(void)trivet_call2(KVM_CALL_KICK_CPU, value, random_id(state));
		break;
	case 2:
		(void)trivet_kvm_sched_yield(random_id(state));
		break;
	case 3:
		(void)trivet_call2(KVM_CALL_CLOCK_PAIRING, NO_MEMORY + (value & 0xff), value & 1);
		break;
	default:
		(void)trivet_kvm_map_gpa_range(value, random_next(state), value >> 8);
		break;
	}
}

static void be_hostile(void *unused)
{
	uint64_t state = seed + guest_cpu_self()->index + 1;

	(void)unused;
	for (unsigned i = 0; i < rounds; i++) {
		const unsigned operation = (unsigned)(random_next(&state) >> 40) % OPERATIONS;

		if (operation < 5) {
			call_random(&state, operation);
		} else if (operation == 5) {
			send_absent_init();
		}
		send_random(&state);
		__asm__ volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
	}
}

static void enter_x2apic(void *unused)
{
	(void)unused;
	guest_lapic_enter_x2apic();
}

static void check_alive(void)
{
	for (unsigned i = 1; i < guest_cpu_count(); i++) {
		struct guest_cpu *cpu = guest_cpu_at(i);
		const unsigned before = atomic_load(&cpu->interrupts[ALIVE_VECTOR]);

		guest_lapic_send(cpu->apic_id, ALIVE_VECTOR | LAPIC_ICR_ASSERT);
		report_true("it_still_answers",
			guest_wait_for(&cpu->interrupts[ALIVE_VECTOR], before + 1));
	}
}

static void check_all(const char *scope)
{
	report_set_scope(scope);
	report_true("all_survive", guest_smp_run_all(be_hostile, NULL));
	check_alive();
	report_set_scope(NULL);
}

uint32_t guest_main(void)
{
	seed = guest_option("seed", 1);
	rounds = (unsigned)guest_option("rounds", ROUNDS);
	features = trivet_kvm_features();
	is_trivet = report_is_trivet();
	guest_printf("seed=%lu rounds=%u\n", seed, rounds);
	if (guest_smp_init() < 2) {
		report_skip("other_processors", "there is one processor");
	}
	report_true("all_start", guest_smp_start_all());
	guest_trap_set_hook(survive);
	check_all("xapic");
	if (guest_lapic_has_x2apic() && guest_smp_run_all(enter_x2apic, NULL)) {
		check_all("x2apic");
	}
	return report_result();
}
