/* SPDX-License-Identifier: MIT */
/* Runs behind isolation_a_dirty: everything is as after a reset, and nothing of it is left. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/isolation.h"

enum { FXSAVE_BYTES = 512, XMM_OFFSET = 160, XMM_BYTES = 256, FCW_RESET = 0x37f };

static void check_msrs(void)
{
	static const uint32_t msrs[] = ISOLATION_MSRS;

	for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		report_equal("msr_is_as_after_reset", guest_rdmsr(msrs[i]), 0);
	}
	report_equal("pat_is_as_after_reset", guest_rdmsr(0x277), ISOLATION_PAT_RESET);
}

static void check_registers(void)
{
	uint64_t value;

	__asm__ volatile("mov %%dr0, %0" : "=r"(value));
	report_equal("dr0_is_0", value, 0);
	__asm__ volatile("mov %%dr3, %0" : "=r"(value));
	report_equal("dr3_is_0", value, 0);
	__asm__ volatile("mov %%dr6, %0" : "=r"(value));
	report_equal("dr6_is_as_after_reset", value, 0xffff0ff0);
	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	report_equal("cr2_is_0", value, 0);
	__asm__ volatile("mov %%cr8, %0" : "=r"(value));
	report_equal("cr8_is_0", value, 0);
}

static void check_vectors(void)
{
	static uint8_t area[FXSAVE_BYTES] __attribute__((aligned(16)));
	uint64_t sum = 0;

	guest_write_cr4(guest_read_cr4() | CR4_OSFXSR);
	__asm__ volatile("fxsave64 %0" : "=m"(area));
	for (unsigned i = 0; i < XMM_BYTES; i++) {
		sum += area[XMM_OFFSET + i];
	}
	report_equal("xmm_registers_are_0", sum, 0);
	report_equal("x87_control_word_is_as_initialised", *(uint16_t *)area, FCW_RESET);
	report_equal("x87_registers_are_empty", area[4], 0);
	report_equal("mxcsr_is_as_after_reset", *(uint32_t *)(area + 24), 0x1f80);
	if ((guest_cpuid(1, 0).ecx & (1u << 26)) != 0) {
		guest_write_cr4(guest_read_cr4() | CR4_OSXSAVE);
		report_equal("xcr0_is_1", guest_xgetbv(0), 1);
	}
}

static void check_upper_halves(void)
{
	static uint8_t ymm[32] __attribute__((aligned(32)));
	uint64_t sum = 0;

	if ((guest_cpuid(1, 0).ecx & (1u << 28)) == 0) {
		report_skip("ymm_registers_are_0", "no AVX");
		return;
	}
	guest_xsetbv(0, 7);
	__asm__ volatile("vmovdqa %%ymm3, %0" : "=m"(ymm));
	for (unsigned i = 0; i < sizeof(ymm); i++) {
		sum += ymm[i];
	}
	report_equal("ymm_registers_are_0", sum, 0);
}

uint32_t guest_main(void)
{
	const volatile uint64_t *memory = (const volatile uint64_t *)ISOLATION_MEMORY;
	uint64_t found = 0;

	/* Before anything else is done. */
	while ((uint64_t)(uintptr_t)memory < guest_memory_end()) {
		found += *memory++ != 0 ? 1 : 0;
	}
	report_equal("all_of_ram_is_zero", found, 0);
	check_msrs();
	check_registers();
	check_vectors();
	check_upper_halves();
	return report_result();
}
