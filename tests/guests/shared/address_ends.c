/* SPDX-License-Identifier: MIT */
#include "tests/guests/shared/address_ends.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"

/* The last 2 MiB below 4 GiB, and memory to map there. */
#define WRAP_END         0x100000000ull
#define WRAP_MEMORY      0x600000ull
#define POINTER_OF_TOP   3
#define PML4_INDEX_LAST  255
#define TABLE_INDEX_LAST 511
#define TABLE_ENTRIES    512
#define TABLE_ADDRESS    0x000ffffffffff000ull

extern uint64_t guest_pml4[];

static uint64_t canonical_tables[3][TABLE_ENTRIES] __attribute__((aligned(4096)));
static uint64_t wrap_directory[TABLE_ENTRIES] __attribute__((aligned(4096)));

uint64_t address_ends_map(unsigned index, const void *page)
{
	const uint64_t pages_to_end = ADDRESS_ENDS_PAGES - index;
	const uint64_t address = CANONICAL_END - pages_to_end * ADDRESS_ENDS_PAGE_BYTES;

	guest_pml4[PML4_INDEX_LAST] = (uintptr_t)canonical_tables[0] | GUEST_PAGE_PRESENT;
	canonical_tables[0][TABLE_INDEX_LAST] = (uintptr_t)canonical_tables[1] | GUEST_PAGE_PRESENT;
	canonical_tables[1][TABLE_INDEX_LAST] = (uintptr_t)canonical_tables[2] | GUEST_PAGE_PRESENT;
	canonical_tables[2][index] = page == NULL ? 0 : (uintptr_t)page | GUEST_PAGE_PRESENT;
	guest_invlpg(address);
	return address;
}

struct guest_probe address_ends_run_before_4g(const char *code, size_t size_bytes, uint64_t rax)
{
	/* jmp edx */
	struct guest_probe probe = guest_probe_make(PROBE_COMPATIBILITY, PROBE_CODE("\xff\xe2"));
	uint64_t *pointers = (uint64_t *)(uintptr_t)(guest_pml4[0] & TABLE_ADDRESS);
	uint8_t *last = (uint8_t *)(uintptr_t)(WRAP_MEMORY + GUEST_PAGE_2M_BYTES - size_bytes);
	volatile uint8_t *zero = (volatile uint8_t *)(uintptr_t)0;

	__asm__("" : "+r"(zero));
	zero[0] = 0xcd;
	zero[1] = VECTOR_PROBE_END;
	memcpy(last, code, size_bytes);
	wrap_directory[TABLE_INDEX_LAST] = WRAP_MEMORY | GUEST_PAGE_DEFAULT;
	pointers[POINTER_OF_TOP] = (uintptr_t)wrap_directory | GUEST_PAGE_PRESENT;
	probe.in.rdx = WRAP_END - size_bytes;
	probe.in.rax = rax;
	guest_probe_run(&probe);
	return probe;
}
