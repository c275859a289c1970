/* SPDX-License-Identifier: MIT */
#ifndef GUEST_RUNTIME_GUEST_REPORT_H
#define GUEST_RUNTIME_GUEST_REPORT_H

#include "guest/runtime/guest_probe.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The lines of a test guest: "PASS rule", "FAIL rule: got=.. want=..", "SKIP rule: why". A rule's
 * name says what the architecture or the interface demands. With a scope set (0: none) the name is
 * printed as scope.rule: for rules that are tried several times.
 */
void report_set_scope(const char *scope);
void report_pass(const char *rule);
void report_skip(const char *rule, const char *why);

/* PASS if the two are equal. Returns whether they are. */
bool report_equal(const char *rule, uint64_t got, uint64_t want);

/* PASS if it holds. */
bool report_true(const char *rule, bool holds);

/* PASS if the probe raised this vector at its first byte with this error code. */
bool report_fault(
	const char *rule, const struct guest_probe *probe, uint64_t vector, uint64_t error_code);

/* PASS if the probe ran to its end. */
bool report_done(const char *rule, const struct guest_probe *probe);

/*
 * True under Trivet, found by CPUID; otherwise prints SKIP for the rule: a bare processor or
 * another hypervisor does not promise it.
 */
bool report_has_trivet(const char *rule);
bool report_is_trivet(void);

/* The exit code for guest_main(): 1 if a rule failed or none was tried, else 0. */
uint32_t report_result(void);

#endif
