/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HOST_RANDOM_NUMBERS_H
#define TESTS_HOST_RANDOM_NUMBERS_H

/*
 * Numbers for tests that hold random operations against a model. Each run has another seed, which
 * is printed; TEST_SEED in the environment repeats a run.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct random_numbers {
	uint64_t state;
};

static inline void random_start(struct random_numbers *numbers, const char *test)
{
	const char *wish = getenv("TEST_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec;
	if (wish != NULL) {
		seed = strtoull(wish, NULL, 0);
	}
	printf("%s: TEST_SEED=0x%llx\n", test, (unsigned long long)seed);
	numbers->state = seed;
}

/* SplitMix64: any seed is good. */
static inline uint64_t random_next(struct random_numbers *numbers)
{
	uint64_t z = numbers->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* A number in [0, limit); limit > 0. */
static inline uint64_t random_below(struct random_numbers *numbers, uint64_t limit)
{
	return random_next(numbers) % limit;
}

#endif
