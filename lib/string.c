/* SPDX-License-Identifier: MIT */
#include "lib/string.h"

/* A word at any address, of any type: x86 needs no alignment for general registers. */
typedef uint64_t unaligned_word __attribute__((may_alias, aligned(1)));

enum { WORD_BYTES = sizeof(unaligned_word) };

/* Each byte of a word 1: times a byte, it fills the word with that byte. */
static const uint64_t WORD_OF_ONES = 0x0101010101010101ULL;

/* Right for overlapping ranges with to <= from: no byte is written before it was read. */
static void copy_upwards(uint8_t *to, const uint8_t *from, size_t size_bytes)
{
	size_t done = 0;

	for (; size_bytes - done >= WORD_BYTES; done += WORD_BYTES) {
		*(unaligned_word *)(to + done) = *(const unaligned_word *)(from + done);
	}
	for (; done < size_bytes; done++) {
		to[done] = from[done];
	}
}

/* Right for overlapping ranges with to >= from. */
static void copy_downwards(uint8_t *to, const uint8_t *from, size_t size_bytes)
{
	size_t left = size_bytes;

	for (; left >= WORD_BYTES; left -= WORD_BYTES) {
		*(unaligned_word *)(to + left - WORD_BYTES) =
			*(const unaligned_word *)(from + left - WORD_BYTES);
	}
	for (; left > 0; left--) {
		to[left - 1] = from[left - 1];
	}
}

void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes)
{
	copy_upwards(to, from, size_bytes);
	return to;
}

void *memmove(void *to, const void *from, size_t size_bytes)
{
	if ((uintptr_t)to <= (uintptr_t)from) {
		copy_upwards(to, from, size_bytes);
	} else {
		copy_downwards(to, from, size_bytes);
	}
	return to;
}

void *memset(void *to, int byte, size_t size_bytes)
{
	uint8_t *bytes = to;
	uint64_t word = WORD_OF_ONES * (uint8_t)byte;
	size_t done = 0;

	for (; size_bytes - done >= WORD_BYTES; done += WORD_BYTES) {
		*(unaligned_word *)(bytes + done) = word;
	}
	for (; done < size_bytes; done++) {
		bytes[done] = (uint8_t)byte;
	}
	return to;
}

int memcmp(const void *left, const void *right, size_t size_bytes)
{
	const uint8_t *left_bytes = left;
	const uint8_t *right_bytes = right;

	for (size_t i = 0; i < size_bytes; i++) {
		if (left_bytes[i] != right_bytes[i]) {
			return left_bytes[i] < right_bytes[i] ? -1 : 1;
		}
	}
	return 0;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0') {
		length++;
	}
	return length;
}

int strcmp(const char *left, const char *right)
{
	return strncmp(left, right, SIZE_MAX);
}

int strncmp(const char *left, const char *right, size_t max_bytes)
{
	for (size_t i = 0; i < max_bytes; i++) {
		/* The standard compares as unsigned char, whatever char is. */
		uint8_t left_byte = (uint8_t)left[i];
		uint8_t right_byte = (uint8_t)right[i];

		if (left_byte != right_byte) {
			return left_byte < right_byte ? -1 : 1;
		}
		if (left_byte == 0) {
			break;
		}
	}
	return 0;
}
