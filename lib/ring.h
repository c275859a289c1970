/* SPDX-License-Identifier: MIT */
#ifndef LIB_RING_H
#define LIB_RING_H

#include "lib/types.h"

/*
 * A ring of bytes that keeps the last `capacity` of them: a write never fails, it overwrites the
 * oldest. `capacity` is a power of two; `written` counts all bytes ever put in.
 */
struct ring {
	uint8_t *bytes;
	size_t capacity;
	uint64_t written;
};

/* Appends one byte. Context: one writer at a time. */
void ring_put(struct ring *ring, uint8_t byte);

/* Returns how many bytes can be read now: at most capacity. */
size_t ring_count(const struct ring *ring);

/* Returns the byte at `index` counted from the oldest kept; index < ring_count(). */
uint8_t ring_peek(const struct ring *ring, size_t index);

#endif
