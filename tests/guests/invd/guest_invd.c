/* SPDX-License-Identifier: MIT */
/*
 * INVD and WBINVD: the guest goes on, and what lies in memory is not lost (an INVD that really
 * dropped the caches would take the hypervisor's memory with it).
 */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/probe_rules.h"

enum { WORD_COUNT = 4096, ROUNDS = 50 };

static uint64_t words[WORD_COUNT];

static uint64_t wrong_words(uint64_t round)
{
	uint64_t wrong = 0;

	for (uint64_t i = 0; i < WORD_COUNT; i++) {
		wrong += words[i] != i * round;
	}
	return wrong;
}

static void check_memory(const char *rule, const char *code, size_t size_bytes)
{
	uint64_t wrong = 0;

	for (uint64_t round = 1; round <= ROUNDS; round++) {
		struct guest_probe probe = guest_probe_make(PROBE_KERNEL, code, size_bytes);

		for (uint64_t i = 0; i < WORD_COUNT; i++) {
			words[i] = i * round;
		}
		guest_probe_run(&probe);
		wrong += wrong_words(round) + !guest_probe_is_done(&probe) +
			 (memcmp(&probe.in, &probe.out, sizeof(probe.in)) != 0);
	}
	report_equal(rule, wrong, 0);
}

uint32_t guest_main(void)
{
	static const struct fault_rule user[] = {
		{"invd_in_ring_3_raises_gp", PROBE_CODE("\x0f\x08"), 0, 0, 0, VECTOR_GP, 0},
		{"wbinvd_in_ring_3_raises_gp", PROBE_CODE("\x0f\x09"), 0, 0, 0, VECTOR_GP, 0},
	};

	check_memory("wbinvd_keeps_memory_and_registers", PROBE_CODE("\x0f\x09"));
	check_memory("wbinvd_with_a_prefix_goes_on", PROBE_CODE("\x2e\x0f\x09"));
	if (report_has_trivet("invd_keeps_memory_and_registers")) {
		check_memory("invd_keeps_memory_and_registers", PROBE_CODE("\x0f\x08"));
	}
	probe_rules_check(PROBE_USER, user, ARRAY_COUNT(user));
	return report_result();
}
