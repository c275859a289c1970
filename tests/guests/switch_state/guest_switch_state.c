/* SPDX-License-Identifier: MIT */
/*
 * What belongs to a processor stays with it, whoever else has the machine's CPU in between: SDM
 * Vol. 3A "Task Management" leaves all of it to software, and so does VMX but for what is in the
 * VMCS. Each processor first finds what a processor has at its start (SDM Vol. 3A "Processor State
 * After Reset"), then fills every register with words of its own, made from "seed=N" and its
 * index. It gives the CPU away by SCHED_YIELD, by HLT until another's interrupt (its timer's if it
 * is alone), and by spinning, and looks at all its registers after each, "rounds=N" times in all.
 * XCR0 is narrower by turns: the components that are off keep their values too. It prints "SWITCHES
 * cpu=I rounds=N seen=N", where `seen` counts the rounds in which another one ran.
 *
 * Several of them with other seeds on one CPU find none of each other's words. With "again=1" it
 * resets the machine once, and must then find a fresh state again. On processors of their own there
 * are no switches, and all holds as well.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/switch_pieces.h"

#include <stddef.h>

#define RFLAGS_HELD      0x247cd5ull /* All but IF, TF, RF, and what virtual 8086 mode has. */
#define MSR_GS_BASE      0xc0000101u
#define CALL_SCHED_YIELD 11
#define LIFE_MARK        ((volatile uint64_t *)0x800000)
#define LIFE_SECOND      0x6c69666532ull
#define RESET_PORT       0xcf9
#define RESET_HARD       6
#define XCR0_X87         1ull
#define XCR0_X87_SSE_AVX 7ull

/* Above every value of CR8 that is tried. */
enum {
	VECTOR_TURN = 0xf1,
	ROUNDS = 3000,
	SPIN_PAUSES = 3000,
	WAYS = 3,
	REFILL_ROUNDS = 20,
	SEEDS_PER_ROUND = 65536,
	DIVIDE_BY_1 = 0xb,
	TIMER_COUNT = 2000
};

/* The pieces beside those of the two lists. */
enum { OTHER_XCR0_AT_START, OTHER_XCR0, OTHER_GENERAL, OTHER_RFLAGS, OTHER_GS_BASE, OTHER_COUNT };

static const char *const other_names[OTHER_COUNT] = {
	"xcr0", "xcr0", "general_registers", "rflags", "gs_base"};

static struct worker {
	uint64_t first_seed;
	uint64_t seed; /* Of the words that it has now. */
	uint64_t full_xcr0;
	uint64_t xcr0_at_start;
	struct switch_area want;
	struct switch_area got;
	struct switch_results fresh_registers;
	struct switch_results fresh_components;
	struct switch_results registers;
	struct switch_results components;
	struct switch_result others[OTHER_COUNT];
	atomic_uint rounds;
	unsigned seen; /* Rounds in which another processor came further. */
	bool is_done;
} workers[GUEST_CPU_MAX];

static unsigned rounds_wanted;
static bool has_yield;
static bool has_timer; /* One that works: a machine may have none. */
static atomic_uint done_count;

static unsigned other_of(unsigned index)
{
	return (index + 1) % guest_cpu_count();
}

static void set_xcr0(uint64_t value)
{
	if (value != 0) {
		guest_xsetbv(0, value);
	}
}

/* The start of a processor, before anything of it is written. */
static void find_fresh(struct worker *worker)
{
	switch_registers_check_fresh(worker->fresh_registers.of);
	worker->full_xcr0 = switch_components_enable();
	if (worker->full_xcr0 != 0) {
		worker->xcr0_at_start = guest_xgetbv(0);
		switch_expect(
			&worker->others[OTHER_XCR0_AT_START], worker->xcr0_at_start, XCR0_X87);
	}
	set_xcr0(worker->full_xcr0);
	switch_components_check_fresh(&worker->got, worker->fresh_components.of);
}

/* With words of its own, and others each time: where a register has few bits, two processors have
 * the same now and then. */
static void fill(struct worker *worker, unsigned round)
{
	worker->seed = worker->first_seed + (uint64_t)round * SEEDS_PER_ROUND;
	switch_components_fill(worker->seed, &worker->want);
	switch_registers_fill(worker->seed);
}

