/* SPDX-License-Identifier: MIT */
#include "tests/guests/hypercall_storm/storm_calls.h"

#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

enum {
	PATTERN = 0xa5,
	MARGIN_BYTES = 64, /* Looked at before and behind what a call may write. */
	CLOCK_PAIRING_BYTES = 64,
	ICR_DELIVERY_MODE = 0x700,
	SELDOM = 100,
	RARELY = 1000,
	VERY_RARELY = 20000,
	COUNTERS_MAX = 128, /* More than there are. */
	SLEEP_BITS = 2,
};

#define PAGE_BYTES 4096ull

/* What the calls may write to: the upper half of RAM, where nothing of ours is. */
static uint64_t arena;
static uint64_t ram_end;

void storm_start(uint64_t memory_end)
{
	ram_end = memory_end;
	arena = memory_end / 2;
	memset((void *)arena, PATTERN, ram_end - arena);
}

/* Memory is RAM from 0 to ram_end and nothing behind. */
static bool is_ram(uint64_t address, uint64_t size_bytes)
{
	return size_bytes == 0 || (size_bytes <= ram_end && address <= ram_end - size_bytes);
}

/* An edge or near it; never RAM below the arena, also when the address is cut to 32 bits. */
static uint64_t choose_edge(void)
{
	const uint64_t edges[] = {arena + 2 * PAGE_BYTES, arena + 4 * PAGE_BYTES, ram_end,
		0x30000000ull, 0xfee01000ull, 0xfec01000ull, 0xffffff00ull,
		0x100000000ull + arena + 5 * PAGE_BYTES, 0x10000000000ull + ram_end,
		0x0010000000000000ull + ram_end, 0x7fffffffffffff00ull, 0xffffffffffffff00ull};
	const uint64_t edge = edges[choose_below(ARRAY_COUNT(edges))];

	switch (choose_bits(2)) {
	case 0:
		return edge - choose_bits(7);
	case 1:
		return edge + choose_bits(7);
	case 2:
		return (edge & ~63ull) - 64 * choose_bits(4);
	default:
		return edge - choose_bits(12) % (edge < ram_end ? PAGE_BYTES : 256);
	}
}

static uint64_t choose_number(void)
{
	uint64_t number;

	switch (choose_bits(2)) {
	case 0:
		number = choose_bits(4);
		break;
	case 1:
	case 2:
		number = TRIVET_CALL_BASE +
			 choose_below(TRIVET_CALL_GUEST_LIST - TRIVET_CALL_BASE + 1);
		break;
	default:
		number = choose_value();
		break;
	}
	/* An end is asked for by the ABI: not here. The table of counters fills the log. */
	if ((uint32_t)number == TRIVET_CALL_END ||
		((uint32_t)number == TRIVET_CALL_PRINT_COUNTERS &&
			choose_below(VERY_RARELY) != 0)) {
		return TRIVET_CALL_BATCH;
	}
	return number;
}

/* Counts and lengths: those that the calls take, and those just too large. */
static uint64_t choose_count(void)
{
	switch (choose_bits(2)) {
	case 0:
		return choose_value();
	case 1:
		return TRIVET_BATCH_MAX - 2 + choose_bits(2);
	case 2:
		return TRIVET_LOG_MAX - 2 + choose_bits(2);
	default:
		return choose_bits(3);
	}
}

/* What would take the guest's time, fill the log, or send it elsewhere, comes rarely or not. */
static void tame(struct storm_call *call)
{
	switch ((uint32_t)call->number) {
	case TRIVET_CALL_SLEEP:
		call->arguments[0] = choose_bits(3) == 0 ? TRIVET_SLEEP_MAX_US + 1 + choose_bits(20)
							 : choose_bits(SLEEP_BITS);
		break;
	case TRIVET_CALL_LOG:
		if (choose_below(RARELY) != 0) {
			call->arguments[0] = choose_bits(1) != 0 ? ram_end - choose_bits(1)
								 : 0x30000000ull + choose_bits(8);
			call->arguments[1] += 2;
		}
		break;
	case TRIVET_CALL_READ_COUNTERS:
		if (choose_below(SELDOM) != 0) {
			call->arguments[0] = ram_end - choose_bits(8);
			call->arguments[1] += 1;
		}
		break;
	case KVM_CALL_SEND_IPI:
		call->arguments[3] &= ~(uint64_t)ICR_DELIVERY_MODE;
		break;
	default:
		break;
	}
}

