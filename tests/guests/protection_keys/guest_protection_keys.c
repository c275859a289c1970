/* SPDX-License-Identifier: MIT */
/*
 * SDM Vol. 3A "Protection Keys": PKRU denies data accesses to user-mode addresses by the key of
 * their page, at each privilege level; a write alone where WD is set, and then the supervisor's
 * only with CR0.WP. The fault's error code has bit 5. Each rule is tried by MOV, which the CPU
 * checks itself, and by INS and OUTS, whose memory side a hypervisor may do. Bochs 2.7 lets the
 * supervisor through AD: the rules that it breaks by itself are skipped for MOV.
 */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"

#include <stddef.h>

#define CPUID_7_ECX_PKU (1u << 3)
#define CR0_WP          (1ull << 16)
#define CR4_PKE         (1ull << 22)
#define KEY             1ull
#define PAGE_KEY_SHIFT  59
#define PAGE            0x24000000ull
#define FRAME           0x600000ull
#define UNUSED_PORT     0xe8u
#define ACCESS_DISABLE  (1u << (2 * KEY))
#define WRITE_DISABLE   (2u << (2 * KEY))

enum { CODE_P = 1, CODE_W = 2, CODE_U = 4, CODE_KEY = 32 };

enum access { ACCESS_READ, ACCESS_WRITE };

enum scope { SCOPE_MOV, SCOPE_STRING };

static const struct {
	const char *rule;
	uint32_t pkru;
	enum guest_probe_mode mode;
	enum access access;
	bool has_wp;
	uint64_t error_code; /* 0: the access is allowed. */
} rules[] = {
	{"no_key_reads", 0, PROBE_KERNEL, ACCESS_READ, true, 0},
	{"no_key_writes", 0, PROBE_USER, ACCESS_WRITE, true, 0},
	{"ad_denies_reads", ACCESS_DISABLE, PROBE_KERNEL, ACCESS_READ, true, CODE_P | CODE_KEY},
	{"ad_denies_writes", ACCESS_DISABLE, PROBE_KERNEL, ACCESS_WRITE, true,
		CODE_P | CODE_W | CODE_KEY},
	{"ad_denies_without_wp", ACCESS_DISABLE, PROBE_KERNEL, ACCESS_WRITE, false,
		CODE_P | CODE_W | CODE_KEY},
	{"ad_denies_the_user", ACCESS_DISABLE, PROBE_USER, ACCESS_READ, true,
		CODE_P | CODE_U | CODE_KEY},
	{"wd_allows_reads", WRITE_DISABLE, PROBE_USER, ACCESS_READ, true, 0},
	{"wd_denies_writes", WRITE_DISABLE, PROBE_KERNEL, ACCESS_WRITE, true,
		CODE_P | CODE_W | CODE_KEY},
	{"wd_allows_the_supervisor_without_wp", WRITE_DISABLE, PROBE_KERNEL, ACCESS_WRITE, false,
		0},
	{"wd_denies_the_user_without_wp", WRITE_DISABLE, PROBE_USER, ACCESS_WRITE, false,
		CODE_P | CODE_W | CODE_U | CODE_KEY},
	{"another_key_denies_nothing", ACCESS_DISABLE << 2, PROBE_USER, ACCESS_WRITE, true, 0},
};

/* MOV, and the string instruction, for a read and for a write. */
static const char *const scopes[] = {"mov", "string"};
static const char *const codes[2][2] = {{"\x8a\x06", "\x88\x07"}, {"\x6e\x90", "\x6c\x90"}};

static void write_pkru(uint32_t value)
{
	struct guest_probe probe = guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x01\xef"));

	probe.in.rax = value;
	probe.in.rcx = 0;
	probe.in.rdx = 0;
	guest_probe_run(&probe);
	if (!guest_probe_is_done(&probe)) {
		report_done("wrpkru", &probe);
	}
}

