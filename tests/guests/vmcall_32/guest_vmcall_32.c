/* SPDX-License-Identifier: MIT */
/* VMCALL in 32-bit protected mode: without paging, with 32-bit paging, with PAE paging, in ring 3.
 */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/vmcall_rules.h"

uint32_t guest_main(void)
{
	vmcall_rules_check32(PROBE_PROTECTED32);
	vmcall_rules_check32(PROBE_PROTECTED32_PAGING);
	vmcall_rules_check32(PROBE_PROTECTED32_PAE);
	vmcall_rules_check32(PROBE_PROTECTED32_USER);
	return report_result();
}
