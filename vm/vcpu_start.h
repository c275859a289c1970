/* SPDX-License-Identifier: MIT */
#ifndef VM_VCPU_START_H
#define VM_VCPU_START_H

#include "lib/types.h"

enum vcpu_start_mode {
	VCPU_START_PROTECTED_MODE, /* 32-bit, flat segments, paging off: the Multiboot way. */
	VCPU_START_REAL_MODE,
	VCPU_START_64_BIT_MODE, /* Flat segments, by the selectors of vm/linux_boot_area.h. */
};

/* How a processor begins. What is not named here is as after a reset. */
struct vcpu_start {
	enum vcpu_start_mode mode;
	uint16_t code_segment; /* Real mode only: CS's selector; its base is 16 times as much. */
	uint16_t gdt_limit;
	uint64_t rip;
	uint64_t rsp;
	uint64_t rax;
	uint64_t rbx;
	uint64_t rdx;
	uint64_t rsi;
	uint64_t cr3; /* 64-bit mode only. */
	uint64_t gdt;
};

#endif
