/* SPDX-License-Identifier: MIT */
/*
 * What a hypervisor reads of guest memory after an exit can change before it looks, or between two
 * looks. One processor makes exits; another one changes page-table entries and instruction bytes
 * all the while, without any word to the first.
 *
 * - SDM Vol. 3A "Accessed and Dirty Flags": the CPU sets the flags of an entry by a locked
 *   instruction, so an entry that was cleared stays cleared. INS makes the hypervisor set them.
 * - An instruction that exited as a load is not carried out as a store: a read-only page is never
 *   written.
 * - An instruction whose page vanishes is fetched again: it completes, or it gives #PF.
 * - Two processors that execute the same VMMCALL at once both make the call.
 *
 * Known race: how often the two meet depends on the machine; each rule holds however often.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lock.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "guest/trivet_guest.h"

#include <stddef.h>

/* A linear address that nothing else uses, and memory behind our image. */
#define WINDOW     0x24000000ull
#define TABLE      0x600000ull
#define FRAMES     0x800000ull
#define MEMORY_END 0xa00000ull

#define IOAPIC       0xfec00000ull
#define PAGE_BYTES   4096ull
#define PAGE_NOT_RAM (GUEST_PAGE_PRESENT | GUEST_PAGE_PCD)
#define PAGE_RAM     (GUEST_PAGE_PRESENT | GUEST_PAGE_WRITABLE)
#define CR0_WP       (1ull << 16)
#define UNUSED_PORT  0xe8u
#define MOV_LOAD     0x8bu
#define MOV_STORE    0x89u
#define VMMCALL_LAST 0xd9u

enum {
	ROUNDS = 300,
	LOOKS = 24, /* How often a cleared entry is looked at. */
	INDEX_KEPT = 0x10,
	INDEX_WRITTEN = 0x12,
};

/* The pages of the window. */
enum page { PAGE_DATA, PAGE_CODE, PAGE_READ_ONLY, PAGE_SELECT, PAGE_COUNT };

static atomic_uint is_over;
static atomic_uint change_count;
static atomic_uint came_back_count;
static atomic_uint wrong_call_count;
static struct guest_barrier barrier;

static _Atomic(uint64_t) *entry_of(enum page page)
{
	return (_Atomic(uint64_t) *)(uintptr_t)TABLE + page;
}

static uint64_t linear_of(enum page page)
{
	return WINDOW + page * PAGE_BYTES;
}

static uint64_t frame_of(enum page page)
{
	return FRAMES + page * PAGE_BYTES;
}

/* The code page's frame, mapped to itself. */
static volatile uint8_t *code_bytes(void)
{
	return (volatile uint8_t *)(uintptr_t)frame_of(PAGE_CODE);
}

static volatile uint32_t *ioapic_select(void)
{
	return (volatile uint32_t *)(uintptr_t)linear_of(PAGE_SELECT);
}

static void map_window(void)
{
	memset((void *)(uintptr_t)TABLE, 0, PAGE_BYTES);
	memset((void *)(uintptr_t)FRAMES, 0, PAGE_COUNT * PAGE_BYTES);
	atomic_store(entry_of(PAGE_DATA), frame_of(PAGE_DATA) | PAGE_RAM);
	atomic_store(entry_of(PAGE_CODE), frame_of(PAGE_CODE) | PAGE_RAM);
	atomic_store(entry_of(PAGE_READ_ONLY), IOAPIC | PAGE_NOT_RAM);
	atomic_store(entry_of(PAGE_SELECT), IOAPIC | PAGE_NOT_RAM | GUEST_PAGE_WRITABLE);
	guest_map_2m(WINDOW, TABLE, PAGE_RAM);
}

static void put_code(const char *bytes, size_t size_bytes)
{
	memcpy((void *)(uintptr_t)frame_of(PAGE_CODE), bytes, size_bytes);
}

static void wait_a_little(unsigned ticks)
{
	for (volatile unsigned i = 0; i < ticks; i++) {
	}
}

/* Maps a page with clear flags, clears its entry, and looks whether it stays so. */
static void clear_entry(void *unused)
{
	(void)unused;
	while (atomic_load(&is_over) == 0) {
		const unsigned count = atomic_fetch_add(&change_count, 1);

		atomic_store(entry_of(PAGE_DATA), frame_of(PAGE_DATA) | PAGE_RAM);
		wait_a_little(count % 16);
		atomic_store(entry_of(PAGE_DATA), 0);
		for (unsigned i = 0; i < LOOKS; i++) {
			if (atomic_load(entry_of(PAGE_DATA)) != 0) {
				atomic_fetch_add(&came_back_count, 1);
				break;
			}
		}
	}
}

static void change_instruction(void *unused)
{
	(void)unused;
	while (atomic_load(&is_over) == 0) {
		const unsigned count = atomic_fetch_add(&change_count, 1);

		code_bytes()[0] = MOV_LOAD;
		wait_a_little(count % 32);
		code_bytes()[0] = MOV_STORE;
		wait_a_little(count % 16);
	}
}

static void hide_code(void *unused)
{
	(void)unused;
	while (atomic_load(&is_over) == 0) {
		const unsigned count = atomic_fetch_add(&change_count, 1);

		atomic_store(entry_of(PAGE_CODE), 0);
		wait_a_little(count % 16);
		atomic_store(entry_of(PAGE_CODE), frame_of(PAGE_CODE) | PAGE_RAM);
		wait_a_little(count % 32);
	}
}

