/* SPDX-License-Identifier: MIT */
/*
 * VMCALL in compatibility mode: 32-bit code under a long-mode kernel counts as 32-bit, and its
 * instruction pointer wraps at 4 GiB.
 */
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "guest/trivet_guest.h"
#include "tests/guests/shared/vmcall_rules.h"

/* The last 2 MiB below 4 GiB, and memory to map there. */
#define WRAP_END        0x100000000ull
#define WRAP_MEMORY     0x6000000ull
#define POINTER_OF_TOP  3
#define ENTRY_OF_TOP    511
#define TABLE_ENTRIES   512
#define TABLE_ADDRESS   0x000ffffffffff000ull
#define PROBE_END_BYTES 2

extern uint64_t guest_pml4[];

static uint64_t top_directory[TABLE_ENTRIES] __attribute__((aligned(4096)));

/* Runs an instruction in the last bytes below 4 GiB; INT 0x80 lies at address 0. */
static struct guest_probe run_before_the_end(const char *code, size_t size_bytes, uint64_t rax)
{
	/* jmp edx */
	struct guest_probe probe = guest_probe_make(PROBE_COMPATIBILITY, PROBE_CODE("\xff\xe2"));
	uint64_t *pointers = (uint64_t *)(uintptr_t)(guest_pml4[0] & TABLE_ADDRESS);
	uint8_t *last = (uint8_t *)(uintptr_t)(WRAP_MEMORY + GUEST_PAGE_2M_BYTES - size_bytes);
	volatile uint8_t *zero = (volatile uint8_t *)(uintptr_t)0;

	__asm__("" : "+r"(zero));
	zero[0] = 0xcd;
	zero[1] = VECTOR_PROBE_END;
	memcpy(last, code, size_bytes);
	top_directory[ENTRY_OF_TOP] = WRAP_MEMORY | GUEST_PAGE_DEFAULT;
	pointers[POINTER_OF_TOP] = (uintptr_t)top_directory | GUEST_PAGE_PRESENT;
	probe.in.rdx = WRAP_END - size_bytes;
	probe.in.rax = rax;
	guest_probe_run(&probe);
	return probe;
}

static void expect_wrap(const char *rule, const struct guest_probe *probe)
{
	report_equal(rule, probe->vector, VECTOR_PROBE_END);
	report_equal(
		rule, (uint64_t)probe->rip_offset + guest_probe_code_address(), PROBE_END_BYTES);
}

static void check_wrap(void)
{
	struct guest_probe probe = run_before_the_end(PROBE_CODE("\x0f\xa2"), 0);

	expect_wrap("eip_wraps_behind_cpuid", &probe);
	if (report_has_trivet("eip_wraps_behind_vmcall")) {
		probe = run_before_the_end(CODE_VMCALL, TRIVET_CALL_PING);
		expect_wrap("eip_wraps_behind_vmcall", &probe);
		report_equal("call_before_the_wrap_is_served", probe.out.rax, TRIVET_PING_RESULT);
	}
}

uint32_t guest_main(void)
{
	vmcall_rules_check32(PROBE_COMPATIBILITY);
	vmcall_rules_check32(PROBE_COMPATIBILITY_USER);
	check_wrap();
	return report_result();
}
