/* SPDX-License-Identifier: MIT */
/* The call that logs a text: what it takes, and which addresses and lengths it refuses. */
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"

#define EFAULT_RESULT ((uint64_t)-TRIVET_EFAULT)
#define E2BIG_RESULT  ((uint64_t)-TRIVET_E2BIG)

static const char text[] = "the guest logs this line";
static const char odd[] = "control \x01\x1b[2J\r\n and high \x80\xff bytes";

static uint64_t log_text(uint64_t address, uint64_t size_bytes)
{
	return (uint64_t)trivet_log(address, size_bytes);
}

static void check_good(void)
{
	static char longest[TRIVET_LOG_MAX];
	const uint64_t end = guest_memory_end();

	report_equal("text_is_logged", log_text((uintptr_t)text, sizeof(text) - 1), 0);
	report_equal("zero_length_is_good", log_text((uintptr_t)text, 0), 0);
	report_equal("odd_bytes_are_good", log_text((uintptr_t)odd, sizeof(odd) - 1), 0);
	memset(longest, 'x', sizeof(longest));
	report_equal("longest_text_is_logged", log_text((uintptr_t)longest, sizeof(longest)), 0);
	memcpy((char *)(uintptr_t)(end - 8), "lastbyte", 8);
	report_equal("last_bytes_of_memory_are_good", log_text(end - 8, 8), 0);
	memcpy((char *)0x2000 - 4, "crossing", 8);
	report_equal("text_may_cross_a_page", log_text(0x2000 - 4, 8), 0);
}

static void check_lengths(void)
{
	report_equal(
		"longer_is_e2big", log_text((uintptr_t)text, TRIVET_LOG_MAX + 1), E2BIG_RESULT);
	report_equal("32_bit_length_is_e2big", log_text((uintptr_t)text, 0xffffffff), E2BIG_RESULT);
	report_equal("length_is_not_truncated_to_32_bits", log_text((uintptr_t)text, 0x100000001),
		E2BIG_RESULT);
	report_equal("largest_length_is_e2big", log_text((uintptr_t)text, ~0ull), E2BIG_RESULT);
}

static void check_addresses(void)
{
	const uint64_t end = guest_memory_end();

	report_equal("address_behind_memory_is_efault", log_text(end, 1), EFAULT_RESULT);
	report_equal(
		"text_across_the_end_of_memory_is_efault", log_text(end - 4, 5), EFAULT_RESULT);
	report_equal("far_address_is_efault", log_text(0x100000000000ull, 8), EFAULT_RESULT);
	report_equal("address_is_not_truncated_to_32_bits",
		log_text(0x100000000ull | (uintptr_t)text, 8), EFAULT_RESULT);
	report_equal(
		"address_is_not_masked", log_text(1ull << 63 | (uintptr_t)text, 8), EFAULT_RESULT);
	report_equal("wrap_around_is_efault", log_text(~0ull - 3, 8), EFAULT_RESULT);
	report_equal("wrap_to_exactly_zero_is_efault", log_text(~0ull - 7, 8), EFAULT_RESULT);
	report_equal("highest_address_is_efault", log_text(~0ull, 1), EFAULT_RESULT);
}

static void check_flood(void)
{
	uint64_t all = 0;

	/* What a guest says is not allowed to stop anybody, however often it says it. */
	for (unsigned i = 0; i < 1000; i++) {
		all |= log_text(~0ull, 1) ^ EFAULT_RESULT;
	}
	report_equal("a_flood_of_bad_calls_is_answered", all, 0);
}

uint32_t guest_main(void)
{
	if (report_has_trivet("log")) {
		check_good();
		check_lengths();
		check_addresses();
		check_flood();
	}
	return report_result();
}