struct storm_call storm_choose(void)
{
	struct storm_call call = {.number = choose_number(),
		.arguments = {choose_edge(), choose_count(), choose_value(), choose_value()}};

	tame(&call);
	return call;
}

/* The bytes that the call may write to if it succeeds. */
static uint64_t written_bytes(const struct storm_call *call)
{
	const uint64_t count = call->arguments[1];

	switch (call->number) {
	case TRIVET_CALL_READ_COUNTERS:
		return (count < COUNTERS_MAX ? count : COUNTERS_MAX) * TRIVET_COUNTER_BYTES;
	case TRIVET_CALL_BATCH:
		return count <= TRIVET_BATCH_MAX ? count * TRIVET_BATCH_ENTRY_BYTES : 0;
	case KVM_CALL_CLOCK_PAIRING:
		return CLOCK_PAIRING_BYTES;
	default:
		return 0;
	}
}

/* The part of [address - MARGIN, address + size + MARGIN) that lies in the arena. */
static uint64_t clip(uint64_t address, uint64_t size_bytes, uint64_t *start)
{
	uint64_t end = address + size_bytes + MARGIN_BYTES;

	*start = address - MARGIN_BYTES < arena ? arena : address - MARGIN_BYTES;
	if (address < arena || address - MARGIN_BYTES >= ram_end || end < address) {
		return 0;
	}
	end = end < ram_end ? end : ram_end;
	return end - *start;
}

/* Calls of a batch that are answered each in its own way, whatever the batch's memory is. */
static const struct {
	uint64_t number;
	uint64_t result;
} batched[] = {
	{TRIVET_CALL_PING, TRIVET_PING_RESULT},
	{KVM_CALL_VAPIC_POLL_IRQ, 0},
	{0x1234, 0 - (uint64_t)TRIVET_ENOSYS},
	{TRIVET_CALL_BATCH, 0 - (uint64_t)TRIVET_EINVAL},
};

static struct trivet_batch_entry *batch_entry(const struct storm_call *call, uint64_t index)
{
	return (struct trivet_batch_entry *)(call->arguments[0] + index * TRIVET_BATCH_ENTRY_BYTES);
}

static bool is_good_batch(const struct storm_call *call)
{
	return call->number == TRIVET_CALL_BATCH && call->is_privileged &&
	       call->arguments[1] <= TRIVET_BATCH_MAX &&
	       call->arguments[0] % TRIVET_BATCH_ENTRY_BYTES == 0 &&
	       is_ram(call->arguments[0], call->arguments[1] * TRIVET_BATCH_ENTRY_BYTES);
}

void storm_prepare(const struct storm_call *call)
{
	for (uint64_t i = 0; is_good_batch(call) && i < call->arguments[1]; i++) {
		batch_entry(call, i)->rax = batched[i % ARRAY_COUNT(batched)].number;
	}
}

/* 0 or the error that the ABI has; what is counted is checked as a range. */
static bool is_memory_result_right(const struct storm_call *call, uint64_t result)
{
	const uint64_t address = call->arguments[0];
	const uint64_t count = call->arguments[1];
	const uint64_t fault = (0 - (uint64_t)TRIVET_EFAULT) & call->mask;
	const uint64_t too_big = (0 - (uint64_t)TRIVET_E2BIG) & call->mask;
	const uint64_t invalid = (0 - (uint64_t)TRIVET_EINVAL) & call->mask;
	const uint64_t not_supported = (0 - (uint64_t)TRIVET_EOPNOTSUPP) & call->mask;

	switch (call->number) {
	case TRIVET_CALL_LOG:
		return result == (count > TRIVET_LOG_MAX          ? too_big
					 : is_ram(address, count) ? 0
								  : fault);
	case TRIVET_CALL_BATCH:
		return result == (address % TRIVET_BATCH_ENTRY_BYTES != 0 ? invalid
					 : count > TRIVET_BATCH_MAX       ? too_big
					 : is_good_batch(call)            ? count
									  : fault);
	case KVM_CALL_CLOCK_PAIRING:
		return result == (count != 0                                    ? not_supported
					 : is_ram(address, CLOCK_PAIRING_BYTES) ? 0
										: fault);
	default:
		return result == fault || (result > 0 && result < COUNTERS_MAX);
	}
}