static void check_rule(size_t scope, size_t number)
{
	struct guest_probe probe =
		guest_probe_make(rules[number].mode, codes[scope][rules[number].access], 2);
	const uint64_t cr0 = guest_read_cr0();

	probe.in.rdi = PAGE;
	probe.in.rsi = PAGE;
	probe.in.rdx = UNUSED_PORT;
	probe.rflags_in |= RFLAGS_IOPL3;
	guest_write_cr0(rules[number].has_wp ? cr0 | CR0_WP : cr0 & ~CR0_WP);
	write_pkru(rules[number].pkru);
	guest_probe_run(&probe);
	write_pkru(0);
	guest_write_cr0(cr0);
	report_set_scope(scopes[scope]);
	if (scope == SCOPE_MOV && rules[number].mode == PROBE_KERNEL &&
		rules[number].pkru == ACCESS_DISABLE && guest_probe_is_done(&probe)) {
		report_skip(rules[number].rule, "the CPU lets the supervisor through");
	} else if (rules[number].error_code == 0) {
		report_done(rules[number].rule, &probe);
	} else {
		report_fault(rules[number].rule, &probe, VECTOR_PF, rules[number].error_code);
	}
	report_set_scope(NULL);
}

/* SDM Vol. 3A "Control Registers": bits of features that CPUID does not show are reserved. */
static void check_hidden_features(void)
{
	static const struct {
		const char *rule;
		uint64_t bit;
	} hidden[] = {
		{"cr4_la57_is_reserved", 1ull << 12},
		{"cr4_cet_is_reserved", 1ull << 23},
		{"cr4_pks_is_reserved", 1ull << 24},
		{"cr4_uintr_is_reserved", 1ull << 25},
		{"cr4_lam_sup_is_reserved", 1ull << 28},
	};

	if (!report_has_trivet("hidden_features")) {
		return;
	}
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		struct guest_probe probe =
			guest_probe_make(PROBE_KERNEL, PROBE_CODE("\x0f\x22\xe0"));

		probe.in.rax = guest_read_cr4() | hidden[i].bit; /* mov cr4, rax */
		guest_probe_run(&probe);
		report_fault(hidden[i].rule, &probe, VECTOR_GP, 0);
	}
	report_true("cpuid_shows_none_of_them",
		(guest_cpuid(7, 0).ecx & (1u << 7 | 1u << 16 | 1u << 31)) == 0 &&
			(guest_cpuid(7, 0).edx & (1u << 5 | 1u << 20)) == 0 &&
			(guest_cpuid(7, 1).eax & 1u << 26) == 0);
}

/* What the guest denies itself and its kernel, by all keys, is not denied to the hypervisor. */
static void check_exits_with_all_keys_denied(void)
{
	uint32_t eax = UINT32_MAX;

	/* Between the two WRPKRU no memory is used. */
	__asm__ volatile("xor %%ecx, %%ecx\n\t"
			 "xor %%edx, %%edx\n\t"
			 "wrpkru\n\t"
			 "xor %%eax, %%eax\n\t"
			 "cpuid\n\t"
			 "mov %%eax, %%esi\n\t"
			 "xor %%eax, %%eax\n\t"
			 "xor %%ecx, %%ecx\n\t"
			 "xor %%edx, %%edx\n\t"
			 "wrpkru\n\t"
			 "mov %%esi, %%eax"
			 : "+a"(eax)
			 :
			 : "rbx", "rcx", "rdx", "rsi", "memory");
	report_true("an_exit_goes_on_with_all_keys_denied", eax >= 7 && eax != UINT32_MAX);
}

uint32_t guest_main(void)
{
	check_hidden_features();
	if (guest_cpuid(0, 0).eax < 7 || (guest_cpuid(7, 0).ecx & CPUID_7_ECX_PKU) == 0) {
		report_skip("protection_keys", "the CPU has none");
		return report_result();
	}
	guest_map_2m(PAGE, FRAME, GUEST_PAGE_DEFAULT | KEY << PAGE_KEY_SHIFT);
	guest_write_cr4(guest_read_cr4() | CR4_PKE);
	for (size_t scope = 0; scope < sizeof(scopes) / sizeof(scopes[0]); scope++) {
		for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
			check_rule(scope, i);
		}
	}
	check_exits_with_all_keys_denied();
	guest_write_cr4(guest_read_cr4() & ~CR4_PKE);
	return report_result();
}
