/* SPDX-License-Identifier: MIT */
/*
 * Runs beside guests that do what they can to it, and looks at itself: each register that belongs
 * to a processor (general ones, x87 to AVX-512, debug registers, MSRs), its mode and tables, 2 MiB
 * of its memory, all against what it put there; and at its delays. It ends when no other guest runs
 * (that needs manage=yes), and not before "ms=N" (500).
 *
 * "limit_us=N": fails if the TSC went on by more between two reads of it; "unstolen_limit_us=N":
 * the same for what of a gap is not stolen time. Without them the delays are printed alone:
 * "DELAY longest_ticks=N longest_us=N stolen_us=N unstolen_us=N gaps=N". Known race: an interrupt
 * of a bare machine's firmware is a gap too.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/switch_pieces.h"
#include "tests/guests/victim/victim.h"

enum {
	GUESTS_ROOM = 32,
	LEAST_MS = 500,
	SPIN_PAUSES = 500,
	SPINS_PER_MS = 2, /* One is half a millisecond. */
	ROUNDS_PER_SEED = 16,
	ROUNDS_PER_LIST = 64,
	KHZ_UNKNOWN = 1000000,
	US_PER_MS = 1000,
};

#define RFLAGS_HELD 0x247cd5ull /* All but IF, TF, RF, and what virtual 8086 mode has. */
#define RFLAGS_ONE  2ull

static struct {
	uint64_t seed;
	struct switch_area want;
	struct switch_area got;
	struct switch_results registers;
	struct switch_results components;
	struct switch_result general;
	unsigned bad_mode_count;
	unsigned bad_memory_count;
	uint64_t rounds;
} victim;

static struct trivet_guest_info guests[GUESTS_ROOM];

static void hold_general_registers(void)
{
	uint64_t words[HOLD_WORDS];
	uint64_t wanted[HOLD_WORDS];

	for (unsigned i = 0; i < HOLD_WORDS; i++) {
		words[i] = switch_word(victim.seed, SWITCH_PIECES_MAX + i);
	}
	words[HOLD_RCX] = SPIN_PAUSES;
	words[HOLD_RFLAGS] = (words[HOLD_RFLAGS] & RFLAGS_HELD) | RFLAGS_ONE;
	memcpy(wanted, words, sizeof(words));
	/* It counts RCX down by LOOP, which leaves the flags alone. */
	wanted[HOLD_RCX] = 0;
	switch_hold_spin(words);
	words[HOLD_RFLAGS] &= RFLAGS_HELD | RFLAGS_ONE;
	for (unsigned i = 0; i < HOLD_WORDS; i++) {
		switch_expect(&victim.general, words[i], wanted[i]);
	}
}

/* Bochs keeps interrupts, the host's too, from a processor that never enables them. */
static void open_to_interrupts(void)
{
	guest_sti();
	guest_pause();
	guest_cli();
}

static void do_round(uint64_t spin_ticks)
{
	if (victim.rounds % ROUNDS_PER_SEED == 0) {
		victim.seed++;
		switch_components_fill(victim.seed, &victim.want);
		switch_registers_fill(victim.seed);
	}
	hold_general_registers();
	victim_delay_spin(spin_ticks);
	switch_components_check(&victim.want, &victim.got, victim.components.of);
	switch_registers_check(victim.seed, victim.registers.of);
	victim.bad_mode_count += victim_mode_check();
	victim.bad_memory_count += victim_memory_check();
	victim.rounds++;
	open_to_interrupts();
}

/* False too where the list is refused. */
static bool do_others_run(void)
{
	const intptr_t count =
		report_is_trivet() ? trivet_guest_list((uintptr_t)guests, GUESTS_ROOM) : 0;

	for (intptr_t i = 0; i < count && i < GUESTS_ROOM; i++) {
		if (guests[i].state == TRIVET_GUEST_RUNNING &&
			(guests[i].flags & TRIVET_GUEST_FLAG_CALLER) == 0) {
			return true;
		}
	}
	return false;
}

static void report_pieces(const char *scope, const struct switch_result *results, unsigned count,
	const char *(*name)(unsigned index), bool (*is_there)(unsigned index))
{
	report_set_scope(scope);
	for (unsigned i = 0; i < count; i++) {
		if (name(i) == NULL || !is_there(i)) {
			continue;
		}
		if (results[i].bad_count == 0) {
			report_pass(name(i));
		} else {
			report_equal(name(i), results[i].got, results[i].want);
		}
	}
	report_set_scope(NULL);
}

static void report_delays(void)
{
	const struct victim_delays delays = victim_delay_result();
	const uint64_t per_ms = delays.khz != 0 ? delays.khz : KHZ_UNKNOWN;
	const uint64_t longest_us = delays.longest_ticks * US_PER_MS / per_ms;
	const uint64_t unstolen_us = delays.longest_unstolen_ticks * US_PER_MS / per_ms;

	guest_printf(
		"DELAY longest_ticks=%lu longest_us=%lu stolen_us=%lu unstolen_us=%lu gaps=%lu\n",
		delays.longest_ticks, longest_us, delays.longest_stolen_ticks * US_PER_MS / per_ms,
		unstolen_us, delays.gap_count);
	report_true("no_delay_is_longer_than_the_limit",
		longest_us <= guest_option("limit_us", UINT64_MAX));
	report_true("no_delay_that_is_not_stolen_is_longer_than_its_limit",
		unstolen_us <= guest_option("unstolen_limit_us", UINT64_MAX));
}

static uint32_t report_all(void)
{
	guest_printf("victim: rounds=%lu\n", victim.rounds);
	report_pieces("register", victim.registers.of, switch_register_count(),
		switch_register_name, switch_register_is_there);
	report_pieces("component", victim.components.of, switch_component_count(),
		switch_component_name, switch_component_is_there);
	report_equal("general_registers_stay", victim.general.bad_count, 0);
	report_equal("mode_and_tables_stay", victim.bad_mode_count, 0);
	report_equal("memory_stays", victim.bad_memory_count, 0);
	report_delays();
	return report_result();
}

uint32_t guest_main(void)
{
	const uint64_t ms = guest_option("ms", LEAST_MS);
	uint64_t spin_ticks;
	uint64_t xcr0;

	xcr0 = switch_components_enable();
	if (xcr0 != 0) {
		guest_xsetbv(0, xcr0);
	}
	victim_delay_begin();
	spin_ticks = victim_delay_result().khz / SPINS_PER_MS;
	spin_ticks = spin_ticks != 0 ? spin_ticks : KHZ_UNKNOWN / SPINS_PER_MS;
	victim_memory_fill();
	victim_mode_begin();
	victim.seed = guest_option("seed", 1);
	while (victim.rounds < ms * SPINS_PER_MS || victim.rounds % ROUNDS_PER_LIST != 0 ||
		do_others_run()) {
		do_round(spin_ticks);
	}
	return report_all();
}
