/* SPDX-License-Identifier: MIT */
/* What each call does with its arguments. SEND_IPI and the kick's HLT: conformance_ipi.c. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/conformance/conformance.h"
#include "tests/guests/shared/kvm_memory.h"
#include "tests/guests/shared/vmcall_rules.h"

#define HIGH_GARBAGE 0xdeadbeef00000000ull
#define ABSENT_ID    0xfe
#define NO_CLOCK     1
/* 2020 and 2100, in seconds since 1970. */
#define PLAUSIBLE_FIRST 1577836800
#define PLAUSIBLE_LAST  4102444800
#define SECOND_NS       1000000000

struct call {
	const char *topic;
	const char *name;
	uint64_t number;
	uint64_t arguments[4];
	int64_t result;
	unsigned feature_bit; /* FEATURE_NONE: no gate. */
};

static struct guest_probe run_call(enum guest_probe_mode mode, const struct call *call)
{
	struct guest_probe probe = guest_probe_make(mode, CODE_VMCALL);

	probe.in.rax = call->number;
	probe.in.rbx = call->arguments[0];
	probe.in.rcx = call->arguments[1];
	probe.in.rdx = call->arguments[2];
	probe.in.rsi = call->arguments[3];
	guest_probe_run(&probe);
	return probe;
}

static void check_call(enum guest_probe_mode mode, const struct call *call)
{
	const struct guest_probe probe = run_call(mode, call);
	const bool is_offered = call->feature_bit == FEATURE_NONE || offers(call->feature_bit);

	case_begin(call->topic, guest_probe_mode_name(mode), call->name);
	case_result(&probe, result_in(mode, is_offered ? call->result : -TRIVET_ENOSYS));
}

static void check_small_calls(void)
{
	static const struct call calls[] = {
		{"kick", "absent", KVM_CALL_KICK_CPU, {0, ABSENT_ID}, 0, FEATURE_PV_UNHALT},
		{"kick", "absent_flags_set", KVM_CALL_KICK_CPU, {~0ull, ABSENT_ID}, 0,
			FEATURE_PV_UNHALT},
		{"kick", "highest_id", KVM_CALL_KICK_CPU, {0, UINT32_MAX}, 0, FEATURE_PV_UNHALT},
		{"kick", "id_over_32_bits", KVM_CALL_KICK_CPU, {0, ~0ull}, 0, FEATURE_PV_UNHALT},
		{"yield", "self", KVM_CALL_SCHED_YIELD, {0}, 0, FEATURE_PV_SCHED_YIELD},
		{"yield", "absent", KVM_CALL_SCHED_YIELD, {ABSENT_ID}, 0, FEATURE_PV_SCHED_YIELD},
		{"yield", "highest_id", KVM_CALL_SCHED_YIELD, {~0ull}, 0, FEATURE_PV_SCHED_YIELD},
		{"map_gpa_range", "good", KVM_CALL_MAP_GPA_RANGE, {0x400000, 1, 0}, 0,
			FEATURE_HC_MAP_GPA_RANGE},
		{"map_gpa_range", "unaligned", KVM_CALL_MAP_GPA_RANGE, {1, 1, 0}, -TRIVET_EINVAL,
			FEATURE_HC_MAP_GPA_RANGE},
		{"map_gpa_range", "no_pages", KVM_CALL_MAP_GPA_RANGE, {0x400000, 0, 0},
			-TRIVET_EINVAL, FEATURE_HC_MAP_GPA_RANGE},
		{"map_gpa_range", "wraps", KVM_CALL_MAP_GPA_RANGE, {0x400000, ~0ull, 0},
			-TRIVET_EINVAL, FEATURE_HC_MAP_GPA_RANGE},
		{"clock_pairing", "type_1", KVM_CALL_CLOCK_PAIRING,
			{(uintptr_t)conformance_page, NO_CLOCK}, -TRIVET_EOPNOTSUPP, FEATURE_NONE},
		{"clock_pairing", "type_highest", KVM_CALL_CLOCK_PAIRING,
			{(uintptr_t)conformance_page, ~0ull}, -TRIVET_EOPNOTSUPP, FEATURE_NONE},
		{"clock_pairing", "type_1_no_memory", KVM_CALL_CLOCK_PAIRING,
			{UNMAPPED_PHYSICAL, NO_CLOCK}, -TRIVET_EOPNOTSUPP, FEATURE_NONE},
		{"clock_pairing", "no_memory", KVM_CALL_CLOCK_PAIRING, {UNMAPPED_PHYSICAL, 0},
			-TRIVET_EFAULT, FEATURE_NONE},
		{"clock_pairing", "highest_address", KVM_CALL_CLOCK_PAIRING, {~0ull, 0},
			-TRIVET_EFAULT, FEATURE_NONE},
	};

	for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
		check_call(PROBE_KERNEL, &calls[i]);
		check_call(PROBE_COMPATIBILITY, &calls[i]);
		check_call(PROBE_PROTECTED32, &calls[i]);
		check_call(PROBE_USER, &calls[i]);
	}
}

static bool is_pad_zero(const struct pairing *pairing)
{
	for (size_t i = 0; i < ARRAY_COUNT(pairing->padding); i++) {
		if (pairing->padding[i] != 0) {
			return false;
		}
	}
	return true;
}

/* The structure at an offset in a page of ones; the address has a garbage high half in 32 bits. */
static void check_pairing(enum guest_probe_mode mode, const char *name, uint64_t offset)
{
	uint8_t *at = conformance_page + offset;
	const uint64_t high = mode == PROBE_KERNEL ? 0 : HIGH_GARBAGE;
	const struct call call = {
		.number = KVM_CALL_CLOCK_PAIRING, .arguments = {(uintptr_t)at | high, high}};
	const uint64_t before = guest_rdtsc();
	struct guest_probe probe;
	struct pairing pairing;
	bool holds;

	memset(conformance_page, 0xff, sizeof(conformance_page));
	probe = run_call(mode, &call);
	memcpy(&pairing, at, sizeof(pairing));
	holds = pairing.tsc >= before && pairing.tsc <= guest_rdtsc();
	case_begin("clock_pairing", guest_probe_mode_name(mode), name);
	case_probe(&probe);
	case_value("tsc_is_now", holds);
	case_value("flags", pairing.flags);
	case_value("pad_zero", is_pad_zero(&pairing));
	holds = holds && is_pad_zero(&pairing) && pairing.flags == 0;
	case_value("year_plausible",
		pairing.seconds > PLAUSIBLE_FIRST && pairing.seconds < PLAUSIBLE_LAST);
	case_value(
		"nsec_below_second", pairing.nanoseconds >= 0 && pairing.nanoseconds < SECOND_NS);
	case_value("behind", at[sizeof(pairing)]);
	case_end(holds && probe.out.rax == result_in(mode, 0) &&
		 pairing.seconds > PLAUSIBLE_FIRST && pairing.nanoseconds < SECOND_NS);
}

void conformance_calls(void)
{
	check_small_calls();
	check_pairing(PROBE_KERNEL, "good", 0);
	check_pairing(PROBE_KERNEL, "unaligned", 3);
	check_pairing(PROBE_COMPATIBILITY, "good", 0);
	check_pairing(PROBE_COMPATIBILITY, "unaligned", 61);
}
