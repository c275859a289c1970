/* SPDX-License-Identifier: MIT */
#include "tests/guests/shared/switch_pieces.h"
#include "tests/guests/victim/victim.h"

/* A piece is looked at in each round. */
enum { WORDS = 1 << 18, WORDS_AT_ONCE = 1 << 9 };

#define MEMORY_SEED 0x76696374696dull

/* Above what the runtime uses. */
static volatile uint64_t *words(void)
{
	uintptr_t address = 0x800000;

	__asm__("" : "+r"(address));
	return (volatile uint64_t *)address;
}

void victim_memory_fill(void)
{
	for (uint64_t i = 0; i < WORDS; i++) {
		words()[i] = switch_word(MEMORY_SEED, i);
	}
}

unsigned victim_memory_check(void)
{
	static uint64_t next;
	unsigned bad_count = 0;

	for (uint64_t i = next; i < next + WORDS_AT_ONCE; i++) {
		bad_count += words()[i] != switch_word(MEMORY_SEED, i);
	}
	next = (next + WORDS_AT_ONCE) % WORDS;
	return bad_count;
}
