/* SPDX-License-Identifier: MIT */
#include "cpu/tsc_sync.h"

#include "cpu/insn.h"

enum {
	ROUNDS = 64,
	/* More than a second on any machine. */
	POLLS_MAX = 100000000,
};

static uint64_t read_tsc(void)
{
	insn_mfence_lfence();
	return insn_rdtsc();
}

static bool wait_for(const uint32_t *number, uint32_t value)
{
	for (unsigned i = 0; i < POLLS_MAX; i++) {
		if (__atomic_load_n(number, __ATOMIC_ACQUIRE) == value) {
			return true;
		}
		insn_pause();
	}
	return false;
}

static uint64_t outside(uint64_t low, uint64_t value, uint64_t high)
{
	return value < low ? low - value : value > high ? value - high : 0;
}

struct tsc_sync_result tsc_sync_lead(struct tsc_sync *sync)
{
	struct tsc_sync_result result = {.is_measured = true, .uncertainty = UINT64_MAX};

	for (uint32_t round = 1; round <= ROUNDS; round++) {
		uint64_t before = read_tsc();
		uint64_t after;

		__atomic_store_n(&sync->round, round, __ATOMIC_RELEASE);
		if (!wait_for(&sync->answer, round)) {
			return (struct tsc_sync_result){.is_measured = false};
		}
		after = read_tsc();
		if (after - before < result.uncertainty) {
			result.uncertainty = after - before;
			result.difference = outside(before, sync->follower_tsc, after);
		}
	}
	return result;
}

void tsc_sync_follow(struct tsc_sync *sync)
{
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		if (!wait_for(&sync->round, round)) {
			return;
		}
		sync->follower_tsc = read_tsc();
		__atomic_store_n(&sync->answer, round, __ATOMIC_RELEASE);
	}
}
