/* SPDX-License-Identifier: MIT */
/*
 * A change of the page tables that other processors are told of by an interrupt: behind their
 * answers nobody reads by the old entry. And first touches of memory by all at once.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_lock.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"

#include <stddef.h>

/* A linear address that nothing else uses, and two frames behind our image. */
#define SHOT_PAGE  0x24000000ull
#define FRAME_EVEN 0x600000ull
#define FRAME_ODD  0x800000ull
/* What nobody has touched yet, behind them. */
#define TOUCH_SAME 0xa00000ull
#define TOUCH_OWN  0xc00000ull
#define MEMORY_END 0xe00000ull

enum {
	VECTOR_FLUSH = 0x61,
	ROUNDS = 1000,
	TOUCH_PAGES = 256,
	TOUCH_OWN_PAGES = 24,
	PAGE_BYTES = 4096,
};

/* Twice the number of changes that all know of; odd during a change. */
static atomic_uint sequence;
static atomic_uint acknowledged;
static atomic_uint is_over;
static atomic_uint stale_count;
static atomic_uint read_count;
static struct guest_barrier barrier;

static void flush(unsigned vector)
{
	(void)vector;
	guest_invlpg(SHOT_PAGE);
	atomic_fetch_add(&acknowledged, 1);
	guest_lapic_end_interrupt();
}

static void read_on(void *unused)
{
	(void)unused;
	guest_sti();
	while (atomic_load(&is_over) == 0) {
		const unsigned before = atomic_load(&sequence);
		const uint64_t value = *(volatile uint64_t *)(uintptr_t)SHOT_PAGE;

		if (before % 2 == 0 && atomic_load(&sequence) == before) {
			atomic_fetch_add(&read_count, 1);
			if (value != before / 2 % 2) {
				atomic_fetch_add(&stale_count, 1);
			}
		}
		guest_pause();
	}
	guest_cli();
}

static bool change(unsigned round)
{
	const unsigned goal = round * (guest_cpu_count() - 1);

	atomic_store(&sequence, 2 * round - 1);
	guest_map_2m(SHOT_PAGE, round % 2 == 0 ? FRAME_EVEN : FRAME_ODD, GUEST_PAGE_DEFAULT);
	guest_lapic_send(0, LAPIC_ICR_ALL_BUT_SELF | LAPIC_ICR_ASSERT | VECTOR_FLUSH);
	if (!guest_wait_for(&acknowledged, goal)) {
		return false;
	}
	atomic_store(&sequence, 2 * round);
	return true;
}

static void check_shootdown(unsigned rounds)
{
	unsigned done = 0;

	*(volatile uint64_t *)(uintptr_t)FRAME_EVEN = 0;
	*(volatile uint64_t *)(uintptr_t)FRAME_ODD = 1;
	guest_map_2m(SHOT_PAGE, FRAME_EVEN, GUEST_PAGE_DEFAULT);
	guest_smp_set_handler(VECTOR_FLUSH, flush);
	for (unsigned i = 1; i < guest_cpu_count(); i++) {
		guest_smp_run(guest_cpu_at(i), read_on, NULL);
	}
	/* All read before the first change. */
	(void)guest_wait_for(&read_count, 4 * (guest_cpu_count() - 1));
	while (done < rounds && change(done + 1)) {
		done++;
	}
	atomic_store(&is_over, 1);
	for (unsigned i = 1; i < guest_cpu_count(); i++) {
		report_true("it_ends", guest_smp_wait(guest_cpu_at(i)));
	}
	report_equal("all_answer_each_time", done, rounds);
	report_equal("no_stale_page_is_read", atomic_load(&stale_count), 0);
	report_true("pages_were_read", atomic_load(&read_count) > 0);
}

static volatile uint64_t *slot(uint64_t base, unsigned page, unsigned index)
{
	return (volatile uint64_t *)(uintptr_t)(base + (uint64_t)page * PAGE_BYTES) + index;
}

static uint64_t own_base(unsigned index)
{
	return TOUCH_OWN + (uint64_t)index * TOUCH_OWN_PAGES * PAGE_BYTES;
}

static void touch(void *unused)
{
	const unsigned index = guest_cpu_self()->index;

	(void)unused;
	for (unsigned page = 0; page < TOUCH_PAGES; page++) {
		if (page % 16 == 0) {
			guest_barrier_meet(&barrier, guest_cpu_count());
		}
		*slot(TOUCH_SAME, page, index) = (uint64_t)page << 32 | index;
		if (page < TOUCH_OWN_PAGES) {
			*slot(own_base(index), page, 0) = (uint64_t)index << 32 | page;
		}
	}
}

static void check_touch(void)
{
	unsigned wrong_same = 0;
	unsigned wrong_own = 0;

	report_true("all_touch", guest_smp_run_all(touch, NULL));
	for (unsigned i = 0; i < guest_cpu_count(); i++) {
		for (unsigned page = 0; page < TOUCH_PAGES; page++) {
			wrong_same += *slot(TOUCH_SAME, page, i) != ((uint64_t)page << 32 | i);
		}
		for (unsigned page = 0; page < TOUCH_OWN_PAGES; page++) {
			wrong_own += *slot(own_base(i), page, 0) != ((uint64_t)i << 32 | page);
		}
	}
	report_equal("pages_that_all_touched_hold_what_each_wrote", wrong_same, 0);
	report_equal("pages_that_one_touched_hold_what_it_wrote", wrong_own, 0);
}

uint32_t guest_main(void)
{
	const unsigned rounds = (unsigned)guest_option("rounds", ROUNDS);

	if (guest_memory_end() < MEMORY_END) {
		report_skip("smp_tlb", "it needs 14 MiB");
		return report_result();
	}
	if (guest_smp_init() < 2) {
		report_skip("shootdown", "there is one processor");
	}
	report_true("all_start", guest_smp_start_all());
	check_touch();
	if (guest_cpu_count() > 1) {
		check_shootdown(rounds);
	}
	return report_result();
}
