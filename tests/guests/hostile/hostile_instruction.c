/* SPDX-License-Identifier: MIT */
/* Everything that exits: ports, MSRs, CPUID, control registers, calls, absent memory. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_segments.h"
#include "guest/trivet_guest.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

enum { LEGACY_ONE_IN = 64, SLEEP_BITS = 12 };

#define IA32_X2APIC_ICR           0x830
#define IA32_X2APIC_INITIAL_COUNT 0x838

struct operation {
	const char *code;
	size_t code_size_bytes;
	void (*prepare)(struct guest_registers *registers);
};

static void prepare_nothing(struct guest_registers *registers)
{
	(void)registers;
}

static void prepare_port(struct guest_registers *registers)
{
	registers->rdx = (registers->rdx & ~0xffffull) | hostile_port();
}

/* String I/O from and to any address, good or bad. */
static void prepare_string(struct guest_registers *registers)
{
	prepare_port(registers);
	registers->rdi = hostile_address();
	registers->rsi = hostile_address();
	registers->rcx = choose_bits(6);
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
	if ((registers->rdx & HOSTILE_LOW_HALF) == 0 &&
		(registers->rax & HOSTILE_LOW_HALF) < HOSTILE_OWN_END) {
		registers->rax += HOSTILE_OWN_END;
	}
}

/* IA32_SYSENTER_EIP, IA32_LSTAR, IA32_CSTAR: where kernel code would go on. */
static bool is_entry(uint32_t msr)
{
	return msr == 0x176 || msr == 0xc0000082 || msr == 0xc0000083;
}

static void prepare_msr(struct guest_registers *registers)
{
	registers->rcx = choose_msr();
	registers->rax = choose_value();
	registers->rdx = choose_value();
	if ((registers->rcx & HOSTILE_LOW_HALF) == IA32_X2APIC_ICR) {
		registers->rax = hostile_without_init(registers->rax);
	}
	if ((registers->rcx & HOSTILE_LOW_HALF) == IA32_X2APIC_INITIAL_COUNT) {
		registers->rax = hostile_timer_count(registers->rax);
	}
	if (is_record((uint32_t)registers->rcx)) {
		keep_away(registers);
	}
	if (is_entry((uint32_t)registers->rcx)) {
		registers->rax = hostile_unmapped(registers->rax);
	}
}

static void prepare_cpuid(struct guest_registers *registers)
{
	registers->rax = choose_cpuid_leaf();
	registers->rcx = choose_bits(4);
}

static void prepare_cr0(struct guest_registers *registers)
{
	registers->rax = guest_read_cr0() ^ choose_flips();
}

static void prepare_cr3(struct guest_registers *registers)
{
	/* The table stays, the other bits are anything. */
	registers->rax = guest_read_cr3() | (choose_value() & 0x8000000000000fffull);
}

static void prepare_cr4(struct guest_registers *registers)
{
	/* SMEP and SMAP would strike this very code, which lies in user pages. */
	registers->rax = guest_read_cr4() ^ (choose_flips() & ~0x300000ull);
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
	/* Its table takes so long that it would be most of the time. */
	if ((registers->rax & HOSTILE_LOW_HALF) == TRIVET_CALL_PRINT_COUNTERS &&
		choose_bits(6) != 0) {
		registers->rax = TRIVET_CALL_PING;
	}
	registers->rbx = hostile_away_from_own(hostile_address());
	registers->rcx = choose_value();
	registers->rdx = choose_value();
	registers->rsi = choose_value();
	if ((registers->rax & HOSTILE_LOW_HALF) == KVM_CALL_SEND_IPI) {
		registers->rsi = hostile_without_init(registers->rsi);
	}
}

static void prepare_hole(struct guest_registers *registers)
{
	hostile_map_absent(UNMAPPED_PHYSICAL, UNMAPPED_PHYSICAL);
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

static enum guest_probe_mode choose_mode(void)
{
	static const enum guest_probe_mode modes[] = {PROBE_KERNEL, PROBE_KERNEL, PROBE_KERNEL,
		PROBE_KERNEL, PROBE_USER, PROBE_COMPATIBILITY, PROBE_COMPATIBILITY_USER,
		PROBE_KERNEL};
	static const enum guest_probe_mode legacy[] = {
		PROBE_PROTECTED32, PROBE_PROTECTED32_PAGING, PROBE_PROTECTED32_PAE, PROBE_REAL};

	/* Those have one set of variables: processor 0's. */
	if (guest_segments_cpu() == 0 && choose_below(LEGACY_ONE_IN) == 0) {
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

bool hostile_instruction(void)
{
	const struct operation *operation = &operations[choose_below(ARRAY_COUNT(operations))];
	struct guest_probe probe =
		guest_probe_make(choose_mode(), operation->code, operation->code_size_bytes);
	bool is_done;

	operation->prepare(&probe.in);
	if (!is_fair(&probe, operation)) {
		probe.mode = PROBE_KERNEL;
	}
	if ((probe.in.rax & HOSTILE_LOW_HALF) == TRIVET_CALL_END &&
		operation->prepare == prepare_call) {
		probe.in.rax++;
	}
	/* 4 GiB and a little is the real-mode vectors' address there. */
	if (!is_64bit(probe.mode) && (probe.in.rbx & HOSTILE_LOW_HALF) < HOSTILE_OWN_END) {
		probe.in.rbx += HOSTILE_OWN_END;
	}
	/* No more than some milliseconds, or a time that is refused. */
	if ((probe.in.rax & HOSTILE_LOW_HALF) == TRIVET_CALL_SLEEP &&
		operation->prepare == prepare_call &&
		(probe.in.rbx & HOSTILE_LOW_HALF) < HOSTILE_ARENA_END) {
		probe.in.rbx = choose_bits(SLEEP_BITS);
	}
	is_done = hostile_run(&probe);
	if (operation->prepare == prepare_msr) {
		hostile_restore_apic();
	}
	return is_done;
}
