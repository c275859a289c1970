/* SPDX-License-Identifier: MIT */
/*
 * A million calls with random numbers, registers and modes; memory arguments are aimed at every
 * edge. After each: nothing but RAX changed, the result is one that the ABI has for that call, and
 * a call that failed wrote nothing. Options: seed=N (printed, so that a run can be repeated; else
 * from the TSC), count=N.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/hypercall_storm/storm_calls.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

enum { CALL_COUNT = 1000000, PROGRESS_STEPS = 4, LEGACY_ONE_IN = 256, FAULTS_SHOWN = 8 };

#define LOW_HALF 0xffffffffull

static uint64_t fault_count;

static enum guest_probe_mode choose_mode(void)
{
	static const enum guest_probe_mode modes[] = {PROBE_KERNEL, PROBE_KERNEL, PROBE_KERNEL,
		PROBE_KERNEL, PROBE_COMPATIBILITY, PROBE_COMPATIBILITY, PROBE_USER,
		PROBE_COMPATIBILITY_USER};

	if (choose_below(LEGACY_ONE_IN) == 0) {
		return PROBE_PROTECTED32 +
		       (enum guest_probe_mode)choose_below(PROBE_MODE_COUNT - PROBE_PROTECTED32);
	}
	return modes[choose_below(ARRAY_COUNT(modes))];
}

static bool is_privileged(enum guest_probe_mode mode)
{
	return mode != PROBE_USER && mode != PROBE_COMPATIBILITY_USER &&
	       mode != PROBE_PROTECTED32_USER && mode != PROBE_VIRTUAL8086;
}

static struct storm_call as_the_hypervisor_sees(const struct guest_probe *probe)
{
	const bool is_64bit = probe->mode == PROBE_KERNEL || probe->mode == PROBE_USER;
	const uint64_t mask = is_64bit ? UINT64_MAX : LOW_HALF;

	return (struct storm_call){
		.number = probe->in.rax & mask,
		.arguments = {probe->in.rbx & mask, probe->in.rcx & mask, probe->in.rdx & mask,
			probe->in.rsi & mask},
		.mask = mask,
		.is_privileged = is_privileged(probe->mode),
	};
}

static void show_fault(const struct guest_probe *probe, const char *what)
{
	if (fault_count++ >= FAULTS_SHOWN) {
		return;
	}
	guest_printf("storm: %s mode=%s rax=0x%lx rbx=0x%lx rcx=0x%lx rdx=0x%lx rsi=0x%lx\n", what,
		guest_probe_mode_name(probe->mode), probe->in.rax, probe->in.rbx, probe->in.rcx,
		probe->in.rdx, probe->in.rsi);
	guest_printf("storm: came of it: rax=0x%lx vector=%lu rip_offset=%ld\n", probe->out.rax,
		probe->vector, probe->rip_offset);
}

static void step(void)
{
	struct guest_probe probe = guest_probe_make(choose_mode(), PROBE_CODE("\x0f\x01\xc1"));
	struct storm_call call = storm_choose();

	probe.in.rax = call.number;
	probe.in.rbx = call.arguments[0];
	probe.in.rcx = call.arguments[1];
	probe.in.rdx = call.arguments[2];
	probe.in.rsi = call.arguments[3];
	probe.rflags_in |= choose_bits(11) & RFLAGS_STATUS;
	call = as_the_hypervisor_sees(&probe);
	storm_prepare(&call);
	guest_probe_run(&probe);
	if (!guest_probe_is_done(&probe)) {
		show_fault(&probe, "no end behind the call");
	} else if (!guest_probe_only_rax_changed(&probe)) {
		show_fault(&probe, "more than RAX changed");
	} else if (!storm_is_result_right(&call, probe.out.rax)) {
		show_fault(&probe, "a result that the call does not have");
	} else if (!storm_is_memory_right(&call, probe.out.rax)) {
		show_fault(&probe, "memory changed, or did not");
	}
}

uint32_t guest_main(void)
{
	const uint64_t seed = guest_option("seed", guest_rdtsc() & LOW_HALF);
	const uint64_t count = guest_option("count", CALL_COUNT);

	if (!report_has_trivet("storm")) {
		return report_result();
	}
	storm_start(guest_memory_end());
	choose_seed(seed);
	guest_printf("storm: seed=0x%lx count=%lu\n", seed, count);
	for (uint64_t i = 0; i < count; i++) {
		step();
		if ((i + 1) % (count / PROGRESS_STEPS + 1) == 0) {
			guest_printf("storm: calls=%lu\n", i + 1);
		}
	}
	guest_printf("storm: calls=%lu\n", count);
	report_equal("every_call_does_what_the_abi_says", fault_count, 0);
	report_equal("calls_are_still_answered", (uint64_t)trivet_ping(), TRIVET_PING_RESULT);
	return report_result();
}
