/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/spinlock.c cpu/page_alloc.c cpu/page_ranges.c cpu/log.c cpu/console.c
 * cpu/pic8259_host.c cpu/serial.c cpu/vga_text.c cpu/framebuffer.c cpu/font.c cpu/text_grid.c
 * cpu/percpu.c cpu/local_apic.c lib/format.c lib/ring.c lib/status.c tests/host/fake/fake_insn.c
 * tests/host/fake/fake_devices.c tests/host/fake/fake_registers.c tests/host/fake/fake_vmcs.c
 * tests/host/fake/fake_panic.c */
#include "cpu/console.h"
#include "cpu/log.h"
#include "cpu/page_alloc.h"
#include "cpu/percpu.h"
#include "cpu/spinlock.h"
#include "fake_insn.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
	THREADS = 4,
	ROUNDS = 2000,
	LINES = 100,
	PAGES = 64,
	TEXT_MAX = 64 * 1024,
};

static struct cpu cpus[THREADS];

struct task {
	struct cpu *cpu;
	void (*work)(unsigned index);
};

/* More threads than processors: one that waits lets the others run. */
static void yield(void)
{
	(void)sched_yield();
}

static void *run_task(void *argument)
{
	const struct task *task = argument;

	fake_this_cpu = task->cpu;
	fake_cpu.on_pause = yield;
	task->work(task->cpu->index);
	return NULL;
}

/* Runs the work on each of the threads, as processors 0 to THREADS - 1. */
static void on_all(void (*work)(unsigned index))
{
	pthread_t threads[THREADS];
	struct task tasks[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		cpus[i] = (struct cpu){.self = &cpus[i], .index = i};
		tasks[i] = (struct task){&cpus[i], work};
		assert_int_equal(pthread_create(&threads[i], NULL, run_task, &tasks[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(cpus[i].held_locks, 0);
	}
}

static int set_up(void **state)
{
	(void)state;
	fake_insn_reset();
	return 0;
}

static struct spinlock lock = SPINLOCK_INIT(LOCK_RANK_RUN_QUEUE);
static unsigned counter;
static unsigned tries_that_worked[THREADS];

static void count_up(unsigned index)
{
	(void)index;
	for (unsigned i = 0; i < ROUNDS; i++) {
		spin_lock(&lock);
		counter++;
		spin_unlock(&lock);
	}
}

static void a_lock_keeps_others_out(void **state)
{
	(void)state;
	counter = 0;
	on_all(count_up);
	assert_int_equal(counter, THREADS * ROUNDS);
}

static void try_to_count_up(unsigned index)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (spin_try_lock(&lock)) {
			counter++;
			tries_that_worked[index]++;
			spin_unlock(&lock);
		}
	}
}

static void a_tried_lock_keeps_others_out(void **state)
{
	unsigned sum = 0;

	(void)state;
	counter = 0;
	memset(tries_that_worked, 0, sizeof(tries_that_worked));
	on_all(try_to_count_up);
	for (unsigned i = 0; i < THREADS; i++) {
		sum += tries_that_worked[i];
	}
	assert_int_equal(counter, sum);
	assert_true(sum > 0);
}

static struct page_alloc pages;
static uint64_t owner_of_page[PAGES];

static void take_and_give(unsigned index)
{
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		hpa_t page;

		if (page_alloc_take(&pages, PAGE_SIZE_4K, PAGE_SIZE_4K, UINT64_MAX, &page) !=
			STATUS_OK) {
			continue;
		}
		/* Nobody else has the page: the sanitizer sees it if somebody does. */
		owner_of_page[page.value / PAGE_SIZE_4K] = index;
		if (page_alloc_give(&pages, page, PAGE_SIZE_4K) != STATUS_OK) {
			cpus[index].held_locks = UINT32_MAX;
		}
	}
}

static void a_page_has_one_owner(void **state)
{
	(void)state;
	page_alloc_init(&pages);
	assert_int_equal(
		page_alloc_add(&pages, hpa(PAGE_SIZE_4K), (PAGES - 1) * PAGE_SIZE_4K), STATUS_OK);
	on_all(take_and_give);
	assert_int_equal(page_alloc_free_bytes(&pages), (PAGES - 1) * PAGE_SIZE_4K);
}

static void write_lines(unsigned index)
{
	for (unsigned i = 0; i < LINES; i++) {
		log_info("line", "of=%u text=abcdefghijklmnopqrstuvwxyz", index);
		console_write("half", 4);
	}
}

static bool is_whole(const char *line)
{
	for (unsigned i = 0; i < THREADS; i++) {
		char wanted[64];

		(void)snprintf(
			wanted, sizeof(wanted), "line: of=%u text=abcdefghijklmnopqrstuvwxyz", i);
		if (strcmp(line, wanted) == 0) {
			return true;
		}
	}
	return false;
}

static void lines_are_whole(void **state)
{
	static char text[TEXT_MAX + 1];
	unsigned whole = 0;
	size_t count;

	(void)state;
	on_all(write_lines);
	count = ring_count(&console_ring);
	for (size_t i = 0; i < count; i++) {
		text[i] = (char)ring_peek(&console_ring, i);
	}
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		whole += is_whole(line);
	}
	assert_int_equal(whole, THREADS * LINES);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lock_keeps_others_out),
		TEST(a_tried_lock_keeps_others_out),
		TEST(a_page_has_one_owner),
		TEST(lines_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
