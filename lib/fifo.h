/* SPDX-License-Identifier: MIT */
#ifndef LIB_FIFO_H
#define LIB_FIFO_H

#include "lib/types.h"

/*
 * A queue of bytes that loses none: what does not fit is refused. `capacity` is a power of two;
 * `put` and `taken` count all bytes ever, and wrap around. Context: one user at a time.
 */
struct fifo {
	uint8_t *bytes;
	size_t capacity;
	size_t put;
	size_t taken;
};

/* Returns how many bytes wait: at most capacity. */
static inline size_t fifo_count(const struct fifo *fifo)
{
	return fifo->put - fifo->taken;
}

static inline bool fifo_is_full(const struct fifo *fifo)
{
	return fifo_count(fifo) == fifo->capacity;
}

/* Adds a byte. Returns false, with nothing changed, if the queue is full. */
static inline bool fifo_put(struct fifo *fifo, uint8_t byte)
{
	if (fifo_is_full(fifo)) {
		return false;
	}
	fifo->bytes[fifo->put++ & (fifo->capacity - 1)] = byte;
	return true;
}

/* Takes the oldest byte. Returns false if the queue is empty. */
static inline bool fifo_take(struct fifo *fifo, uint8_t *byte)
{
	if (fifo_count(fifo) == 0) {
		return false;
	}
	*byte = fifo->bytes[fifo->taken++ & (fifo->capacity - 1)];
	return true;
}

#endif
