/* SPDX-License-Identifier: MIT */
/* VMCALL in every mode and at either privilege level. */
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"

#define HIGH_GARBAGE 0xdeadbeef00000000ull

static void check_call(
	enum guest_probe_mode mode, const char *name, uint64_t number, uint64_t flags)
{
	struct guest_probe probe = call_probe(mode, number);

	probe.rflags_in |= flags;
	guest_probe_run(&probe);
	case_begin("vmcall", guest_probe_mode_name(mode), name);
	case_result(&probe, result_of_number(mode, number));
}

/* Only in compatibility mode have the registers a high half that the guest can fill. */
static void check_truncation(enum guest_probe_mode mode)
{
	struct guest_probe probe = call_probe(mode, KVM_CALL_VAPIC_POLL_IRQ | HIGH_GARBAGE);

	guest_probe_run(&probe);
	case_begin("truncate", guest_probe_mode_name(mode), "number");
	case_result(&probe, result_of_number(mode, probe.in.rax));
	/* Cut to 32 bits a1 is 0, a clock that exists; then the address is found bad. */
	probe = call_probe(mode, KVM_CALL_CLOCK_PAIRING);
	probe.in.rbx = UNMAPPED_PHYSICAL;
	probe.in.rcx = HIGH_GARBAGE;
	guest_probe_run(&probe);
	case_begin("truncate", guest_probe_mode_name(mode), "argument");
	case_probe(&probe);
	case_end(probe.out.rax == result_in(mode, mode == PROBE_KERNEL || mode == PROBE_USER
							  ? -TRIVET_EOPNOTSUPP
							  : -TRIVET_EFAULT));
}

void conformance_modes(void)
{
	for (enum guest_probe_mode mode = PROBE_KERNEL; mode < PROBE_MODE_COUNT; mode++) {
		check_call(mode, "call1", KVM_CALL_VAPIC_POLL_IRQ, 0);
		check_call(mode, "call1_flags_set", KVM_CALL_VAPIC_POLL_IRQ, RFLAGS_STATUS);
		check_call(mode, "unknown", UNKNOWN_CALL, 0);
		check_call(mode, "unknown_flags_set", UNKNOWN_CALL, RFLAGS_STATUS | RFLAGS_DF);
	}
	for (enum guest_probe_mode mode = PROBE_KERNEL; mode <= PROBE_COMPATIBILITY_USER; mode++) {
		check_truncation(mode);
	}
}