static bool is_plain_result_right(const struct storm_call *call, uint64_t result)
{
	const uint64_t unknown = (0 - (uint64_t)TRIVET_ENOSYS) & call->mask;
	const uint64_t invalid = (0 - (uint64_t)TRIVET_EINVAL) & call->mask;

	switch (call->number) {
	case KVM_CALL_VAPIC_POLL_IRQ:
	case KVM_CALL_KICK_CPU:
	case KVM_CALL_SCHED_YIELD:
	case TRIVET_CALL_PRINT_COUNTERS:
	case TRIVET_CALL_TRACE_MARK:
		return result == 0;
	case KVM_CALL_SEND_IPI:
		return result <= 1 || result == unknown || result == invalid;
	case TRIVET_CALL_PING:
		return result == TRIVET_PING_RESULT;
	case TRIVET_CALL_GUEST_CONTROL:
	case TRIVET_CALL_GUEST_LIST:
		return result == ((0 - (uint64_t)TRIVET_EPERM) & call->mask);
	case TRIVET_CALL_SLEEP:
		return result == (call->arguments[0] > TRIVET_SLEEP_MAX_US ? invalid : 0);
	default:
		return result == unknown;
	}
}

bool storm_is_result_right(const struct storm_call *call, uint64_t result)
{
	if (!call->is_privileged) {
		return result == (UINT64_MAX & call->mask);
	}
	switch (call->number) {
	case TRIVET_CALL_LOG:
	case TRIVET_CALL_READ_COUNTERS:
	case TRIVET_CALL_BATCH:
	case KVM_CALL_CLOCK_PAIRING:
		return is_memory_result_right(call, result);
	default:
		return is_plain_result_right(call, result);
	}
}

static bool is_pattern(uint64_t start, uint64_t size_bytes)
{
	const uint8_t *bytes = (const uint8_t *)start;

	for (uint64_t i = 0; i < size_bytes; i++) {
		if (bytes[i] != PATTERN) {
			return false;
		}
	}
	return true;
}

static bool are_batched_results_right(const struct storm_call *call)
{
	for (uint64_t i = 0; i < call->arguments[1]; i++) {
		const struct trivet_batch_entry *entry = batch_entry(call, i);

		if (entry->result != (batched[i % ARRAY_COUNT(batched)].result & call->mask)) {
			return false;
		}
	}
	return true;
}

/* What a call that succeeded left: bytes before and behind what it may write are as they were. */
static bool is_success_right(const struct storm_call *call, uint64_t written)
{
	const uint64_t all = call->arguments[0] + written;
	const uint64_t end = all < ram_end ? all : ram_end;
	const uint64_t behind = ram_end - end < MARGIN_BYTES ? ram_end - end : MARGIN_BYTES;
	const bool is_right = is_pattern(call->arguments[0] - MARGIN_BYTES, MARGIN_BYTES) &&
			      is_pattern(end, behind) &&
			      (!is_good_batch(call) || are_batched_results_right(call));

	memset((void *)call->arguments[0], PATTERN, end - call->arguments[0]);
	return is_right;
}

bool storm_is_memory_right(const struct storm_call *call, uint64_t result)
{
	const uint64_t written = call->is_privileged ? written_bytes(call) : 0;
	const bool is_error = call->mask == UINT64_MAX ? (int64_t)result < 0 : (int32_t)result < 0;
	uint64_t start;
	uint64_t size_bytes;

	if (!is_error && written != 0) {
		return is_success_right(call, written);
	}
	/* A range that begins below the arena or wraps around cannot be one that was written. */
	size_bytes = clip(call->arguments[0], written, &start);
	return size_bytes == 0 || is_pattern(start, size_bytes);
}
