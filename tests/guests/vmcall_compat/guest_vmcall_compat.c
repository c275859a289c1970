/* SPDX-License-Identifier: MIT */
/* VMCALL in compatibility mode: 32-bit code under a long-mode kernel counts as 32-bit. */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/vmcall_rules.h"

uint32_t guest_main(void)
{
	vmcall_rules_check32(PROBE_COMPATIBILITY);
	vmcall_rules_check32(PROBE_COMPATIBILITY_USER);
	return report_result();
}
