/* SPDX-License-Identifier: MIT */
/* KICK_CPU of the calling processor, and the HLT that it ends. */
#include "guest/runtime/guest_insn.h"
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"
#include "tests/guests/conformance/conformance_apic.h"
#include "tests/guests/shared/vmcall_rules.h"

static uint64_t kick_self(void)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, CODE_VMCALL);

	probe.in.rax = KVM_CALL_KICK_CPU;
	probe.in.rbx = 0;
	probe.in.rcx = apic_is_offered() ? apic_id() : 0;
	guest_probe_run(&probe);
	return probe.out.rax;
}

/* A kick before HLT is not lost. Without a timer nothing else would end the HLT. */
void conformance_kick(const char *apic_mode)
{
	const uint64_t result = kick_self();
	bool is_first_timer = false;
	bool is_second_timer = true;

	case_begin("kick", apic_mode, "self_then_hlt");
	case_value("rax", result);
	if (result != 0) {
		case_end(!offers(FEATURE_PV_UNHALT) && result == (uint64_t)-TRIVET_ENOSYS);
		return;
	}
	if (apic_is_offered()) {
		kick_self();
		is_first_timer = apic_halt_until_guard();
		is_second_timer = apic_halt_until_guard();
	} else {
		guest_hlt();
	}
	case_text("first_hlt", is_first_timer ? "timer" : "kick");
	if (apic_is_offered()) {
		case_text("second_hlt", is_second_timer ? "timer" : "kick");
	}
	case_end(!is_first_timer && is_second_timer);
}
