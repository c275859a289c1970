/* SPDX-License-Identifier: MIT */
#include "lib/ring.h"

void ring_put(struct ring *ring, uint8_t byte)
{
	ring->bytes[ring->written & (ring->capacity - 1)] = byte;
	ring->written++;
}

size_t ring_count(const struct ring *ring)
{
	return ring->written < ring->capacity ? (size_t)ring->written : ring->capacity;
}

uint8_t ring_peek(const struct ring *ring, size_t index)
{
	uint64_t oldest = ring->written - ring_count(ring);

	return ring->bytes[(oldest + index) & (ring->capacity - 1)];
}
