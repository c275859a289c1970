/* SPDX-License-Identifier: MIT */
#include "tests/guests/shared/vmcall_rules.h"

#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"

#define LOW_HALF     0xffffffffull
#define HIGH_GARBAGE 0xdeadbeef00000000ull
#define UNKNOWN_CALL 0x1234
/* What no function serves, but what a compare of too few bits would take for call 1. */
#define CALL_1_IN_LOW_WORD 0x00010001

static const char text[] = "from code that is not 64-bit";

bool vmcall_rules_is_privileged(enum guest_probe_mode mode)
{
	return mode != PROBE_USER && mode != PROBE_COMPATIBILITY_USER &&
	       mode != PROBE_PROTECTED32_USER && mode != PROBE_VIRTUAL8086;
}

uint64_t vmcall_rules_call(enum guest_probe_mode mode, uint64_t number)
{
	struct guest_probe probe = guest_probe_make(mode, CODE_VMCALL);

	probe.in.rax = number;
	guest_probe_run(&probe);
	return probe.out.rax;
}

/* A result of this many at CPL 0, -EPERM at CPL 3; RAX as a whole, so not sign-extended. */
static void expect(const char *rule, enum guest_probe_mode mode, uint64_t number, int64_t want)
{
	if (!vmcall_rules_is_privileged(mode)) {
		want = -TRIVET_EPERM;
	}
	report_equal(rule, vmcall_rules_call(mode, number), (uint64_t)want & LOW_HALF);
}

static void check_arguments(enum guest_probe_mode mode)
{
	struct guest_probe probe = guest_probe_make(mode, CODE_VMCALL);

	probe.in.rax = TRIVET_CALL_LOG | HIGH_GARBAGE;
	probe.in.rbx = (uintptr_t)text | HIGH_GARBAGE;
	probe.in.rcx = (sizeof(text) - 1) | HIGH_GARBAGE;
	guest_probe_run(&probe);
	report_equal("arguments_are_cut_to_32_bits", probe.out.rax,
		vmcall_rules_is_privileged(mode) ? 0 : (uint64_t)-TRIVET_EPERM & LOW_HALF);
}

static void check_registers(enum guest_probe_mode mode)
{
	struct guest_probe probe = guest_probe_make(mode, CODE_VMCALL);

	probe.in.rax = UNKNOWN_CALL;
	probe.rflags_in |= RFLAGS_STATUS;
	guest_probe_run(&probe);
	report_done("goes_on_behind_the_vmcall", &probe);
	/* The high halves are undefined once the processor was outside 64-bit mode. */
	for (unsigned i = 0; i < sizeof(probe.in) / sizeof(uint64_t); i++) {
		((uint64_t *)&probe.in)[i] &= LOW_HALF;
		((uint64_t *)&probe.out)[i] &= LOW_HALF;
	}
	report_true("changes_nothing_but_eax", guest_probe_only_rax_changed(&probe));
}

void vmcall_rules_check32(enum guest_probe_mode mode)
{
	report_set_scope(guest_probe_mode_name(mode));
	if (report_has_trivet("vmcall")) {
		expect("vapic_poll_irq_returns_0", mode, KVM_CALL_VAPIC_POLL_IRQ, 0);
		expect("ping_returns_0x55aa", mode, TRIVET_CALL_PING, TRIVET_PING_RESULT);
		expect("enosys_is_cut_to_32_bits", mode, UNKNOWN_CALL, -TRIVET_ENOSYS);
		expect("all_32_bits_of_the_number_count", mode, CALL_1_IN_LOW_WORD, -TRIVET_ENOSYS);
		expect("highest_number_is_unknown", mode, LOW_HALF, -TRIVET_ENOSYS);
		expect("number_is_cut_to_32_bits", mode, KVM_CALL_VAPIC_POLL_IRQ | HIGH_GARBAGE, 0);
		check_arguments(mode);
		check_registers(mode);
	}
	report_set_scope(0);
}
