/* SPDX-License-Identifier: MIT */
/*
 * VMCALL in compatibility mode: 32-bit code under a long-mode kernel counts as 32-bit, and its
 * instruction pointer wraps at 4 GiB.
 */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/address_ends.h"
#include "tests/guests/shared/vmcall_rules.h"

enum { PROBE_END_BYTES = 2 };

static void expect_wrap(const char *rule, const struct guest_probe *probe)
{
	report_equal(rule, probe->vector, VECTOR_PROBE_END);
	report_equal(
		rule, (uint64_t)probe->rip_offset + guest_probe_code_address(), PROBE_END_BYTES);
}

static void check_wrap(void)
{
	struct guest_probe probe = address_ends_run_before_4g(PROBE_CODE("\x0f\xa2"), 0);

	expect_wrap("eip_wraps_behind_cpuid", &probe);
	if (report_has_trivet("eip_wraps_behind_vmcall")) {
		probe = address_ends_run_before_4g(CODE_VMCALL, TRIVET_CALL_PING);
		expect_wrap("eip_wraps_behind_vmcall", &probe);
		report_equal("call_before_the_wrap_is_served", probe.out.rax, TRIVET_PING_RESULT);
	}
}

uint32_t guest_main(void)
{
	vmcall_rules_check32(PROBE_COMPATIBILITY);
	vmcall_rules_check32(PROBE_COMPATIBILITY_USER);
	check_wrap();
	return report_result();
}
