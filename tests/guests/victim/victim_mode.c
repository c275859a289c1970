/* SPDX-License-Identifier: MIT */
#include "guest/runtime/guest_insn.h"
#include "tests/guests/victim/victim.h"

enum mode_word { MODE_CR0, MODE_CR3, MODE_CR4, MODE_GDTR, MODE_IDTR, MODE_SELECTORS, MODE_XCR0 };
enum { MODE_WORDS = MODE_XCR0 + 1, SELECTOR_SHIFT = 16 };

#define CR4_OSXSAVE (1ull << 18)

static uint64_t wanted[MODE_WORDS];

static void read_mode(uint64_t words[MODE_WORDS])
{
	words[MODE_CR0] = guest_read_cr0();
	words[MODE_CR3] = guest_read_cr3();
	words[MODE_CR4] = guest_read_cr4();
	words[MODE_GDTR] = guest_sgdt().base;
	words[MODE_IDTR] = guest_sidt().base;
	words[MODE_SELECTORS] = (uint64_t)guest_read_cs() << SELECTOR_SHIFT | guest_read_ss();
	words[MODE_XCR0] = (words[MODE_CR4] & CR4_OSXSAVE) != 0 ? guest_xgetbv(0) : 0;
}

void victim_mode_begin(void)
{
	read_mode(wanted);
}

unsigned victim_mode_check(void)
{
	uint64_t words[MODE_WORDS];
	unsigned bad_count = 0;

	read_mode(words);
	for (unsigned i = 0; i < MODE_WORDS; i++) {
		bad_count += words[i] != wanted[i];
	}
	return bad_count;
}
