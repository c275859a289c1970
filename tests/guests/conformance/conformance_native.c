/* SPDX-License-Identifier: MIT */
/* Trivet's own calls: another hypervisor does not know their numbers. */
#include "guest/runtime/guest_report.h"
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"
#include "tests/guests/shared/vmcall_rules.h"

static void check_call(enum guest_probe_mode mode, const char *name, uint64_t number, int64_t want)
{
	struct guest_probe probe = guest_probe_make(mode, CODE_VMCALL);

	probe.in.rax = number;
	probe.in.rbx = 0;
	probe.in.rcx = TRIVET_LOG_MAX + 1;
	guest_probe_run(&probe);
	case_begin("native", guest_probe_mode_name(mode), name);
	case_result(&probe, result_in(mode, report_is_trivet() ? want : -TRIVET_ENOSYS));
}

void conformance_native(void)
{
	static const enum guest_probe_mode modes[] = {PROBE_KERNEL, PROBE_USER, PROBE_COMPATIBILITY,
		PROBE_PROTECTED32, PROBE_REAL, PROBE_VIRTUAL8086};

	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		check_call(modes[i], "ping", TRIVET_CALL_PING, TRIVET_PING_RESULT);
		check_call(modes[i], "log_too_long", TRIVET_CALL_LOG, -TRIVET_E2BIG);
		check_call(modes[i], "number_behind_all", TRIVET_CALL_BASE + 0xff, -TRIVET_ENOSYS);
	}
	case_begin("native", NULL, "signature");
	case_value("offered", report_is_trivet());
	case_end_observed();
}
