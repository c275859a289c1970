/* SPDX-License-Identifier: MIT */
#ifndef VM_LINUX_BOOT_AREA_H
#define VM_LINUX_BOOT_AREA_H

#include "vm/linux_boot_params.h"

enum {
	LINUX_CODE_SELECTOR = 0x10, /* __BOOT_CS: flat, 64-bit, execute and read. */
	LINUX_DATA_SELECTOR = 0x18, /* __BOOT_DS: flat, read and write. */
	LINUX_GDT_ENTRY_COUNT = 4,
	LINUX_TABLE_ENTRY_COUNT = 512,
	LINUX_MAPPED_GIB = 4,
};

/*
 * What the 64-bit entry wants in low memory besides the kernel: the zero page, and the tables that
 * the CPU uses until the kernel has its own.
 */
struct linux_boot_area {
	struct linux_boot_params params;
	uint64_t gdt[LINUX_TABLE_ENTRY_COUNT];
	uint64_t pml4[LINUX_TABLE_ENTRY_COUNT];
	uint64_t page_directory_pointers[LINUX_TABLE_ENTRY_COUNT];
	uint64_t page_directories[LINUX_MAPPED_GIB][LINUX_TABLE_ENTRY_COUNT];
};

/* Above the first 64 KiB, which kernels like to leave to the firmware. */
#define LINUX_BOOT_AREA_ADDRESS KIB(64)
#define LINUX_COMMAND_LINE      (LINUX_BOOT_AREA_ADDRESS + sizeof(struct linux_boot_area))
#define LINUX_COMMAND_LINE_ROOM (LOW_MEMORY_END - LINUX_COMMAND_LINE)

/*
 * Fills the GDT and the page tables (the first 4 GiB mapped onto themselves, which is all below
 * the device hole, with 2 MiB pages) for an area that lies at guest-physical address `address`,
 * 4 KiB-aligned; params are zeroed. Context: any; pure.
 * Source: The Linux/x86 Boot Protocol, "64-bit Boot Protocol".
 */
void linux_boot_area_fill(struct linux_boot_area *area, gpa_t address);

#endif
