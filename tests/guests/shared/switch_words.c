/* SPDX-License-Identifier: MIT */
#include "tests/guests/shared/switch_pieces.h"

void switch_expect(struct switch_result *result, uint64_t got, uint64_t want)
{
	if (got == want) {
		return;
	}
	if (result->bad_count++ == 0) {
		result->got = got;
		result->want = want;
	}
}

/* Vigna's splitmix64: any two seeds or places give other words. */
uint64_t switch_word(uint64_t seed, uint64_t place)
{
	uint64_t word = (seed << 32) + (place + 1) * 0x9e3779b97f4a7c15ull;

	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9ull;
	word = (word ^ word >> 27) * 0x94d049bb133111ebull;
	return word ^ word >> 31;
}
