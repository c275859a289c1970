/* SPDX-License-Identifier: MIT */
#ifndef CPU_TSC_SYNC_H
#define CPU_TSC_SYNC_H

#include "lib/types.h"

/*
 * Compares another processor's TSC with this one's: the leader reads its own, has the follower read
 * its own, and reads again. The follower's lies between the two if both count alike.
 */
struct tsc_sync {
	uint32_t round;  /* The leader's last question. */
	uint32_t answer; /* The follower's last answer: the same number. */
	uint64_t follower_tsc;
} __attribute__((aligned(64)));

struct tsc_sync_result {
	bool is_measured;     /* false: the follower does not answer. */
	uint64_t difference;  /* Ticks by which its TSC is off what explains the way there and back.
			       */
	uint64_t uncertainty; /* Ticks of the quickest way there and back. */
};

/*
 * The leader's part: some questions, of which the quickest counts. *sync is zeroed.
 * Context: one processor, while another is in tsc_sync_follow() or comes there.
 */
struct tsc_sync_result tsc_sync_lead(struct tsc_sync *sync);

/* The follower's part: ends after the last question. Context: another processor. */
void tsc_sync_follow(struct tsc_sync *sync);

#endif
