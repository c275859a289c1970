/* SPDX-License-Identifier: MIT */
/* Rarer instructions of the system, with random operands, at both privilege levels. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_segments.h"
#include "tests/guests/hostile/hostile.h"
#include "tests/guests/shared/choices.h"
#include "tests/guests/shared/probe_rules.h"

/* RDI, RSI: any addresses; RAX, RBX, RCX, RDX: any values. */
static const struct hostile_code codes[] = {
	{PROBE_CODE("\x0f\x01\xe0")},                             /* SMSW EAX. */
	{PROBE_CODE("\x0f\x01\xf3")},                             /* LMSW BX. */
	{PROBE_CODE("\x0f\x01\x37")},                             /* LMSW [RDI]. */
	{PROBE_CODE("\x0f\x01\x3f")},                             /* INVLPG [RDI]. */
	{PROBE_CODE("\x66\x0f\x38\x82\x0f")},                     /* INVPCID RCX, [RDI]. */
	{PROBE_CODE("\x66\x0f\x38\x80\x0f")},                     /* INVEPT RCX, [RDI]. */
	{PROBE_CODE("\x66\x0f\x38\x81\x0f")},                     /* INVVPID RCX, [RDI]. */
	{PROBE_CODE("\x0f\x01\xd4")},                             /* VMFUNC. */
	{PROBE_CODE("\x0f\x01\xc4")},                             /* VMXOFF. */
	{PROBE_CODE("\x0f\x01\xc3")},                             /* VMRESUME. */
	{PROBE_CODE("\x0f\xc7\x37")},                             /* VMPTRLD [RDI]. */
	{PROBE_CODE("\x66\x0f\xc7\x37")},                         /* VMCLEAR [RDI]. */
	{PROBE_CODE("\x0f\xc7\x3f")},                             /* VMPTRST [RDI]. */
	{PROBE_CODE("\x0f\x79\x17")},                             /* VMWRITE RDX, [RDI]. */
	{PROBE_CODE("\x0f\x01\xd9")},                             /* VMMCALL. */
	{PROBE_CODE("\x0f\x01\xf8\x0f\x01\xf8")},                 /* SWAPGS, twice. */
	{PROBE_CODE("\x0f\x01\xcf\x0f\x01\xc0")},                 /* ENCLS; ENCLV. */
	{PROBE_CODE("\x0f\x01\xd7")},                             /* ENCLU. */
	{PROBE_CODE("\x0f\x37")},                                 /* GETSEC. */
	{PROBE_CODE("\x0f\xaa")},                                 /* RSM. */
	{PROBE_CODE("\x0f\xc7\xf0\x0f\xc7\xf8")},                 /* RDRAND; RDSEED. */
	{PROBE_CODE("\x0f\x31\x0f\x01\xf9\x0f\x33")},             /* RDTSC; RDTSCP; RDPMC. */
	{PROBE_CODE("\xf3\x0f\xc7\xf8")},                         /* RDPID. */
	{PROBE_CODE("\x0f\x01\xc5")},                             /* PCONFIG. */
	{PROBE_CODE("\xf3\x0f\x09\x0f\x08\x0f\x09")},             /* WBNOINVD; INVD; WBINVD. */
	{PROBE_CODE("\xf3\x48\x0f\xae\xdb")},                     /* WRGSBASE RBX. */
	{PROBE_CODE("\xf3\x48\x0f\xae\xd3")},                     /* WRFSBASE RBX. */
	{PROBE_CODE("\x0f\x01\xca\x8b\x07\x0f\x01\xcb")},         /* CLAC; MOV; STAC. */
	{PROBE_CODE("\x0f\x01\x07\x0f\x01\x0f")},                 /* SGDT [RDI]; SIDT [RDI]. */
	{PROBE_CODE("\x0f\x00\x07\x0f\x00\x0f")},                 /* SLDT [RDI]; STR [RDI]. */
	{PROBE_CODE("\x0f\x00\xd3")},                             /* LLDT BX. */
	{PROBE_CODE("\x0f\x00\xe3\x0f\x00\xeb")},                 /* VERR BX; VERW BX. */
	{PROBE_CODE("\x0f\x02\xc3\x0f\x03\xc3")},                 /* LAR EAX, BX; LSL EAX, BX. */
	{PROBE_CODE("\x8e\xdb\x8e\xc3\x8e\xe3\x8e\xeb")},         /* MOV DS, ES, FS, GS, BX. */
	{PROBE_CODE("\x8e\xd3")},                                 /* MOV SS, BX. */
	{PROBE_CODE("\xcf")},                                     /* IRET. */
	{PROBE_CODE("\x9c\x81\x0c\x24\x00\x40\x00\x00\x9d\xcf")}, /* NT set; IRET. */
	{PROBE_CODE("\xff\x2f")},                                 /* JMP FAR [RDI]. */
	{PROBE_CODE("\xff\x1f")},                                 /* CALL FAR [RDI]. */
	{PROBE_CODE("\xcb")},                                     /* RETF. */
	{PROBE_CODE("\x0f\x22\xd0\x0f\x20\xd0")},                 /* CR2. */
	{PROBE_CODE("\x0f\x22\xc8")},                             /* CR1. */
	{PROBE_CODE("\xfa\xfb\xf3\x90\xfa")},                     /* CLI; STI; PAUSE; CLI. */
	{PROBE_CODE("\x66\x0f\x38\xf8\x07")},                     /* MOVDIR64B. */
	{PROBE_CODE("\xc7\xf8\x00\x00\x00\x00\x0f\x01\xd5")},     /* XBEGIN; XEND. */
};

