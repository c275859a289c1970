/* SPDX-License-Identifier: MIT */
/*
 * #AC whose delivery raises #AC again, for ever: the handler's frame goes to the same misaligned
 * stack, at CPL 3, with alignment checks on. #AC is benign, so that is never a double fault and
 * the processor would not come out of it by itself (SDM Vol. 3C "Other Causes of VM Exits" is why
 * a hypervisor takes #AC). The guest must end; nobody else may notice.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_legacy.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

#define CR0_AM (1ull << 18)

uint32_t guest_main(void)
{
	/* dec esp; push eax */
	struct guest_probe probe = guest_probe_make(PROBE_PROTECTED32_USER, PROBE_CODE("\x4c\x50"));

	if (!report_has_trivet("endless_ac_ends_the_guest")) {
		return report_result();
	}
	guest_write_cr0(guest_read_cr0() | CR0_AM);
	probe.rflags_in |= RFLAGS_AC;
	guest_probe_run(&probe);
	report_equal("ac_is_delivered_to_the_kernel", probe.vector, VECTOR_AC);
	report_equal("ac_is_at_the_push", (uint64_t)probe.rip_offset, 1);
	report_pass("about_to_raise_ac_without_end");
	guest_print_flush();
	guest_legacy_set_user_vector(VECTOR_AC);
	guest_probe_run(&probe);
	report_equal("endless_ac_ends_the_guest", probe.vector, 0);
	return report_result();
}
