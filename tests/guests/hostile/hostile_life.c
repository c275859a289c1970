/* SPDX-License-Identifier: MIT */
/* A guest that is reset goes on with another seed: its memory keeps how far it was. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "guest/trivet_guest.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"

enum { RESET_CONTROL_PORT = 0xcf9, RESET_HARD = 0x06, KEYBOARD_PORT = 0x64, KEYBOARD_RESET = 0xfe };
enum { STARTUP_VECTOR = 0x90 };

#define RECORD_MAGIC 0x6c69666572656373ull
#define SEED_STEP    0x9e3779b9ull

struct record {
	uint64_t magic;
	struct hostile_life life;
	uint64_t sum;
};

static volatile struct record *record(void)
{
	uintptr_t address = HOSTILE_RECORD;

	__asm__("" : "+r"(address));
	return (volatile struct record *)address;
}

static uint64_t sum_of(const volatile struct record *of)
{
	return of->magic ^ of->life.seed ^ of->life.number << 16 ^ of->life.operations << 32;
}

struct hostile_life hostile_life_begin(uint64_t seed)
{
	volatile struct record *kept = record();
	struct hostile_life life = {seed, 0, 0};

	if (kept->magic == RECORD_MAGIC && kept->sum == sum_of(kept)) {
		life.operations = kept->life.operations;
		life.number = kept->life.number + 1;
		life.seed = kept->life.seed + SEED_STEP;
	}
	hostile_life_note(&life, life.operations);
	return life;
}

void hostile_life_note(const struct hostile_life *life, uint64_t operations)
{
	volatile struct record *kept = record();

	kept->sum = 0;
	kept->magic = RECORD_MAGIC;
	kept->life.seed = life->seed;
	kept->life.number = life->number;
	kept->life.operations = operations;
	kept->sum = sum_of(kept);
}

/* The other processor is stopped and started, or only stopped, in the same moment as the end. */
static void strike_other(void)
{
	static struct trivet_batch_entry batch[2] __attribute__((aligned(64)));

	if (choose_bits(1) != 0) {
		guest_smp_send_startup(guest_cpu_at(1), STARTUP_VECTOR);
		return;
	}
	batch[0] = (struct trivet_batch_entry){.rax = KVM_CALL_SEND_IPI,
		.rbx = 1,
		.rdx = guest_cpu_at(1)->apic_id,
		.rsi = LAPIC_ICR_INIT | LAPIC_ICR_ASSERT};
	batch[1] = batch[0];
	batch[1].rsi = LAPIC_ICR_STARTUP | LAPIC_ICR_ASSERT | STARTUP_VECTOR;
	(void)trivet_call2(TRIVET_CALL_BATCH, (uintptr_t)batch, 1 + choose_bits(1));
}

void hostile_life_end(void)
{
	static const struct guest_table_pointer no_vectors = {0, 0};

	guest_print_flush();
	if (hostile_other_is_there() && choose_bits(2) != 0) {
		strike_other();
	}
	switch (choose_bits(4)) {
	case 0:
		guest_lidt(&no_vectors);
		__asm__ volatile("ud2");
		break;
	case 1:
		guest_out8(KEYBOARD_PORT, KEYBOARD_RESET);
		break;
	default:
		guest_out8(RESET_CONTROL_PORT, RESET_HARD);
		break;
	}
	for (;;) {
		guest_pause();
	}
}