static void begin(guest_work work)
{
	atomic_store(&is_over, 0);
	atomic_store(&change_count, 0);
	guest_smp_run(guest_cpu_at(1), work, NULL);
	(void)guest_wait_for(&change_count, 1);
}

static void end(void)
{
	atomic_store(&is_over, 1);
	report_true("it_ends", guest_smp_wait(guest_cpu_at(1)));
}

/* How the runs of a probe ended. */
struct tally {
	unsigned done;
	unsigned page_faults;
	unsigned others;
};

static void count_end(struct tally *tally, const struct guest_probe *probe)
{
	if (guest_probe_is_done(probe)) {
		tally->done++;
	} else if (probe->vector == VECTOR_PF) {
		tally->page_faults++;
	} else {
		tally->others++;
	}
}

static void check_entries(unsigned rounds)
{
	struct tally tally = {0};

	begin(clear_entry);
	for (unsigned i = 0; i < rounds; i++) {
		struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x6c"));

		probe.in.rdi = linear_of(PAGE_DATA); /* insb */
		probe.in.rdx = UNUSED_PORT;
		guest_probe_run(&probe);
		count_end(&tally, &probe);
	}
	end();
	report_equal("a_cleared_entry_stays_cleared", atomic_load(&came_back_count), 0);
	report_equal("ins_completes_or_gives_a_page_fault", tally.others, 0);
	report_true("ins_was_tried", tally.done + tally.page_faults == rounds);
}

/* Calls the code in the window, with RDI the read-only page. */
static struct guest_probe call_code(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\xff\xd6"));

	probe.in.rsi = linear_of(PAGE_CODE); /* call rsi */
	probe.in.rdi = linear_of(PAGE_READ_ONLY);
	probe.in.rax = INDEX_WRITTEN;
	guest_probe_run(&probe);
	return probe;
}

static void check_instruction(unsigned rounds)
{
	struct tally tally = {0};
	unsigned written = 0;

	put_code("\x8b\x07\xc3", 3); /* mov eax, [rdi]; ret */
	begin(change_instruction);
	for (unsigned i = 0; i < rounds; i++) {
		struct guest_probe probe;

		*ioapic_select() = INDEX_KEPT;
		probe = call_code();
		count_end(&tally, &probe);
		written += *ioapic_select() != INDEX_KEPT;
	}
	end();
	report_equal("a_read_only_page_is_never_written", written, 0);
	report_equal("a_changed_instruction_completes_or_gives_a_page_fault", tally.others, 0);
}

static void check_hidden_code(unsigned rounds)
{
	struct tally tally = {0};

	put_code("\x8b\x07\xc3", 3);
	begin(hide_code);
	for (unsigned i = 0; i < rounds; i++) {
		struct guest_probe probe;

		guest_invlpg(linear_of(PAGE_CODE));
		probe = call_code();
		count_end(&tally, &probe);
	}
	end();
	report_equal("hidden_code_completes_or_gives_a_page_fault", tally.others, 0);
}

/* Both processors, in step. */
static void call_together(void *argument)
{
	const unsigned rounds = *(const unsigned *)argument;
	uint64_t (*const call)(void) = (uint64_t(*)(void))(uintptr_t)linear_of(PAGE_CODE);

	if (guest_cpu_self()->index > 1) {
		return;
	}
	for (unsigned i = 0; i < rounds; i++) {
		guest_barrier_meet(&barrier, 2);
		if (guest_cpu_self()->index == 0) {
			code_bytes()[7] = VMMCALL_LAST;
		}
		guest_barrier_meet(&barrier, 2);
		wait_a_little(guest_cpu_self()->index == 0 ? 0 : i % 16);
		if (call() != TRIVET_PING_RESULT) {
			atomic_fetch_add(&wrong_call_count, 1);
		}
	}
}

static void check_vmmcall(unsigned rounds)
{
	if (!report_has_trivet("vmmcall_by_two_at_once")) {
		return;
	}
	put_code("\xb8\0\0\0\0\x0f\x01\xd9\xc3", 9); /* mov eax, number; vmmcall; ret */
	for (unsigned i = 0; i < sizeof(uint32_t); i++) {
		code_bytes()[1 + i] = (uint8_t)((uint32_t)TRIVET_CALL_PING >> (8 * i));
	}
	report_true("vmmcall_by_two_at_once_ends", guest_smp_run_all(call_together, &rounds));
	report_equal("vmmcall_by_two_at_once", atomic_load(&wrong_call_count), 0);
}

uint32_t guest_main(void)
{
	unsigned rounds = (unsigned)guest_option("rounds", ROUNDS);

	if (guest_memory_end() < MEMORY_END) {
		report_skip("races", "it needs 10 MiB");
		return report_result();
	}
	(void)guest_smp_init();
	report_true("all_start", guest_smp_start_all());
	if (guest_cpu_count() < 2) {
		report_skip("races", "there is one processor");
		return report_result();
	}
	map_window();
	guest_write_cr0(guest_read_cr0() | CR0_WP);
	check_entries(rounds);
	check_instruction(rounds);
	check_vmmcall(rounds);
	check_hidden_code(rounds);
	return report_result();
}
