/* SPDX-License-Identifier: MIT */
#include "lib/checksum.h"

/* FNV-1a's constants for 64 bits, a word at a time. The multiplier is odd: no step loses a bit. */
#define CHECKSUM_START      0xcbf29ce484222325ull
#define CHECKSUM_MULTIPLIER 0x00000100000001b3ull

uint64_t checksum_words(const uint64_t *words, size_t count)
{
	uint64_t sum = CHECKSUM_START;

	for (size_t i = 0; i < count; i++) {
		sum = (sum ^ words[i]) * CHECKSUM_MULTIPLIER;
	}
	return sum;
}
