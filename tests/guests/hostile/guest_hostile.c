/* SPDX-License-Identifier: MIT */
/*
 * Random traffic of everything that exits: ports, MSRs, CPUID, control registers, XSETBV, calls,
 * memory that is not there. What comes back is not judged here; that the hypervisor lives is the
 * test. Options: seed=N (printed, so that a run can be repeated; else from the TSC), count=N.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_print.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

enum { OPERATION_COUNT = 200000, PROGRESS_STEPS = 4, LEGACY_ONE_IN = 64 };

/* More than the image takes. */
#define OWN_MEMORY_END    0x400000ull
#define MAPPED_LAST       0x3fe00000ull
#define CR4_OSXSAVE       (1ull << 18)
#define CPUID_1_ECX_XSAVE (1u << 26)
#define LOW_HALF          0xffffffffull
#define IA32_X2APIC_ICR   0x830
#define ICR_DELIVERY_MODE 0x700
#define ICR_NMI           0x400
#define ICR_INIT          0x500

struct operation {
	const char *code;
	size_t code_size_bytes;
	void (*prepare)(struct guest_registers *registers);
};

static struct {
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
} saved;

static void prepare_nothing(struct guest_registers *registers)
{
	(void)registers;
}

static void prepare_port(struct guest_registers *registers)
{
	registers->rdx = (registers->rdx & ~0xffffull) | choose_port();
}

/* String I/O from and to any address, good or bad. */
static void prepare_string(struct guest_registers *registers)
{
	prepare_port(registers);
	registers->rdi = choose_address();
	registers->rsi = choose_address();
	registers->rcx = choose_bits(6);
}

/* An INIT to itself is an end that is asked for: INIT becomes NMI. */
static uint64_t without_init(uint64_t icr)
{
	return (icr & ICR_DELIVERY_MODE) == ICR_INIT ? icr ^ ICR_INIT ^ ICR_NMI : icr;
}

/* A record that is written now and then: not over what this guest itself lives by, the vectors of
 * real mode above all. */
static bool is_record(uint32_t msr)
{
	return msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_SYSTEM_TIME ||
	       (msr >= MSR_KVM_WALL_CLOCK_NEW && msr <= MSR_KVM_PV_EOI_EN);
}

static void keep_away(struct guest_registers *registers)
{
	if ((registers->rdx & LOW_HALF) == 0 && (registers->rax & LOW_HALF) < OWN_MEMORY_END) {
		registers->rax += OWN_MEMORY_END;
	}
}

static void prepare_msr(struct guest_registers *registers)
{
	registers->rcx = choose_msr();
	registers->rax = choose_value();
	registers->rdx = choose_value();
	if ((registers->rcx & LOW_HALF) == IA32_X2APIC_ICR) {
		registers->rax = without_init(registers->rax);
	}
	if (is_record((uint32_t)registers->rcx)) {
		keep_away(registers);
	}
}

static void prepare_cpuid(struct guest_registers *registers)
{
	registers->rax = choose_cpuid_leaf();
	registers->rcx = choose_bits(4);
}

static void prepare_cr0(struct guest_registers *registers)
{
	registers->rax = saved.cr0 ^ choose_flips();
}

static void prepare_cr3(struct guest_registers *registers)
{
	/* The table stays, the other bits are anything. */
	registers->rax = saved.cr3 | (choose_value() & 0x8000000000000fffull);
}

static void prepare_cr4(struct guest_registers *registers)
{
	/* SMEP and SMAP would strike this very code, which lies in user pages. */
	registers->rax = saved.cr4 ^ (choose_flips() & ~0x300000ull);
}

static void prepare_value(struct guest_registers *registers)
{
	registers->rax = choose_value();
}

static void prepare_xsetbv(struct guest_registers *registers)
{
	registers->rcx = choose_bits(3) == 0 ? choose_value() : 0;
	registers->rax = choose_value();
	registers->rdx = choose_bits(2) == 0 ? choose_value() : 0;
}

static void prepare_call(struct guest_registers *registers)
{
	registers->rax = choose_call();
	registers->rbx = choose_address();
	registers->rcx = choose_value();
	registers->rdx = choose_value();
	registers->rsi = choose_value();
	if ((registers->rax & LOW_HALF) == KVM_CALL_SEND_IPI) {
		registers->rsi = without_init(registers->rsi);
	}
}

static void prepare_hole(struct guest_registers *registers)
{
	registers->rdi = UNMAPPED_PHYSICAL + choose_bits(20);
}

