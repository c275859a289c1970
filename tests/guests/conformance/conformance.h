/* SPDX-License-Identifier: MIT */
#ifndef CONFORMANCE_CONFORMANCE_H
#define CONFORMANCE_CONFORMANCE_H

#include "guest/runtime/guest_probe.h"
#include "tests/guests/shared/probe_rules.h"

/*
 * A case is one line of what was observed, "CASE topic.scope.name key=value ..", and one PASS or
 * FAIL of the same name with what the interface demands. The lines are the same on every run: no
 * address, time or count of ticks is in them, only facts made of these. tools/conformance compares
 * the CASE lines of two hypervisors.
 */

/* Starts a case. scope may be NULL: then the name has two parts. */
void case_begin(const char *topic, const char *scope, const char *name);

/* Starts a case whose last part is a number. */
void case_begin_number(const char *topic, const char *scope, uint64_t number);

/* One key of the running case. */
void case_value(const char *key, uint64_t value);
void case_text(const char *key, const char *text);

/* vector=none, or the vector and error code of an exception. */
void case_exception(uint64_t vector, uint64_t error_code);

/* RAX, how far RIP went, the other registers and flags, the exception. */
void case_probe(const struct guest_probe *probe);

/* The single-step traps of a probe: where, and DR6's BS and B0. */
void case_steps(const struct guest_probe *probe);

/* Ends the case: PASS if what the interface demands holds. Without a demand: case_end_observed().
 */
void case_end(bool holds);
void case_end_observed(void);

/* A whole case: a probe that must end with this result, with nothing else changed. */
void case_result(const struct guest_probe *probe, uint64_t want);

/* The general registers but RAX: low halves only outside 64-bit code. */
bool case_others_are_same(const struct guest_probe *probe);
bool case_flags_are_same(const struct guest_probe *probe);

/* What CPUID offers: a bit of KVM's feature leaf (0 to 31). */
bool offers(unsigned feature_bit);

/* The bits of KVM's feature leaf that have no use in hypercall/abi.h. */
enum feature_bit {
	FEATURE_CLOCKSOURCE = 0,
	FEATURE_CLOCKSOURCE2 = 3,
	FEATURE_ASYNC_PF = 4,
	FEATURE_STEAL_TIME = 5,
	FEATURE_PV_EOI = 6,
	FEATURE_PV_UNHALT = 7,
	FEATURE_PV_SEND_IPI = 11,
	FEATURE_POLL_CONTROL = 12,
	FEATURE_PV_SCHED_YIELD = 13,
	FEATURE_ASYNC_PF_INT = 14,
	FEATURE_HC_MAP_GPA_RANGE = 16,
	FEATURE_MIGRATION_CONTROL = 17,
	FEATURE_CLOCKSOURCE_STABLE = 24,
	FEATURE_NONE = 32, /* Of an MSR that no feature offers. */
};

/* An error, or any result, as RAX has it in a mode. */
uint64_t result_in(enum guest_probe_mode mode, int64_t result);

/* The result of a call with arguments that do no harm: see conformance_numbers.c. */
uint64_t result_of_number(enum guest_probe_mode mode, uint64_t number);

/* A VMCALL in a mode, with a number and harmless arguments: for more keys before it runs. */
struct guest_probe call_probe(enum guest_probe_mode mode, uint64_t number);

/* What no function serves. */
#define UNKNOWN_CALL 0x1234

/* Room for what the hypervisor writes. */
extern uint8_t conformance_page[4096];

/* The groups, in the order of the output. */
void conformance_cpuid(void);
void conformance_modes(void);
void conformance_numbers(void);
void conformance_instruction(void);
void conformance_edges(void);
void conformance_state(void);
void conformance_vmmcall(void);
void conformance_msr(void);
void conformance_clock(void);
void conformance_calls(void);
void conformance_ipi(void);
void conformance_kick(const char *apic_mode); /* By conformance_ipi(), in each mode. */
void conformance_native(void);

#endif
