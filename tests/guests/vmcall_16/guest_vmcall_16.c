/* SPDX-License-Identifier: MIT */
/* VMCALL in 16-bit code: protected mode, real mode, and virtual-8086 mode, which is CPL 3. */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/vmcall_rules.h"

uint32_t guest_main(void)
{
	vmcall_rules_check32(PROBE_PROTECTED16);
	vmcall_rules_check32(PROBE_REAL);
	vmcall_rules_check32(PROBE_VIRTUAL8086);
	return report_result();
}
