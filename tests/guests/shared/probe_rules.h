/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUESTS_SHARED_PROBE_RULES_H
#define TESTS_GUESTS_SHARED_PROBE_RULES_H

#include "guest/runtime/guest_probe.h"

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Nothing is at these physical addresses: far above any test guest's memory. */
#define UNMAPPED_PHYSICAL 0x30000000ull

/* An instruction that must raise a fault at its first byte, or must not (VECTOR_PROBE_END). */
struct fault_rule {
	const char *rule;
	const char *code;
	size_t code_size_bytes;
	uint64_t rax;
	uint64_t rcx;
	uint64_t rdx;
	uint64_t vector;
	uint64_t error_code;
};

/* Tries each rule in the mode. */
void probe_rules_check(
	enum guest_probe_mode mode, const struct fault_rule *rules, size_t rule_count);

/* PASS if RDMSR, or WRMSR of the value, raises #GP(0). */
void probe_rules_rdmsr_faults(const char *rule, uint32_t msr);
void probe_rules_wrmsr_faults(const char *rule, uint32_t msr, uint64_t value);

/* PASS if the MSR takes the value and reads back as it; then the old value is put back. */
void probe_rules_msr_round_trip(const char *rule, uint32_t msr, uint64_t value);

#endif
