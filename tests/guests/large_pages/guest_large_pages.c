/* SPDX-License-Identifier: MIT */
/*
 * Code runs wherever a guest puts it. A hypervisor may map memory in large pages without execute
 * right and split them at the first fetch: the guest must not see it. So code is put into memory
 * that nothing was executed from, at every place where a first fetch differs from others: scattered
 * over 2 MiB, across an edge, as the handler of an exception, an interrupt and an NMI, behind STI,
 * under RFLAGS.TF; and by two processors at once. Data beside the code must stay as it was. On a
 * bare processor all this holds by itself. The last line tells how many pieces of 2 MiB were used.
 */
#include "guest/runtime/guest_lapic.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_smp.h"
#include "tests/guests/large_pages/large_pages.h"

/* Behind our image. */
#define FRESH_FIRST 0x600000ull

enum { FRESH_OF_MAIN = 3, MOV_EAX = 0xb8, RET = 0xc3, JMP_INDIRECT_BYTES = 7 };

static unsigned taken;

uint64_t fresh_take(void)
{
	return FRESH_FIRST + taken++ * GUEST_PAGE_2M_BYTES;
}

unsigned fresh_count(void)
{
	return taken;
}

void code_put_return(uint64_t at, uint32_t value)
{
	uint8_t *code = (uint8_t *)(uintptr_t)at;

	code[0] = MOV_EAX;
	memcpy(&code[1], &value, sizeof(value));
	code[1 + sizeof(value)] = RET;
}

uint32_t code_call(uint64_t at)
{
	return ((uint32_t(*)(void))(uintptr_t)at)();
}

void code_put_jump(uint64_t at, const uint64_t *target)
{
	uint8_t code[JMP_INDIRECT_BYTES] = {0xff, 0x24, 0x25};
	const uint32_t address = (uint32_t)(uintptr_t)target;

	memcpy(&code[3], &address, sizeof(address));
	memcpy((void *)(uintptr_t)at, code, sizeof(code));
}

static volatile uint64_t *word_at(uint64_t base, unsigned page)
{
	return (volatile uint64_t *)(uintptr_t)(base + (uint64_t)page * CODE_PAGE_BYTES) + 1;
}

static void check_scattered(void)
{
	const uint64_t base = fresh_take();
	unsigned wrong_values = 0;
	unsigned wrong_words = 0;

	for (unsigned page = 0; page < CODE_PAGES; page++) {
		code_put_return(base + (uint64_t)page * CODE_PAGE_BYTES, page);
		*word_at(base, page) = ~(uint64_t)page;
	}
	/* 257 has no divisor in common with 512: all pages, none behind its neighbour. */
	for (unsigned i = 0, page = 300; i < CODE_PAGES; i++, page = (page + 257) % CODE_PAGES) {
		wrong_values += code_call(base + (uint64_t)page * CODE_PAGE_BYTES) != page;
	}
	for (unsigned page = 0; page < CODE_PAGES; page++) {
		wrong_words += *word_at(base, page) != ~(uint64_t)page;
	}
	report_equal("code_runs_in_each_page", wrong_values, 0);
	report_equal("data_beside_it_stays", wrong_words, 0);
	code_put_return(base, 0x12345678);
	report_equal("code_can_be_changed_after_it_ran", code_call(base), 0x12345678);
}

/* One instruction whose first two bytes are in one page and the others in the next. */
static void check_edge(void)
{
	const uint64_t first = fresh_take();
	const uint64_t second = fresh_take();

	code_put_return(second - 2, 0x87654321);
	report_equal("they_are_neighbours", second, first + GUEST_PAGE_2M_BYTES);
	report_equal("an_instruction_across_an_edge_runs", code_call(second - 2), 0x87654321);
}

uint32_t guest_main(void)
{
	const uint64_t wanted = FRESH_OF_MAIN + FRESH_OF_EVENTS + FRESH_OF_PROCESSORS;

	if (guest_memory_end() < FRESH_FIRST + wanted * GUEST_PAGE_2M_BYTES) {
		report_skip("large_pages", "it needs 40 MiB");
		return report_result();
	}
	(void)guest_smp_init();
	report_true("all_start", guest_smp_start_all());
	check_scattered();
	check_edge();
	check_events();
	check_processors();
	guest_printf("LARGE_PAGES used=%u\n", fresh_count());
	return report_result();
}