/* They lead to RCX, RDX or where an MSR says: to an address that is not mapped. */
static const struct hostile_code transfers[] = {
	{PROBE_CODE("\x0f\x05")},     /* SYSCALL. */
	{PROBE_CODE("\x0f\x34")},     /* SYSENTER. */
	{PROBE_CODE("\x48\x0f\x07")}, /* SYSRETQ. */
	{PROBE_CODE("\x0f\x35")},     /* SYSEXIT. */
};

/* A bare machine would wait. */
static const struct hostile_code waits[] = {
	{PROBE_CODE("\x0f\x01\xc8\x0f\x01\xc9")},         /* MONITOR; MWAIT. */
	{PROBE_CODE("\x0f\x01\xc9")},                     /* MWAIT. */
	{PROBE_CODE("\xf3\x0f\xae\xf7\x66\x0f\xae\xf1")}, /* UMONITOR RDI; TPAUSE ECX. */
};

/* Far pointers, segment selectors and small structures that mean something lie where RDI may point.
 */
static uint64_t place_operand(void)
{
	static const uint16_t selectors[] = {SELECTOR_KERNEL_CODE, SELECTOR_KERNEL_CODE32,
		SELECTOR_USER_CODE, SELECTOR_USER_CODE32, SELECTOR_TSS, SELECTOR_NOT_PRESENT, 0};
	const uint64_t address = hostile_arena_address() & ~0x3full;
	uint64_t *words = (uint64_t *)(uintptr_t)address;
	const uint64_t target = guest_probe_code_address() + 2;

	words[0] = target | (uint64_t)selectors[choose_below(ARRAY_COUNT(selectors))] << 32;
	words[1] = choose_value();
	return address;
}

static const struct hostile_code *choose_code(void)
{
	switch (choose_bits(4)) {
	case 0:
		return &transfers[choose_below(ARRAY_COUNT(transfers))];
	case 1:
		if (hostile_is_trivet()) {
			return &waits[choose_below(ARRAY_COUNT(waits))];
		}
		return &codes[0];
	default:
		return &codes[choose_below(ARRAY_COUNT(codes))];
	}
}

static bool is_transfer(const struct hostile_code *code)
{
	return code >= transfers && code < transfers + ARRAY_COUNT(transfers);
}

bool hostile_system(void)
{
	const struct hostile_code *code = choose_code();
	struct guest_probe probe = hostile_probe(code, choose_bits(1) != 0);

	if (choose_bits(3) == 0) {
		probe.mode = choose_bits(1) != 0 ? PROBE_COMPATIBILITY : PROBE_COMPATIBILITY_USER;
	}
	probe.in.rdi = choose_bits(1) != 0 ? place_operand() : hostile_arena_address();
	probe.in.rsi = hostile_arena_address();
	probe.in.rax = choose_value();
	probe.in.rbx = choose_value();
	probe.in.rcx = choose_value();
	probe.in.rdx = choose_value();
	if (is_transfer(code)) {
		probe.in.rcx = hostile_unmapped(probe.in.rcx);
		probe.in.rdx = hostile_unmapped(probe.in.rdx);
	}
	return hostile_run(&probe);
}
