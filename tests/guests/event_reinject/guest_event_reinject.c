/* SPDX-License-Identifier: MIT */
/*
 * An exception whose delivery itself exits, as its stack has no memory: the pushes have nowhere to
 * go and no instruction can be skipped. Either the handler is entered or this guest ends, cleanly;
 * an endless loop of deliveries is neither.
 */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/runtime/guest_segments.h"
#include "tests/guests/shared/probe_rules.h"

uint32_t guest_main(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x0b"));

	if (!report_has_trivet("delivery_without_memory_ends_the_guest")) {
		return report_result();
	}
	guest_segments_set_ist(GUEST_IST_SPARE, UNMAPPED_PHYSICAL + 0x1000);
	guest_segments_set_vector_ist(VECTOR_UD, GUEST_IST_SPARE);
	report_pass("about_to_deliver_to_a_stack_without_memory");
	guest_probe_run(&probe);
	report_equal("delivery_without_memory_ends_the_guest", probe.vector, 0);
	return report_result();
}
