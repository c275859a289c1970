/* SPDX-License-Identifier: MIT */
/* Every number that KVM has or might have, and numbers that only look like one. */
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"

enum { SMALL_NUMBERS = 21 };

static void check_number(enum guest_probe_mode mode, uint64_t number)
{
	struct guest_probe probe = call_probe(mode, number);

	guest_probe_run(&probe);
	case_begin_number("number", guest_probe_mode_name(mode), number);
	case_result(&probe, result_of_number(mode, number));
}

void conformance_numbers(void)
{
	static const enum guest_probe_mode modes[] = {
		PROBE_KERNEL, PROBE_COMPATIBILITY, PROBE_PROTECTED32};
	static const uint64_t large[] = {0x7f, 0xff, 0x100, 0x101, 0x1000, 0x10001, 0x10000b,
		0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
	/* 1, 5, 9, 10 and 11 in the low half. */
	static const uint64_t with_high_half[] = {0x100000001, 0x100000005, 0x100000009,
		0x10000000a, 0x10000000b, 0x8000000000000001, 0xffffffff00000001, ~0ull};

	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		for (uint64_t number = 0; number < SMALL_NUMBERS; number++) {
			check_number(modes[i], number);
		}
		for (size_t j = 0; j < ARRAY_COUNT(large); j++) {
			check_number(modes[i], large[j]);
		}
	}
	for (size_t j = 0; j < ARRAY_COUNT(with_high_half); j++) {
		check_number(PROBE_KERNEL, with_high_half[j]);
	}
}
