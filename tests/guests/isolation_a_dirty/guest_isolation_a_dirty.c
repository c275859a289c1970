/* SPDX-License-Identifier: MIT */
/* Leaves a pattern in every register and all over memory, for the next guest to look for. */
#include "guest/runtime/guest_insn.h"
#include "guest/runtime/guest_report.h"
#include "guest/runtime/guest_runtime.h"
#include "tests/guests/shared/isolation.h"

static void dirty_msrs(void)
{
	static const uint32_t msrs[] = ISOLATION_MSRS;

	for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		guest_wrmsr(msrs[i], ISOLATION_PATTERN & 0x7fffffffu);
	}
	guest_wrmsr(0x277, ISOLATION_PAT_DIRTY);
}

static void dirty_registers(void)
{
	const uint64_t pattern = ISOLATION_PATTERN;

	__asm__ volatile("mov %0, %%dr0\n mov %0, %%dr1\n mov %0, %%dr2\n mov %0, %%dr3"
			 :
			 : "r"(pattern & 0x7fffffffu));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff4fffull));
	__asm__ volatile("mov %0, %%cr2" : : "r"(pattern));
	__asm__ volatile("mov %0, %%cr8" : : "r"(5ull));
}

static void dirty_vectors(void)
{
	const uint32_t mxcsr = 0x1fbf;
	const uint64_t pattern = ISOLATION_PATTERN;

	guest_write_cr4(guest_read_cr4() | CR4_OSFXSR);
	__asm__ volatile("fninit\n fldpi\n fldl2e" : : : "memory");
	__asm__ volatile("movq %0, %%xmm0\n movq %0, %%xmm7\n movq %0, %%xmm15" : : "r"(pattern));
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	if ((guest_cpuid(1, 0).ecx & (1u << 28)) != 0) {
		guest_write_cr4(guest_read_cr4() | CR4_OSXSAVE);
		guest_xsetbv(0, 7);
		__asm__ volatile("vinsertf128 $1, %%xmm0, %%ymm3, %%ymm3" : :);
	}
}

uint32_t guest_main(void)
{
	volatile uint64_t *memory = (volatile uint64_t *)ISOLATION_MEMORY;

	while ((uint64_t)(uintptr_t)memory < guest_memory_end()) {
		*memory++ = ISOLATION_PATTERN;
	}
	dirty_msrs();
	dirty_registers();
	dirty_vectors();
	report_pass("left_a_pattern_everywhere");
	return report_result();
}