/* An interrupt that ends the HLT: another processor's next one, or one's own timer's. */
static void ask_for_interrupt(unsigned index)
{
	if (guest_cpu_count() > 1) {
		guest_lapic_send(
			guest_cpu_at(other_of(index))->apic_id, VECTOR_TURN | LAPIC_ICR_ASSERT);
		return;
	}
	guest_lapic_write(LAPIC_DIVIDE, DIVIDE_BY_1);
	guest_lapic_write(LAPIC_LVT_TIMER, VECTOR_TURN);
	guest_lapic_write(LAPIC_INITIAL_COUNT, TIMER_COUNT);
}

static void give_away(unsigned index, unsigned way, uint64_t words[HOLD_WORDS])
{
	const struct guest_cpu *other = guest_cpu_at(other_of(index));

	if (way == 0 && has_yield) {
		words[HOLD_RAX] = CALL_SCHED_YIELD;
		words[HOLD_RBX] = other->apic_id;
		switch_hold_yield(words);
	} else if (way == 1 && (guest_cpu_count() > 1 || has_timer)) {
		ask_for_interrupt(index);
		switch_hold_halt(words);
	} else {
		words[HOLD_RCX] = SPIN_PAUSES;
		switch_hold_spin(words);
	}
}

/* The general registers and flags that come back, but for a result and a counter. */
static void hold(struct worker *worker, unsigned index, unsigned round)
{
	uint64_t words[HOLD_WORDS];
	uint64_t before[HOLD_WORDS];

	for (unsigned i = 0; i < HOLD_WORDS; i++) {
		words[i] = switch_word(worker->seed, round * HOLD_WORDS + i);
	}
	words[HOLD_RFLAGS] = (words[HOLD_RFLAGS] & RFLAGS_HELD) | 2;
	memcpy(before, words, sizeof(words));
	give_away(index, round % WAYS, words);
	for (unsigned i = HOLD_RDX; i <= HOLD_R15; i++) {
		switch_expect(&worker->others[OTHER_GENERAL], words[i], before[i]);
	}
	switch_expect(&worker->others[OTHER_RFLAGS], words[HOLD_RFLAGS], before[HOLD_RFLAGS]);
}

static uint64_t narrow_xcr0(const struct worker *worker, unsigned index, unsigned round)
{
	const uint64_t choices[] = {
		worker->full_xcr0, worker->full_xcr0 & XCR0_X87_SSE_AVX, XCR0_X87};

	return choices[(round / WAYS + index) % (sizeof(choices) / sizeof(choices[0]))];
}

static unsigned rounds_of_others(unsigned index)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		sum += i != index ? atomic_load(&workers[i].rounds) : 0;
	}
	return sum;
}

static void go_round(struct worker *worker, unsigned index, unsigned round)
{
	const uint64_t xcr0 = worker->full_xcr0 != 0 ? narrow_xcr0(worker, index, round) : 0;
	const unsigned before = rounds_of_others(index);

	set_xcr0(xcr0);
	hold(worker, index, round);
	if (xcr0 != 0) {
		switch_expect(&worker->others[OTHER_XCR0], guest_xgetbv(0), xcr0);
	}
	set_xcr0(worker->full_xcr0);
	switch_components_check(&worker->want, &worker->got, worker->components.of);
	switch_registers_check(worker->seed, worker->registers.of);
	switch_expect(&worker->others[OTHER_GS_BASE], guest_rdmsr(MSR_GS_BASE),
		(uintptr_t)guest_cpu_at(index));
	worker->seen += rounds_of_others(index) != before ? 1 : 0;
	atomic_fetch_add(&worker->rounds, 1);
}

