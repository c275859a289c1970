/* SPDX-License-Identifier: MIT */
/* What the interface demands of a call, from what CPUID offers. */
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"
#include "tests/guests/shared/vmcall_rules.h"

uint8_t conformance_page[4096] __attribute__((aligned(4096)));

bool offers(unsigned feature_bit)
{
	return feature_bit < FEATURE_NONE &&
	       (trivet_cpuid(KVM_CPUID_FEATURES_LEAF).eax >> feature_bit & 1) != 0;
}

uint64_t result_in(enum guest_probe_mode mode, int64_t result)
{
	const bool is_64bit = mode == PROBE_KERNEL || mode == PROBE_USER;

	if (!vmcall_rules_is_privileged(mode)) {
		result = -TRIVET_EPERM;
	}
	return is_64bit ? (uint64_t)result : (uint32_t)result;
}

static int64_t gated(unsigned feature_bit, int64_t result)
{
	return offers(feature_bit) ? result : -TRIVET_ENOSYS;
}

static int64_t result_at_cpl_0(uint64_t number)
{
	switch (number) {
	case KVM_CALL_VAPIC_POLL_IRQ:
		return 0;
	case KVM_CALL_KICK_CPU:
		return gated(FEATURE_PV_UNHALT, 0);
	case KVM_CALL_CLOCK_PAIRING:
		return -TRIVET_EOPNOTSUPP;
	case KVM_CALL_SEND_IPI:
		return gated(FEATURE_PV_SEND_IPI, 0);
	case KVM_CALL_SCHED_YIELD:
		return gated(FEATURE_PV_SCHED_YIELD, 0);
	case KVM_CALL_MAP_GPA_RANGE:
		return gated(FEATURE_HC_MAP_GPA_RANGE, -TRIVET_EINVAL);
	default:
		return -TRIVET_ENOSYS;
	}
}

uint64_t result_of_number(enum guest_probe_mode mode, uint64_t number)
{
	const bool is_64bit = mode == PROBE_KERNEL || mode == PROBE_USER;

	return result_in(mode, result_at_cpl_0(is_64bit ? number : (uint32_t)number));
}

/*
 * a1 is 1: a clock that CLOCK_PAIRING does not have, a processor that KICK_CPU does not find, for
 * SEND_IPI the bit of one behind all there are. All else is 0: no page for MAP_GPA_RANGE would be
 * wrong, but one at address 0 with a1 of 1 would not, so its address is odd.
 */
struct guest_probe call_probe(enum guest_probe_mode mode, uint64_t number)
{
	struct guest_probe probe = guest_probe_make(mode, CODE_VMCALL);

	probe.in.rax = number;
	probe.in.rbx = number == KVM_CALL_MAP_GPA_RANGE ? 1 : 0;
	probe.in.rcx = 1;
	probe.in.rdx = 0;
	probe.in.rsi = 0;
	return probe;
}