static const struct operation operations[] = {
	{PROBE_CODE("\x0f\x01\xc1"), prepare_call},
	{PROBE_CODE("\x0f\x01\xc1"), prepare_call},
	{PROBE_CODE("\x0f\xa2"), prepare_cpuid},
	{PROBE_CODE("\x0f\x32"), prepare_msr},
	{PROBE_CODE("\x0f\x30"), prepare_msr},
	{PROBE_CODE("\x0f\x30"), prepare_msr},
	{PROBE_CODE("\xec"), prepare_port},
	{PROBE_CODE("\x66\xed"), prepare_port},
	{PROBE_CODE("\xed"), prepare_port},
	{PROBE_CODE("\xee"), prepare_port},
	{PROBE_CODE("\x66\xef"), prepare_port},
	{PROBE_CODE("\xef"), prepare_port},
	{PROBE_CODE("\x6c"), prepare_string},
	{PROBE_CODE("\xf3\x6d"), prepare_string},
	{PROBE_CODE("\x6e"), prepare_string},
	{PROBE_CODE("\xf3\x67\x6f"), prepare_string},
	{PROBE_CODE("\x0f\x22\xc0"), prepare_cr0},
	{PROBE_CODE("\x0f\x22\xd8"), prepare_cr3},
	{PROBE_CODE("\x0f\x22\xe0"), prepare_cr4},
	{PROBE_CODE("\x44\x0f\x22\xc0"), prepare_value},
	{PROBE_CODE("\x44\x0f\x20\xc0"), prepare_nothing},
	{PROBE_CODE("\x0f\x01\xf0"), prepare_value},
	{PROBE_CODE("\x0f\x06"), prepare_nothing},
	{PROBE_CODE("\x0f\x01\xd1"), prepare_xsetbv},
	{PROBE_CODE("\x0f\x01\xd0"), prepare_xsetbv},
	{PROBE_CODE("\x0f\x08"), prepare_nothing},
	{PROBE_CODE("\x0f\x09"), prepare_nothing},
	{PROBE_CODE("\xf3\x90"), prepare_nothing},
	{PROBE_CODE("\x0f\x33"), prepare_msr},
	{PROBE_CODE("\x0f\x01\xf9"), prepare_nothing},
	{PROBE_CODE("\x0f\x01\xc8"), prepare_nothing},
	{PROBE_CODE("\x0f\x01\xc2"), prepare_nothing},
	{PROBE_CODE("\x0f\x78\xc3"), prepare_value},
	{PROBE_CODE("\x0f\x79\xc3"), prepare_value},
	{PROBE_CODE("\xf3\x0f\xc7\x37"), prepare_hole},
	{PROBE_CODE("\x8b\x07"), prepare_hole},
	{PROBE_CODE("\x48\x89\x07"), prepare_hole},
	{PROBE_CODE("\x0f\xb7\x07"), prepare_hole},
	{PROBE_CODE("\xc6\x07\x5a"), prepare_hole},
	{PROBE_CODE("\xf1"), prepare_nothing},
	{PROBE_CODE("\x0f\x0b"), prepare_nothing},
};

static void restore(void)
{
	guest_write_cr0(saved.cr0);
	if (guest_read_cr4() != saved.cr4) {
		guest_write_cr4(saved.cr4);
	}
	guest_write_cr3(saved.cr3);
}

static enum guest_probe_mode choose_mode(void)
{
	static const enum guest_probe_mode modes[] = {PROBE_KERNEL, PROBE_KERNEL, PROBE_KERNEL,
		PROBE_KERNEL, PROBE_USER, PROBE_COMPATIBILITY, PROBE_COMPATIBILITY_USER,
		PROBE_KERNEL};
	static const enum guest_probe_mode legacy[] = {
		PROBE_PROTECTED32, PROBE_PROTECTED32_PAGING, PROBE_PROTECTED32_PAE, PROBE_REAL};

	if (choose_below(LEGACY_ONE_IN) == 0) {
		return legacy[choose_below(ARRAY_COUNT(legacy))];
	}
	return modes[choose_below(ARRAY_COUNT(modes))];
}

static bool is_64bit(enum guest_probe_mode mode)
{
	return mode == PROBE_KERNEL || mode == PROBE_USER;
}

/* What a mode must not be given: its own paging taken away, or an end that is asked for. */
static bool is_fair(const struct guest_probe *probe, const struct operation *operation)
{
	if (is_64bit(probe->mode)) {
		return true;
	}
	return operation->prepare == prepare_call || operation->prepare == prepare_cpuid ||
	       operation->prepare == prepare_port || operation->prepare == prepare_msr;
}

static bool step(void)
{
	const struct operation *operation = &operations[choose_below(ARRAY_COUNT(operations))];
	struct guest_probe probe =
		guest_probe_make(choose_mode(), operation->code, operation->code_size_bytes);

	operation->prepare(&probe.in);
	if (!is_fair(&probe, operation)) {
		probe.mode = PROBE_KERNEL;
	}
	if ((probe.in.rax & LOW_HALF) == TRIVET_CALL_END && operation->prepare == prepare_call) {
		probe.in.rax++;
	}
	/* 4 GiB and a little is the real-mode vectors' address there. */
	if (!is_64bit(probe.mode) && (probe.in.rbx & LOW_HALF) < OWN_MEMORY_END) {
		probe.in.rbx += OWN_MEMORY_END;
	}
	probe.rflags_in |= choose_bits(3) == 0 ? RFLAGS_TF : 0;
	probe.rflags_in |= choose_bits(3) == 0 ? RFLAGS_DF : 0;
	guest_probe_run(&probe);
	restore();
	return guest_probe_is_done(&probe);
}

uint32_t guest_main(void)
{
	const uint64_t seed = guest_option("seed", guest_rdtsc() & LOW_HALF);
	const uint64_t count = guest_option("count", OPERATION_COUNT);
	uint64_t done = 0;

	if ((guest_cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) != 0) {
		guest_write_cr4(guest_read_cr4() | CR4_OSXSAVE);
	}
	saved.cr0 = guest_read_cr0();
	saved.cr3 = guest_read_cr3();
	saved.cr4 = guest_read_cr4();
	choose_seed(seed);
	/* The end of what is mapped is an edge for addresses: no page, rather than no memory. */
	guest_map_2m(MAPPED_LAST, 0, 0);
	guest_printf("hostile: seed=0x%lx count=%lu\n", seed, count);
	for (uint64_t i = 0; i < count; i++) {
		done += step();
		if ((i + 1) % (count / PROGRESS_STEPS + 1) == 0) {
			guest_printf("hostile: operations=%lu\n", i + 1);
		}
	}
	guest_printf("hostile: operations=%lu done=%lu faults=%lu\n", count, done, count - done);
	report_pass("hypervisor_lives");
	if (report_is_trivet()) {
		report_equal(
			"calls_are_still_answered", (uint64_t)trivet_ping(), TRIVET_PING_RESULT);
	}
	return report_result();
}
