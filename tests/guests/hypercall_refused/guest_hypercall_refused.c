/* SPDX-License-Identifier: MIT */
/* Run with hypercalls=native,-sleep trace=calls: what a refused call and a hidden interface give.
 */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"

uint32_t guest_main(void)
{
	if (!report_has_trivet("refused_calls")) {
		return report_result();
	}
	report_equal("an_allowed_call_is_served", (uint64_t)trivet_ping(), TRIVET_PING_RESULT);
	report_equal("a_refused_call_is_eperm", (uint64_t)trivet_sleep(0), (uint64_t)-TRIVET_EPERM);
	report_equal("a_refused_call_is_eperm_again", (uint64_t)trivet_sleep(0),
		(uint64_t)-TRIVET_EPERM);
	report_equal("a_call_of_a_refused_interface_is_eperm",
		(uint64_t)trivet_call0(KVM_CALL_VAPIC_POLL_IRQ), (uint64_t)-TRIVET_EPERM);
	report_equal("an_unknown_number_is_enosys", (uint64_t)trivet_call0(0x1234),
		(uint64_t)-TRIVET_ENOSYS);
	report_equal("a_refused_interface_is_not_in_cpuid", trivet_find("KVMKVMKVM\0\0\0"), 0);
	return report_result();
}
