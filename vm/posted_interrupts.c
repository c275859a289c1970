/* SPDX-License-Identifier: MIT */
#include "vm/posted_interrupts.h"

enum { WORD_BITS = 64 };

void posted_interrupts_init(
	struct posted_interrupts *posted, uint8_t notification_vector, uint32_t destination)
{
	uint64_t control = 0;

	control = bits_put(
		control, POSTED_CONTROL_NV_HIGH, POSTED_CONTROL_NV_LOW, notification_vector);
	control = bits_put(control, POSTED_CONTROL_NDST_HIGH, POSTED_CONTROL_NDST_LOW, destination);
	*posted = (struct posted_interrupts){.descriptor = {.control = control}};
}

bool posted_interrupts_post(struct posted_interrupts *posted, uint8_t vector, bool is_level)
{
	uint64_t *words = is_level ? posted->level : posted->descriptor.requests;
	uint64_t before;

	/* The vector first: who hears the doorbell finds it. */
	__atomic_fetch_or(&words[vector / WORD_BITS], BIT(vector % WORD_BITS), __ATOMIC_SEQ_CST);
	if (is_level) {
		return posted_interrupts_request(posted, POSTED_REQUEST_LEVEL);
	}
	before =
		__atomic_fetch_or(&posted->descriptor.control, POSTED_CONTROL_ON, __ATOMIC_SEQ_CST);
	/* Behind ON: an owner that takes in between is asked once more for nothing, but never has
	 * ON set and does not know. */
	__atomic_fetch_or(&posted->requests, POSTED_REQUEST_VECTOR, __ATOMIC_SEQ_CST);
	return (before & POSTED_CONTROL_ON) == 0;
}

bool posted_interrupts_request(struct posted_interrupts *posted, uint32_t requests)
{
	const uint32_t before = __atomic_fetch_or(&posted->requests, requests, __ATOMIC_SEQ_CST);

	/* A vector's notification may be one that makes no exit. */
	return (before & ~(uint32_t)POSTED_REQUEST_VECTOR) == 0;
}

bool posted_interrupts_init_signal(struct posted_interrupts *posted)
{
	const uint32_t lost =
		POSTED_REQUEST_STARTUP |
		(uint32_t)BITS_MASK(POSTED_STARTUP_VECTOR_HIGH, POSTED_STARTUP_VECTOR_LOW);
	uint32_t before = __atomic_load_n(&posted->requests, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(&posted->requests, &before,
		(before & ~lost) | POSTED_REQUEST_INIT, false, __ATOMIC_SEQ_CST,
		__ATOMIC_RELAXED)) {
	}
	return (before & ~(uint32_t)POSTED_REQUEST_VECTOR) == 0;
}

bool posted_interrupts_startup(struct posted_interrupts *posted, uint8_t vector)
{
	uint32_t before = __atomic_load_n(&posted->requests, __ATOMIC_RELAXED);
	uint32_t after;

	do {
		after = (uint32_t)bits_put(before | POSTED_REQUEST_STARTUP,
			POSTED_STARTUP_VECTOR_HIGH, POSTED_STARTUP_VECTOR_LOW, vector);
	} while (!__atomic_compare_exchange_n(
		&posted->requests, &before, after, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return (before & ~(uint32_t)POSTED_REQUEST_VECTOR) == 0;
}

/* Most words are empty, and a locked exchange costs more than a look. */
static void take_words(uint64_t *words, uint64_t *taken)
{
	for (size_t i = 0; i < POSTED_VECTOR_WORDS; i++) {
		taken[i] = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
		if (taken[i] != 0) {
			taken[i] = __atomic_exchange_n(&words[i], 0, __ATOMIC_SEQ_CST);
		}
	}
}

/*
 * Each doorbell before what it rings for: a vector that comes in between is taken now and rung for
 * again, never left behind in silence.
 */
void posted_interrupts_take(struct posted_interrupts *posted, struct posted_taken *taken)
{
	/* Before PIR: a vector that comes behind the look at PIR leaves its request. */
	taken->requests = __atomic_exchange_n(&posted->requests, 0, __ATOMIC_SEQ_CST) &
			  ~(uint32_t)POSTED_REQUEST_VECTOR;
	__atomic_fetch_and(&posted->descriptor.control, ~POSTED_CONTROL_ON, __ATOMIC_SEQ_CST);
	take_words(posted->descriptor.requests, taken->edge);
	if ((taken->requests & POSTED_REQUEST_LEVEL) != 0) {
		take_words(posted->level, taken->level);
	}
}

uint8_t posted_taken_single(const struct posted_taken *taken)
{
	uint8_t vector = 0;

	if (taken->requests != 0) {
		return 0;
	}
	for (size_t i = 0; i < POSTED_VECTOR_WORDS; i++) {
		const uint64_t bits = taken->edge[i];

		if (bits == 0) {
			continue;
		}
		if (vector != 0 || (bits & (bits - 1)) != 0) {
			return 0;
		}
		vector = (uint8_t)(i * WORD_BITS + (unsigned)__builtin_ctzll(bits));
	}
	return vector;
}
