/* SPDX-License-Identifier: MIT */
/*
 * What the other processor changes between two looks of the hypervisor: page-table entries that a
 * walk in software goes through, and the code of an instruction that exits. Processor 1 changes,
 * both use what is changed.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "guest/trivet_guest.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

#include <stdatomic.h>

enum { ENTRIES = 512, WATCH_TURNS = 200, CHANGES = 64, CHANGES_CODE = 512, LOOP_BITS = 4 };
enum { PAGE_2M_SHIFT = 21, PAGE_SHIFT = 12 };

#define PAGE_ACCESSED_DIRTY 0x60ull
#define PAGE_TABLE          (GUEST_PAGE_PRESENT | GUEST_PAGE_WRITABLE | GUEST_PAGE_USER)
#define LAPIC_LINEAR        0x22000000ull
#define IOAPIC_LINEAR       0x2e000000ull
#define IOAPIC_PAGE         0xfec00000ull
#define RACE_CODE           0x700000ull

extern uint64_t guest_page_directory[];

static _Atomic(uint64_t) table[ENTRIES] __attribute__((aligned(4096)));
static atomic_uint failures;

/* Of a page of the race window: string I/O on it is walked in software. */
static const struct hostile_code walks[] = {
	{PROBE_CODE("\xf3\x6c")},                 /* REP INSB. */
	{PROBE_CODE("\xf3\x6d")},                 /* REP INSD. */
	{PROBE_CODE("\xf3\x6e")},                 /* REP OUTSB. */
	{PROBE_CODE("\x6c\x6c\x6c\x6e\x6e")},     /* INSB, OUTSB. */
	{PROBE_CODE("\x48\x89\x07\x48\x8b\x1e")}, /* MOV: walked by the processor. */
};

/* In a loop at RACE_CODE: MOV of 32 bits from and to RDI, which is no RAM; the first byte changes.
 */
static const uint8_t loop_code[] = {0x8b, 0x07, 0x90, 0xff, 0xc9, 0x75, 0xf9, 0xcd, 0x80};
static const uint8_t first_bytes[] = {0x8b, 0x89, 0x8a, 0x88, 0x63, 0x8b, 0x89};
static const struct hostile_code jump = {PROBE_CODE("\xff\xe6")};

unsigned hostile_race_failures(void)
{
	return atomic_load(&failures);
}

static void map_table(void)
{
	guest_page_directory[HOSTILE_RACE_WINDOW >> PAGE_2M_SHIFT] = (uintptr_t)table | PAGE_TABLE;
	if (((uint8_t *)(uintptr_t)RACE_CODE)[1] != loop_code[1]) {
		memcpy((void *)(uintptr_t)RACE_CODE, loop_code, sizeof(loop_code));
	}
}

static uint64_t choose_entry(void)
{
	uint64_t entry = (hostile_arena_address() >> PAGE_SHIFT << PAGE_SHIFT) | PAGE_TABLE;

	entry |= choose_bits(2) == 0 ? PAGE_ACCESSED_DIRTY : 0;
	entry |= choose_bits(3) == 0 ? GUEST_PAGE_NX : 0;
	entry &= choose_bits(2) == 0 ? ~GUEST_PAGE_WRITABLE : ~0ull;
	entry &= choose_bits(3) == 0 ? ~GUEST_PAGE_USER : ~0ull;
	return entry;
}

/* SDM Vol. 3A "Accessed and Dirty Flags": they are set in an entry that is used, which one that is
 * not present never is. So nothing may write to a cleared entry. */
static void clear_and_watch(_Atomic(uint64_t) *entry)
{
	atomic_exchange(entry, 0);
	for (unsigned i = 0; i < WATCH_TURNS; i++) {
		if (atomic_load(entry) != 0) {
			atomic_fetch_add(&failures, 1);
			return;
		}
		guest_pause();
	}
}

static bool change_entries(void)
{
	for (unsigned i = 0; i < CHANGES; i++) {
		const uint64_t page = choose_below(HOSTILE_RACE_PAGES);

		atomic_store(&table[page], choose_entry());
		guest_invlpg(HOSTILE_RACE_WINDOW + (page << PAGE_SHIFT));
		guest_pause();
		if (choose_bits(1) != 0) {
			clear_and_watch(&table[page]);
		}
	}
	return true;
}

static bool change_code(void)
{
	volatile uint8_t *code = (volatile uint8_t *)(uintptr_t)RACE_CODE;

	for (unsigned i = 0; i < CHANGES_CODE; i++) {
		*code = first_bytes[choose_below(sizeof(first_bytes))];
		guest_pause();
	}
	return true;
}

static bool use_entries(void)
{
	struct guest_probe probe =
		hostile_probe(&walks[choose_below(ARRAY_COUNT(walks))], choose_bits(2) == 0);

	probe.in.rdi = HOSTILE_RACE_WINDOW + choose_below(HOSTILE_RACE_PAGES * HOSTILE_PAGE_BYTES);
	probe.in.rsi = HOSTILE_RACE_WINDOW + choose_below(HOSTILE_RACE_PAGES * HOSTILE_PAGE_BYTES);
	probe.in.rcx = choose_bits(LOOP_BITS);
	probe.in.rdx = hostile_port();
	/* At CPL 3 too: ports need IOPL. */
	probe.rflags_in |= RFLAGS_IOPL3;
	return hostile_run(&probe);
}

static bool use_code(void)
{
	static const uint64_t targets[] = {UNMAPPED_PHYSICAL, LAPIC_LINEAR + LAPIC_ESR,
		LAPIC_LINEAR + LAPIC_TPR, IOAPIC_LINEAR, IOAPIC_LINEAR + 0x10};
	struct guest_probe probe = hostile_probe(&jump, choose_bits(2) == 0);
	bool is_done;

	hostile_map_absent(UNMAPPED_PHYSICAL, UNMAPPED_PHYSICAL);
	hostile_map_absent(IOAPIC_LINEAR, IOAPIC_PAGE);
	probe.in.rdi = targets[choose_below(ARRAY_COUNT(targets))];
	probe.in.rsi = RACE_CODE;
	probe.in.rcx = 1 + choose_bits(LOOP_BITS);
	is_done = hostile_run(&probe);
	hostile_restore_apic();
	return is_done;
}

bool hostile_race(void)
{
	map_table();
	if (guest_segments_cpu() == 1 && choose_bits(1) != 0) {
		return choose_bits(1) != 0 ? change_entries() : change_code();
	}
	return choose_bits(1) != 0 ? use_entries() : use_code();
}