/* Until all have made their rounds: who is done goes on, so that the others have company. */
static void work(void *argument)
{
	const unsigned index = guest_cpu_self()->index;
	struct worker *worker = &workers[index];
	const uint64_t start = guest_rdtsc();

	(void)argument;
	if (index != 0) {
		find_fresh(worker);
	}
	for (unsigned round = 0; atomic_load(&done_count) < guest_cpu_count(); round++) {
		if (round % REFILL_ROUNDS == 0) {
			fill(worker, round);
		}
		go_round(worker, index, round);
		if (!worker->is_done && (round + 1 >= rounds_wanted ||
						guest_rdtsc() - start > guest_limit_ticks())) {
			worker->is_done = true;
			atomic_fetch_add(&done_count, 1);
		}
	}
	guest_write_cr8(0);
	guest_lapic_send(guest_cpu_at(other_of(index))->apic_id, VECTOR_TURN | LAPIC_ICR_ASSERT);
}

static void add(struct switch_result *sum, const struct switch_result *result)
{
	if (sum->bad_count == 0) {
		sum->got = result->got;
		sum->want = result->want;
	}
	sum->bad_count += result->bad_count;
}

/* One line for all processors. */
static void report(const char *name, bool is_there, size_t offset)
{
	struct switch_result sum = {0};

	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		const uint8_t *at = (const uint8_t *)&workers[i] + offset;

		add(&sum, (const struct switch_result *)(const void *)at);
	}
	if (!is_there) {
		report_skip(name, "the processor does not have it");
	} else if (sum.bad_count == 0) {
		report_pass(name);
	} else {
		report_equal(name, sum.got, sum.want);
		guest_printf("%s was wrong %u times\n", name, sum.bad_count);
	}
}

static void report_lists(const char *scope, size_t registers, size_t components)
{
	report_set_scope(scope);
	for (unsigned i = 0; i < switch_register_count(); i++) {
		report(switch_register_name(i), switch_register_is_there(i),
			registers + i * sizeof(struct switch_result));
	}
	for (unsigned i = 0; i < switch_component_count(); i++) {
		if (switch_component_name(i) != 0) {
			report(switch_component_name(i), switch_component_is_there(i),
				components + i * sizeof(struct switch_result));
		}
	}
}

static void report_other(unsigned other, bool is_there)
{
	report(other_names[other], is_there,
		offsetof(struct worker, others) + other * sizeof(struct switch_result));
}

static void report_all(void)
{
	const bool has_xsave = workers[0].full_xcr0 != 0;

	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		const unsigned rounds = atomic_load(&workers[i].rounds);

		guest_printf("SWITCHES cpu=%u rounds=%u seen=%u\n", i, rounds, workers[i].seen);
		report_true("all_rounds_were_made", rounds >= rounds_wanted);
	}
	if (report_has_trivet("fresh")) {
		report_lists("fresh", offsetof(struct worker, fresh_registers),
			offsetof(struct worker, fresh_components));
		report_other(OTHER_XCR0_AT_START, has_xsave);
	}
	report_lists(
		"kept", offsetof(struct worker, registers), offsetof(struct worker, components));
	for (unsigned i = OTHER_XCR0; i < OTHER_COUNT; i++) {
		report_other(i, i != OTHER_XCR0 || has_xsave);
	}
	report_set_scope(0);
}

/* With all registers full, and memory outside of the image as it is: a second life follows. */
static void reset_once(void)
{
	if (guest_option("again", 0) == 0 || *LIFE_MARK == LIFE_SECOND) {
		return;
	}
	*LIFE_MARK = LIFE_SECOND;
	guest_print_flush();
	guest_out8(RESET_PORT, RESET_HARD);
	for (;;) {
		guest_pause();
	}
}

uint32_t guest_main(void)
{
	const uint64_t seed = guest_option("seed", 1);

	find_fresh(&workers[0]);
	(void)guest_smp_init();
	rounds_wanted = (unsigned)guest_option("rounds", ROUNDS);
	has_yield = report_is_trivet() && (trivet_kvm_features() & KVM_FEATURE_PV_SCHED_YIELD) != 0;
	has_timer = report_is_trivet();
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		workers[i].first_seed = seed * GUEST_CPU_MAX + i;
	}
	/* Before the others start: what they find first must not be this. */
	fill(&workers[0], 0);
	if (!report_true("all_processors_start", guest_smp_start_all()) ||
		!report_true("all_come_to_the_end", guest_smp_run_all(work, 0))) {
		return report_result();
	}
	reset_once();
	report_all();
	return report_result();
}
