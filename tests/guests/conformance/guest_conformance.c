/* SPDX-License-Identifier: MIT */
/*
 * The hypercall interface, rule by rule, observed so that two hypervisors can be compared: see
 * conformance.h. It follows what CPUID offers: what is not offered is -ENOSYS, or #GP of its MSR.
 */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"

uint32_t guest_main(void)
{
	static void (*const groups[])(void) = {
		conformance_cpuid,
		conformance_modes,
		conformance_numbers,
		conformance_instruction,
		conformance_edges,
		conformance_state,
		conformance_vmmcall,
		conformance_msr,
		conformance_clock,
		conformance_calls,
		conformance_ipi,
		conformance_native,
	};

	/* Without a hypervisor VMCALL is #UD, and nothing can be compared. */
	if (trivet_find("KVMKVMKVM\0\0\0") == 0) {
		report_skip("conformance", "no hypervisor with KVM's interface");
		return report_result();
	}
	for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
		groups[i]();
	}
	return report_result();
}
