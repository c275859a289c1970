/* SPDX-License-Identifier: MIT */
/* SOURCES: cpu/protection.c */
#include "cpu/protection.h"

#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "cpu/registers.h"
#include "fake_insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define EFER_LONG_MODE 0x500ull
#define OUR_CR0        0x80010033ull

static uint64_t pml4[512] __attribute__((aligned(4096)));
static const struct paging paging = {.pml4 = pml4, .has_nx = true};

static uint64_t msr(uint32_t number)
{
	uint64_t value = UINT64_MAX;

	assert_true(fake_msr_get(number, &value));
	return value;
}

static void set_cpu(struct cpuid_result features, struct cpuid_result structured)
{
	fake_insn_reset();
	fake_cpuid_set(CPUID_LEAF_BASIC, 0, (struct cpuid_result){.eax = 0xd});
	fake_cpuid_set(CPUID_LEAF_FEATURES, 0, features);
	fake_cpuid_set(CPUID_LEAF_STRUCTURED, 0, structured);
	fake_msr_set(MSR_IA32_EFER, EFER_LONG_MODE);
	fake_cpu.cr0 = CR0_PG | CR0_PE;
	fake_cpu.cr4 = CR4_PAE;
}

/* All of it is off afterwards: caches, FPU and alignment traps, CET, keys, records. */
static void nothing_stays_that_firmware_left(void **state)
{
	(void)state;
	set_cpu((struct cpuid_result){.eax = 0}, (struct cpuid_result){.eax = 0});
	fake_cpu.cr0 = UINT32_MAX;
	fake_cpu.cr4 = UINT32_MAX & ~CR4_VMXE;
	fake_msr_set(MSR_IA32_DEBUGCTL, DEBUGCTL_LBR | DEBUGCTL_BTF);
	fake_msr_set(MSR_IA32_S_CET, 3);
	fake_msr_set(MSR_IA32_XSS, 0x1800);
	protection_enable(&paging);
	assert_int_equal(fake_cpu.cr0, OUR_CR0);
	assert_int_equal(fake_cpu.cr4, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT);
	assert_int_equal(fake_cpu.cr3, (uintptr_t)pml4);
	assert_int_equal(msr(MSR_IA32_DEBUGCTL), 0);
	assert_int_equal(msr(MSR_IA32_S_CET), 0);
	assert_int_equal(msr(MSR_IA32_XSS), 0);
	assert_int_equal(msr(MSR_IA32_EFER), EFER_LONG_MODE | EFER_NXE);
}

static void what_the_cpu_lacks_is_left_alone(void **state)
{
	uint64_t value;

	(void)state;
	set_cpu((struct cpuid_result){.eax = 0}, (struct cpuid_result){.eax = 0});
	fake_msr_remove(MSR_IA32_DEBUGCTL);
	fake_msr_remove(MSR_IA32_S_CET);
	fake_msr_remove(MSR_IA32_XSS);
	protection_enable(&paging);
	assert_false(fake_msr_get(MSR_IA32_DEBUGCTL, &value));
	assert_false(fake_msr_get(MSR_IA32_S_CET, &value));
	assert_false(fake_msr_get(MSR_IA32_XSS, &value));
}

static void what_the_cpu_has_is_used(void **state)
{
	const uint32_t all = UINT32_MAX;

	(void)state;
	set_cpu((struct cpuid_result){all, all, all, all},
		(struct cpuid_result){all, all, all, all});
	fake_msr_set(MSR_IA32_PAT, 0);
	protection_enable(&paging);
	assert_int_equal(fake_cpu.cr0, OUR_CR0);
	assert_int_equal(fake_cpu.cr4, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE |
					       CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_UMIP);
	assert_int_equal(msr(MSR_IA32_PAT), PAGING_PAT_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_stays_that_firmware_left),
		cmocka_unit_test(what_the_cpu_lacks_is_left_alone),
		cmocka_unit_test(what_the_cpu_has_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
