/* SPDX-License-Identifier: MIT */
#include "tests/guests/shared/probe_rules.h"

#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"

void probe_rules_check(
	enum guest_probe_mode mode, const struct fault_rule *rules, size_t rule_count)
{
	for (size_t i = 0; i < rule_count; i++) {
		const struct fault_rule *rule = &rules[i];
		struct guest_probe probe =
			guest_probe_make(mode, rule->code, rule->code_size_bytes);

		probe.in.rax = rule->rax;
		probe.in.rcx = rule->rcx;
		probe.in.rdx = rule->rdx;
		guest_probe_run(&probe);
		if (rule->vector == VECTOR_PROBE_END) {
			report_done(rule->rule, &probe);
		} else {
			report_fault(rule->rule, &probe, rule->vector, rule->error_code);
		}
	}
}

void probe_rules_rdmsr_faults(const char *rule, uint32_t msr)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x32"));

	probe.in.rcx = msr;
	guest_probe_run(&probe);
	report_fault(rule, &probe, VECTOR_GP, 0);
}

void probe_rules_wrmsr_faults(const char *rule, uint32_t msr, uint64_t value)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x30"));

	probe.in.rcx = msr;
	probe.in.rax = (uint32_t)value;
	probe.in.rdx = value >> 32;
	guest_probe_run(&probe);
	report_fault(rule, &probe, VECTOR_GP, 0);
}

void probe_rules_msr_round_trip(const char *rule, uint32_t msr, uint64_t value)
{
	uint64_t before;
	uint64_t after;
	uint64_t vector;

	if (!guest_probe_rdmsr(msr, &before, &vector)) {
		report_equal(rule, vector, VECTOR_PROBE_END);
		return;
	}
	if (!guest_probe_wrmsr(msr, value, &vector)) {
		report_equal(rule, vector, VECTOR_PROBE_END);
		return;
	}
	after = guest_rdmsr(msr);
	guest_wrmsr(msr, before);
	report_equal(rule, after, value);
}
